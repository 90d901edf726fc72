package report_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
)

// hostile commands a terminal, ends a text early, begins a line of its own, turns the
// direction of writing and opens a tag.
const hostile = "x\x1b[2J\x00\u202e\u2066<b>&'\"\nFORGED"

// tame sees to it that nothing of what others wrote is printed but as text.
func tame(t *testing.T, name, printed string) {
	t.Helper()
	for _, bad := range []string{"\x1b", "\x00", "\u202e", "\u2066", "\nFORGED"} {
		if at := strings.Index(printed, bad); at >= 0 {
			t.Errorf("%s: prints %q: %q", name, bad, printed[max(0, at-80):min(len(printed), at+30)])
		}
	}
	if strings.HasSuffix(name, ".html") && strings.Contains(printed, "<b>") {
		t.Errorf("%s: has a tag of others", name)
	}
}

// poison adds it to every text of a value that is none of our own words.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		ours := []string{"Schema", "VantagePointsFrom", "CandidatesFrom", "Metric", "Unit", "Paths"}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !slices.Contains(ours, f.Name) {
				poison(v.Field(i))
			}
		}
	case reflect.String:
		switch v.Interface().(type) {
		case string, measurement.RSI, measurement.VantagePoint:
			v.SetString(v.String() + hostile)
		}
	}
}

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
	poison(reflect.ValueOf(d))
	for _, of := range []*report.Document{d, d.Public()} {
		var text, page bytes.Buffer
		if err := of.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if err := of.WriteHTML(&page, result); err != nil {
			t.Fatal(err)
		}
		tame(t, "text", text.String())
		tame(t, ".html", page.String())
	}
}

// TestHostileSurvey is the same of a survey.
func TestHostileSurvey(t *testing.T) {
	p := candidates(t)
	store, _ := surveyed(t, p)
	s := fillSurvey(t, p, store, "")
	poison(reflect.ValueOf(s))
	var text, page bytes.Buffer
	if err := s.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	tame(t, "text", text.String())
	tame(t, ".html", page.String())
}

// TestHostileLake: what servers and vantage points sent is in no file for people but as
// text, nor in a note.
func TestHostileLake(t *testing.T) {
	store, p := lying(t)
	amend(t, store, func(a *measurement.Answer) {
		if a.NSID != nil {
			a.NSID = new(*a.NSID + hostile)
		}
		if a.QName != "" {
			a.QName += hostile
		}
		if len(a.Failures) > 0 {
			a.Failures = []string{a.Failures[0] + hostile}
		}
		if a.RSI == "m" {
			a.RSI += hostile
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
		tame(t, "note", n)
	}
	seen := 0
	err := filepath.WalkDir(j.Out, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".txt", ".html"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		seen++
		tame(t, path, string(text))
		return err
	})
	if err != nil || seen < 10 {
		t.Errorf("%d files, %v", seen, err)
	}
	if text, err := json.Marshal(d.Internal.Instances); err != nil || !bytes.Contains(text, []byte("FORGED")) {
		t.Errorf("the data has no hostile names: %v", err)
	}
}
