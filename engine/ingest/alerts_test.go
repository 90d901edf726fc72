package ingest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// alertFiles are three intervals of two vantage points; the second is refused.
func alertFiles(c *collector) {
	for name, vp := range map[string]measurement.VantagePoint{"202611220005-101.alerts.json": "101", "202611220010-102.alerts.json": "102", "202611220000-101.alerts.json": "101"} {
		path := filepath.Join(c.box(vp), name)
		if err := os.WriteFile(path, []byte(`"`+name[:12]+`"`), 0o644); err != nil {
			c.t.Fatal(err)
		}
		if err := files.WriteSidecar(path); err != nil {
			c.t.Fatal(err)
		}
	}
}

// taking notes what is handed over and refuses the second interval.
func taking(c *collector) *[]string {
	var got []string
	c.in.Alerts = func(vp measurement.VantagePoint, label time.Time, data []byte) (string, error) {
		got = append(got, string(vp)+" "+label.Format("15:04")+" "+string(data))
		if strings.Contains(string(data), "0005") {
			return "not to be had", nil
		}
		return "", nil
	}
	return &got
}

func TestAlertsAreHandedOverInOrder(t *testing.T) {
	c := newCollector(t)
	alertFiles(c)
	got := taking(c)
	r := c.ingest()
	want := []string{`101 00:00 "202611220000"`, `101 00:05 "202611220005"`, `102 00:10 "202611220010"`}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Error(diff)
	}
	if r.Files != 2 || len(r.Quarantined) != 1 || r.Quarantined[0].Reason != "not to be had" {
		t.Errorf("%+v", r)
	}
	c.ingest()
	if len(*got) != 3 {
		t.Errorf("handed over again: %q", *got)
	}
}

// TestAlertsAreNotLost breaks the run off before each step in turn: whatever left its
// dropbox was handed over.
func TestAlertsAreNotLost(t *testing.T) {
	for n := 1; ; n++ {
		c := newCollector(t)
		alertFiles(c)
		got := taking(c)
		steps := 0
		c.in.Step = func(string) error {
			if steps++; steps == n {
				return errKilled
			}
			return nil
		}
		_, err := c.in.Run(t.Context())
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		left, globErr := filepath.Glob(filepath.Join(c.dir, "sftp", "*", "incoming", "*.alerts.json"))
		if globErr != nil || len(left)+len(*got) < 3 {
			t.Fatalf("step %d: %d left in their dropboxes, %q handed over", n, len(left), *got)
		}
		if err == nil {
			if n < 5 {
				t.Fatalf("a run of %d steps", n)
			}
			return
		}
	}
}
