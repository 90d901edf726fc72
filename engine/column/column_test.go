package column_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var label = sample.Label

func ptr[T any](v T) *T { return &v }

func write[T column.Row](t testing.TB, rows []T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.parquet")
	meta := column.Metadata{Version: "1.0.0", Plan: "rssac047", PlanSHA256: strings.Repeat("ab", 32), Run: sample.Run()}
	if err := column.Write(path, rows, meta); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRowsReadBack(t *testing.T) {
	want := sample.Answers()
	path := write(t, want)
	got, meta, err := column.Read[measurement.Answer](path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if got[1].Response != nil || got[1].NSID != nil || got[1].LatencyUS != nil || got[1].AA != nil {
		t.Error("an absent value came back as a value")
	}
	wantMeta := column.Metadata{Version: "1.0.0", Schema: column.Schema(), Plan: "rssac047", PlanSHA256: strings.Repeat("ab", 32), Run: sample.Run()}
	if diff := cmp.Diff(wantMeta, meta); diff != "" {
		t.Error(diff)
	}
}

func TestRoutesAndRunsReadBack(t *testing.T) {
	routes := []measurement.Route{
		{VantagePoint: "101", Interval: label, StartedAt: label, RSI: "a", Family: "ipv4", Address: "198.41.0.4", Method: "icmp-echo-paris",
			StopReason: "COMPLETED", Reached: true, Complete: true, HopCount: 3,
			Hops: []measurement.Hop{{TTL: 1, Address: ptr("10.0.0.1"), RTTUS: ptr(int64(63))}, {TTL: 2}, {TTL: 3, Address: ptr("198.41.0.4"), RTTUS: ptr(int64(0))}}},
		{VantagePoint: "101", Interval: label, StartedAt: label, RSI: "a", Family: "ipv6", Address: "2001:503:ba3e::2:30", StopReason: "NONE"},
	}
	got, _, err := column.Read[measurement.Route](write(t, routes))
	if diff := cmp.Diff(routes, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Error(err, diff)
	}
	runs := []measurement.Run{*sample.Run(), {VantagePoint: "102", Interval: label, StartedAt: label, ReceivedAt: label}}
	runs[0].ReceivedAt = label
	gotRuns, _, err := column.Read[measurement.Run](write(t, runs))
	if diff := cmp.Diff(runs, gotRuns); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// The law of the files: whatever the rows and their order, what is read back is
// what was written, in the order of the key.
func TestAnyRowsReadBackSorted(t *testing.T) {
	dir := t.TempDir()
	text := rapid.StringN(0, 40, 200)
	rapid.Check(t, func(t *rapid.T) {
		var rows []measurement.Answer
		for i := range rapid.IntRange(0, 50).Draw(t, "rows") {
			a := measurement.Answer{VantagePoint: "101", Interval: label.Add(time.Duration(i%3) * 5 * time.Minute), Query: rapid.SampledFrom([]string{"soa", "correctness"}).Draw(t, "query"),
				RSI: measurement.RSI(rune('a' + i%13)), Family: "ipv4", Transport: "udp", QName: text.Draw(t, "qname"),
				Attempts: rapid.Int32().Draw(t, "attempts"), NSID: rapid.Ptr(text, true).Draw(t, "nsid"), Serial: rapid.Ptr(rapid.Int64(), true).Draw(t, "serial"),
				AA: rapid.Ptr(rapid.Bool(), true).Draw(t, "aa"), Failures: rapid.SliceOfN(text, 0, 3).Draw(t, "failures")}
			if wire := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "wire"); len(wire) > 0 {
				a.Response = wire
			}
			rows = append(rows, a)
		}
		path := filepath.Join(dir, "any.parquet")
		given := slices.Clone(rows)
		if err := column.Write(path, rows, column.Metadata{Version: "1"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(given, rows); diff != "" {
			t.Fatalf("Write changed its argument: %s", diff)
		}
		got, _, err := column.Read[measurement.Answer](path)
		if err != nil {
			t.Fatal(err)
		}
		key := func(a measurement.Answer) string {
			return strings.Join([]string{a.Interval.Format(time.RFC3339), string(a.VantagePoint), a.Query, string(a.RSI), string(a.Family), string(a.Transport)}, "\x00")
		}
		slices.SortStableFunc(rows, func(a, b measurement.Answer) int { return strings.Compare(key(a), key(b)) })
		if diff := cmp.Diff(rows, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSchemas(t *testing.T) {
	var b strings.Builder
	for number := 1; number <= column.Schema(); number++ {
		for _, table := range column.Tables {
			fmt.Fprintf(&b, "schema %d: %s\n", number, column.SchemaOf(table, number))
		}
	}
	golden := filepath.Join("testdata", "schemas.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the column contract changed (analysts' programs depend on it):\n%s", diff)
	}
}

// What every engine reads: zstd, v1 pages, strings by dictionary, statistics that
// are the same of a column and of its only page, the sort order written down.
func TestFileForm(t *testing.T) {
	path := write(t, sample.Answers())
	var group format.RowGroup
	if err := column.Open(path, column.Answers, func(f *column.File) error { group = f.File.Metadata().RowGroups[0]; return nil }); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var sorted []string
	for _, s := range group.SortingColumns {
		sorted = append(sorted, group.Columns[s.ColumnIdx].MetaData.PathInSchema[0])
	}
	if got := strings.Join(sorted, " "); got != "interval vantage_point query rsi family transport" {
		t.Errorf("sorted by %s", got)
	}
	for _, c := range group.Columns {
		name := strings.Join(c.MetaData.PathInSchema, ".")
		if c.MetaData.Codec != format.Zstd {
			t.Errorf("%s: codec %s", name, c.MetaData.Codec)
		}
		dictionary := slices.Contains(c.MetaData.Encoding, format.RLEDictionary)
		isText := c.MetaData.Type == format.ByteArray
		if isText != dictionary {
			t.Errorf("%s: encodings %v", name, c.MetaData.Encoding)
		}
		if slices.Contains(c.MetaData.Encoding, format.DeltaLengthByteArray) {
			t.Errorf("%s: DELTA_LENGTH, which old Spark refuses", name)
		}
		for _, s := range c.MetaData.EncodingStats {
			if s.PageType == format.DataPageV2 {
				t.Errorf("%s: v2 pages", name)
			}
		}
		var page format.PageHeader
		protocol := thrift.CompactProtocol{}
		if err := thrift.NewDecoder(protocol.NewReader(bytes.NewReader(data[c.MetaData.DataPageOffset:]))).Decode(&page); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := page.DataPageHeader.V.Statistics.NullCount; got != c.MetaData.Statistics.NullCount {
			t.Errorf("%s: its page claims %d nulls, itself %d", name, got, c.MetaData.Statistics.NullCount)
		}
		if name == "interval" && (len(c.MetaData.Statistics.MinValue) == 0 || len(c.MetaData.Statistics.MaxValue) == 0) {
			t.Errorf("%s: no statistics", name)
		}
	}
}

func TestWriteIsAtomic(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.parquet")
	if err := os.Mkdir(path, 0o755); err != nil { // the rename must fail
		t.Fatal(err)
	}
	if err := column.Write(path, sample.Answers(), column.Metadata{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestSidecar(t *testing.T) {
	path := write(t, sample.Answers())
	if err := files.CheckSidecar(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without sidecar: %v", err)
	}
	if err := files.WriteSidecar(path); err != nil {
		t.Fatal(err)
	}
	if err := files.CheckSidecar(path); err != nil {
		t.Error(err)
	}
	cmd := exec.Command("sha256sum", "--check", "--strict", filepath.Base(files.Sidecar(path)))
	cmd.Dir = filepath.Dir(path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := files.CheckSidecar(path); err == nil {
		t.Error("a flipped bit was not noticed")
	}
	for _, text := range []string{"", "no sum", strings.Repeat("a", 600), strings.Repeat("0", 64) + "  other.parquet\n"} {
		if err := os.WriteFile(files.Sidecar(path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := files.CheckSidecar(path); err == nil || !strings.Contains(err.Error(), "want one line") {
			t.Errorf("sidecar %.20q: %v", text, err)
		}
	}
}

func TestNames(t *testing.T) {
	if got := spool.Name(label, "101", column.Answers); got != "202611222240-101.answers.parquet" {
		t.Error(got)
	}
	at, vp, table, err := spool.ParseName("202611222240-101.routes.parquet")
	if err != nil || !at.Equal(label) || vp != "101" || table != column.Routes {
		t.Error(at, vp, table, err)
	}
	for _, name := range []string{"", "202611222241-101.answers.parquet", "202611222240-1.answers.parquet", "202611222240-101.runs.parquet",
		"202611222240-101.answers.parquet.sha256", "../202611222240-101.answers.parquet", "202611222240-101.answers"} {
		if _, _, _, err := spool.ParseName(name); err == nil {
			t.Errorf("%q was read", name)
		}
	}
}

func TestTableOf(t *testing.T) {
	for want, path := range map[column.Table]string{
		column.Answers: write(t, sample.Answers()),
		column.Routes:  write(t, []measurement.Route{{}}),
		column.Runs:    write(t, []measurement.Run{{}}),
	} {
		if got, err := column.Which(path); got != want || err != nil {
			t.Errorf("%s: %s, %v", want, got, err)
		}
	}
}

// A row without a response has none when read, whatever the rows beside it have.
func TestNullResponsesStayNull(t *testing.T) {
	for name, c := range map[string]struct {
		set func(a *measurement.Answer)
		has func(a measurement.Answer) bool
	}{
		"response":       {func(a *measurement.Answer) { a.Response = []byte{1} }, func(a measurement.Answer) bool { return a.Response != nil }},
		"first_response": {func(a *measurement.Answer) { a.FirstResponse = []byte{} }, func(a measurement.Answer) bool { return a.FirstResponse != nil }},
		"extra":          {func(a *measurement.Answer) { a.Extra = []measurement.Extra{} }, func(a measurement.Answer) bool { return a.Extra != nil }},
	} {
		for pattern := range 1 << 7 {
			var rows []measurement.Answer
			for i := range 7 {
				a := measurement.Answer{VantagePoint: "101", Interval: label, RSI: measurement.RSI(rune('a' + i))}
				if pattern>>i&1 == 1 {
					c.set(&a)
				}
				rows = append(rows, a)
			}
			got, _, err := column.Read[measurement.Answer](write(t, rows))
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				if c.has(got[i]) != c.has(rows[i]) {
					t.Fatalf("%s, pattern %07b: row %d has it: %v", name, pattern, i, c.has(got[i]))
				}
			}
		}
	}
}
