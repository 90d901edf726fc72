package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// A terminal must not obey what a file of others says, in whatever column.
func TestShowPrintsWhatPrints(t *testing.T) {
	evil := "a\x1b[2J\x00\nb\u009b1m\u202e\U000e0001"
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	row := measurement.Answer{VantagePoint: measurement.VantagePoint(evil), Interval: at, Query: evil, RSI: measurement.RSI(evil), Family: measurement.Family(evil),
		Transport: measurement.Transport(evil), Address: evil, QName: evil, QType: evil, Outcome: measurement.Outcome(evil), Error: &evil, RCode: &evil, NSID: &evil, Failures: []string{evil}}
	route := measurement.Route{VantagePoint: "101", Interval: at, StartedAt: at, RSI: measurement.RSI(evil), Method: evil, StopReason: evil, Hops: []measurement.Hop{{TTL: 1, Address: &evil}}}
	run := measurement.Run{VantagePoint: "101", Interval: at, StartedAt: at, ReceivedAt: at, Plan: evil, EngineVersion: evil, Timestamps: evil}
	files := []string{filepath.Join(dir, "a.parquet"), filepath.Join(dir, "b.parquet"), filepath.Join(dir, "c.parquet")}
	for _, err := range []error{
		column.Write(files[0], []measurement.Answer{row}, column.Metadata{}),
		column.Write(files[1], []measurement.Route{route}, column.Metadata{}),
		column.Write(files[2], []measurement.Run{run}, column.Metadata{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"show"}, {"show", "--json"}} {
		var out, errs bytes.Buffer
		if code := cli.Run(append(args, files...), strings.NewReader(""), &out, &errs); code != 0 || errs.Len() > 0 {
			t.Fatalf("%v: %d, %q", args, code, errs.String())
		}
		for i, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%v: %q at %d", args, r, i)
			}
		}
		if lines := strings.Count(out.String(), "\n"); lines != map[bool]int{true: 3, false: 6}[len(args) > 1] {
			t.Errorf("%v: %d lines:\n%s", args, lines, out.String())
		}
		if len(args) > 1 {
			var got struct{ QName string }
			line, _, _ := strings.Cut(out.String(), "\n")
			if err := json.Unmarshal([]byte(line), &got); err != nil || got.QName != evil {
				t.Errorf("%v, %q", err, got.QName)
			}
		}
	}
}
