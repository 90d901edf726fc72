package alert_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
)

var at = time.Date(2026, 11, 22, 22, 40, 3, 999, time.FixedZone("elsewhere", 3600))

func TestEventLine(t *testing.T) {
	for _, c := range []struct {
		name  string
		event alert.Event
		want  string
	}{
		{"bare", alert.Event{Time: at, Machine: "101", Severity: alert.Warning, State: alert.Firing, Rule: "disk-filling",
			Labels: []alert.Label{{"rsi", "a"}, {"path", "ipv6/tcp"}}, Summary: "disk 81% full"},
			`2026-11-22T21:40:03Z 101 warning FIRING rule=disk-filling rsi=a path=ipv6/tcp "disk 81% full"`},
		{"quoted", alert.Event{Time: at, Machine: "c00", Severity: alert.Critical, State: alert.Fatal, Rule: "mtric.ingest",
			Labels: []alert.Label{{"file", `a "b" c`}, {"k", "x=y"}, {"empty", ""}, {"line", "a\nb"}}, Summary: "two\nlines"},
			`2026-11-22T21:40:03Z c00 critical FATAL rule=mtric.ingest file="a \"b\" c" k="x=y" empty="" line="a\nb" "two\nlines"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.event.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func newBook(t *testing.T) *alert.Book {
	home := t.TempDir()
	b := &alert.Book{Machine: "101", Logs: filepath.Join(home, "Logs"), State: filepath.Join(home, "State"),
		Now: func() time.Time { return at }}
	if err := os.Mkdir(b.Logs, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

func lines(t *testing.T, b *alert.Book) []string {
	data, err := os.ReadFile(b.File())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

var unsent = alert.Condition{Rule: "mtric.push", Severity: alert.Warning, Summary: "collector not reached"}

func TestConditionIsWrittenWhenItChanges(t *testing.T) {
	b := newBook(t)
	for _, holds := range []bool{false, true, true, true, false, false, true} {
		if err := b.Set(unsent, holds); err != nil {
			t.Fatal(err)
		}
	}
	var states []string
	for _, l := range lines(t, b) {
		states = append(states, strings.Fields(l)[3])
	}
	if got := strings.Join(states, " "); got != "FIRING RESOLVED FIRING" {
		t.Errorf("states %s", got)
	}
}

func TestConditionsDifferByLabels(t *testing.T) {
	b := newBook(t)
	for _, v := range []string{"a", "b", "a"} {
		c := unsent
		c.Labels = []alert.Label{{Name: "rsi", Value: v}}
		if err := b.Set(c, true); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(lines(t, b)); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func TestLostOrDamagedMemoryRepeatsWhatFires(t *testing.T) {
	b := newBook(t)
	for i := range 2 {
		if err := b.Set(unsent, true); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := os.WriteFile(filepath.Join(b.State, "alerts.json"), []byte("{damaged"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(lines(t, b)); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func TestManyWritersNeverMixLines(t *testing.T) {
	b := newBook(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			c := unsent
			c.Labels = []alert.Label{{Name: "n", Value: strings.Repeat(string(rune('a'+i)), 200)}}
			if err := b.Set(c, true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := lines(t, b)
	if len(got) != 20 {
		t.Fatalf("%d lines, want 20", len(got))
	}
	for _, l := range got {
		if !strings.HasPrefix(l, "2026-11-22T21:40:03Z 101 warning FIRING rule=mtric.push n=") || !strings.HasSuffix(l, `"collector not reached"`) {
			t.Errorf("mixed line %q", l)
		}
	}
}

func TestFatal(t *testing.T) {
	b := newBook(t)
	if err := b.Fatal("measure", errors.New("disk full")); err != nil {
		t.Fatal(err)
	}
	want := `2026-11-22T21:40:03Z 101 critical FATAL rule=mtric.measure "disk full"`
	if got := lines(t, b); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFatalWithoutLogsFolderWritesNothing(t *testing.T) {
	b := newBook(t)
	if err := os.Remove(b.Logs); err != nil {
		t.Fatal(err)
	}
	if err := b.Fatal("measure", errors.New("disk full")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.Logs); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Logs was made: %v", err)
	}
}
