package alert_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// newCollector is a collector with six hours of a lake in which g is down over one
// path from 13:00 to 14:00, and a board whose clock the test sets.
func newCollector(t *testing.T, now *time.Time) (*alert.Book, lake.Store) {
	t.Helper()
	rules, l := compile(t, "rssac047", "", "")
	if rules == nil {
		t.Fatal(l.Error())
	}
	home := t.TempDir()
	store := lake.Store{Dir: filepath.Join(home, "Lake")}
	if err := os.CopyFS(store.Dir, simulated(t, rules.Plan)); err != nil {
		t.Fatal(err)
	}
	b := &alert.Book{Machine: "c00", Logs: filepath.Join(home, "Logs"), State: filepath.Join(home, "State"), Rules: rules,
		Now: func() time.Time { return *now }}
	if err := os.MkdirAll(b.Logs, 0o755); err != nil {
		t.Fatal(err)
	}
	return b, store
}

var (
	simulating sync.Once
	sixHours   = fstest.MapFS{}
)

// simulated is the lake of newCollector, made once.
func simulated(t *testing.T, p *plan.Plan) fs.FS {
	t.Helper()
	simulating.Do(func() { simulateInto(t, p, sixHours) })
	if len(sixHours) == 0 {
		t.Fatal("the lake could not be simulated")
	}
	return sixHours
}

func simulateInto(t *testing.T, p *plan.Plan, to fstest.MapFS) {
	t.Helper()
	faults, l := plan.LoadFaults([]byte(`fault "dead" {
  kind  = "down"
  rsis  = ["g"]
  paths = ["ipv4/udp"]
  from  = "2026-11-01T13:00:00Z"
  until = "2026-11-01T14:00:00Z"
}`), "faults.hcl", p)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	dir := filepath.Join(t.TempDir(), "Lake")
	vps := []measurement.VantagePoint{"101", "301", "501", "601"}
	c := simulate.Config{Plan: p, VantagePoints: vps, From: noon, Until: noon.Add(6 * time.Hour), Seed: 1, Faults: faults}
	if _, err := simulate.Run(t.Context(), dir, c); err != nil {
		t.Fatal(err)
	}
	made := os.DirFS(dir)
	err := fs.WalkDir(made, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(made, path)
		to[path] = &fstest.MapFile{Data: data, Mode: 0o644}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func evaluate(t *testing.T, b *alert.Book, s lake.Store) alert.Result {
	t.Helper()
	r, err := b.EvaluateWindow(t.Context(), s)
	if err != nil || len(r.Errors) > 0 {
		t.Fatal(err, r.Errors)
	}
	return r
}

func TestWindowRulesAreToldOnce(t *testing.T) {
	now := noon.Add(time.Hour)
	b, store := newCollector(t, &now)
	evaluated := 0
	for ; now.Before(noon.Add(5 * time.Hour)); now = now.Add(time.Minute) {
		evaluated += evaluate(t, b, store).Evaluated
	}
	got := lines(t, b)
	if len(got) != 2 || !strings.Contains(got[0], " warning FIRING rule=rsi-unavailable rsi=g transport=udp family=ipv4 ") || !strings.Contains(got[1], ` RESOLVED rule=rsi-unavailable rsi=g transport=udp family=ipv4 "no longer: window.`) {
		t.Errorf("lines\n%s", strings.Join(got, "\n"))
	}
	// The first evaluation, of 12:55, goes back by the longest hold, 30 minutes.
	if want := 4*12 + 7; evaluated != want {
		t.Errorf("%d intervals evaluated, want %d", evaluated, want)
	}
}

func TestABacklogIsEvaluatedAsIfItHadNot(t *testing.T) {
	now := noon.Add(time.Hour)
	b, store := newCollector(t, &now)
	evaluate(t, b, store)
	now = noon.Add(5 * time.Hour)
	if r := evaluate(t, b, store); r.Evaluated != 48 || len(r.Firing) != 0 {
		t.Errorf("%d evaluated, %d firing", r.Evaluated, len(r.Firing))
	}
	if got := lines(t, b); len(got) != 2 {
		t.Errorf("lines\n%s", strings.Join(got, "\n"))
	}
}

func TestLostStateLosesNoWindowAlert(t *testing.T) {
	now := noon.Add(2 * time.Hour)
	b, store := newCollector(t, &now)
	for range 2 {
		if r := evaluate(t, b, store); len(r.Firing) != 1 {
			t.Fatalf("%d firing, want the one of g", len(r.Firing))
		}
		if err := os.WriteFile(filepath.Join(b.State, "alerts.json"), []byte("{half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := lines(t, b); len(got) != 2 || strings.Contains(got[1], "RESOLVED") {
		t.Errorf("lines\n%s", strings.Join(got, "\n"))
	}
	data, err := os.ReadFile(filepath.Join(b.Logs, "c00-alerts.prom"))
	if err != nil || !strings.Contains(string(data), `mtric_alert_firing{machine="c00",rule="rsi-unavailable",severity="warning",rsi="g",transport="udp",family="ipv4"} 1`) {
		t.Errorf("%v\n%s", err, data)
	}
}

// TestFlappingDoesNotFlood lets a condition come and go all day.
func TestFlappingDoesNotFlood(t *testing.T) {
	now := noon
	rules, l := compile(t, "rssac047", "", "")
	if rules == nil {
		t.Fatal(l.Error())
	}
	b := newBook(t)
	b.Rules = rules
	b.Now = func() time.Time { return now }
	for i := range 288 {
		now = noon.Add(time.Duration(i) * 5 * time.Minute)
		m := alert.Machine{}
		m.Disk.UsedPercent = new(80.0 + float64(i%2))
		if _, err := b.EvaluateMachine(m, "vantage_point"); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, line := range lines(t, b) {
		if strings.Contains(line, "disk-filling") {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d lines of an alert that flaps for a day", n)
	}
}
