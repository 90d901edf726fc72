package report_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/edition/hostile"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
)

// TestHostileEditions: the editions for people print what the plan, the lake and a report
// say as text, whatever it is.
func TestHostileEditions(t *testing.T) {
	store, p := lying(t)
	p.Exclusions = []plan.Note{{Label: "e", By: "b", Reason: "r", Added: monday, From: monday, Until: monday.Add(time.Hour), VantagePoints: []measurement.VantagePoint{"901"}, RSIs: []measurement.RSI{"b"}}}
	p.Annotations = p.Exclusions
	d := frame(t, p, monday.AddDate(0, 0, 14))
	result, err := d.Fill(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	d.Changes = []report.Change{{Revision: 2, Replaces: "x", What: []string{"w"}}}
	d.Internal.Proposals = []report.Proposal{{VantagePoint: "903", Family: measurement.IPv4, From: monday, Until: monday.Add(time.Hour), Intervals: 12}}
	d.Internal.Instances[0].NSID = new("nsid")
	hostile.Poison(d)
	for _, of := range []*report.Document{d, d.Public()} {
		var text, page bytes.Buffer
		if err := of.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if err := of.WriteHTML(&page, result); err != nil {
			t.Fatal(err)
		}
		hostile.Tame(t, "text", text.String())
		hostile.Tame(t, ".html", page.String())
	}
}

// TestHostileLake: what servers and vantage points sent is in no file for people but as
// text, nor in a note.
func TestHostileLake(t *testing.T) {
	store, p := lying(t)
	amend(t, store, func(a *measurement.Answer) {
		if a.NSID != nil {
			a.NSID = new(*a.NSID + hostile.Text)
		}
		if a.QName != "" {
			a.QName += hostile.Text
		}
		if len(a.Failures) > 0 {
			a.Failures = []string{a.Failures[0] + hostile.Text}
		}
		if a.RSI == "m" {
			a.RSI += hostile.Text
		}
	})
	j := newJob(p, store, t.TempDir())
	d := frame(t, p, monday.AddDate(0, 0, 14))
	if err := run(t, j, d); err != nil {
		t.Fatal(err)
	}
	if len(d.UnexpectedRSIs) != 1 {
		t.Fatalf("%q", d.UnexpectedRSIs)
	}
	for _, n := range d.Notes {
		hostile.Tame(t, "note", n)
	}
	seen := 0
	err := filepath.WalkDir(j.Out, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".txt", ".html"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		seen++
		hostile.Tame(t, path, string(text))
		return err
	})
	if err != nil || seen < 10 {
		t.Errorf("%d files, %v", seen, err)
	}
	if text, err := json.Marshal(d.Internal.Instances); err != nil || !bytes.Contains(text, []byte("FORGED")) {
		t.Errorf("the data has no hostile names: %v", err)
	}
}
