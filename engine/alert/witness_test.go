package alert_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// amend changes the rows of a day of a table, in their order.
func amend[T column.Row](t *testing.T, store lake.Store, table column.Table, change func(*T)) {
	t.Helper()
	path := store.Path(table, noon)
	rows, meta, err := column.Read[T](path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		change(&rows[i])
	}
	if err := column.Write(path, rows, meta); err != nil {
		t.Fatal(err)
	}
}

// accusation is an answer that is found incorrect: of whom, by whom and when after noon.
type accusation struct {
	rsi  measurement.RSI
	vp   measurement.VantagePoint
	at   time.Duration
	nsid string
}

func accuse(t *testing.T, store lake.Store, all []accusation) {
	t.Helper()
	done := map[accusation]bool{}
	amend(t, store, column.Answers, func(a *measurement.Answer) {
		for _, x := range all {
			if a.Query == "correctness" && a.RSI == x.rsi && a.VantagePoint == x.vp && a.Interval.Equal(noon.Add(x.at)) && a.Outcome == measurement.Answered {
				a.Verdict, done[x] = new(measurement.Incorrect), true
				if a.NSID = nil; x.nsid != "" {
					a.NSID = new(x.nsid)
				}
			}
		}
	})
	if len(done) != len(all) {
		t.Fatalf("%d of %d answers are in the lake", len(done), len(all))
	}
}

// ownRule is how an operator might ask for incorrect answers, in words of his own.
const ownRule = `
rule "mine" {
  on       = "window"
  over     = ["rsi", "vantage_point"]
  window   = "2h"
  severity = "critical"
  expr     = "100.0 * double(window.incorrect) > 0.1"
  summary  = "x"
}`

// TestOneWitnessIsAWarning has answers found incorrect by one vantage point alone, and by
// two: the first is a warning for an hour.
func TestOneWitnessIsAWarning(t *testing.T) {
	one := accusation{"b", "101", time.Hour, "n1.b"}
	const first, hour = "13:09", "14:09"
	for name, c := range map[string]struct {
		accused []accusation
		want    []string // of the rule over RSIs: time, severity and who saw it
	}{
		"one alone": {[]accusation{one}, []string{
			first + " warning vantage_points=1 nsid=n1.b", hour + " critical vantage_points=1 nsid=n1.b"}},
		"one alone, again and again": {[]accusation{one, {"b", "101", 80 * time.Minute, "n1.b"}, {"b", "101", 90 * time.Minute, "n2.b"}}, []string{
			first + " warning vantage_points=1 nsid=n1.b", hour + ` critical vantage_points=1 nsid="n1.b, n2.b"`}},
		"two at once": {[]accusation{one, {"b", "301", time.Hour, ""}}, []string{
			first + " critical vantage_points=2 nsid=n1.b"}},
		"a second one": {[]accusation{one, {"b", "301", 70 * time.Minute, "n1.b"}}, []string{
			first + " warning vantage_points=1 nsid=n1.b", "13:19 critical vantage_points=2 nsid=n1.b"}},
		"a second one of another RSI": {[]accusation{one, {"c", "301", time.Hour, ""}}, []string{
			first + " warning vantage_points=1 nsid=n1.b", hour + " critical vantage_points=1 nsid=n1.b"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := noon.Add(69 * time.Minute)
			b, store := newCollector(t, &now)
			inPlan(t, b, ownRule)
			accuse(t, store, c.accused)
			var series []string
			for ; now.Before(noon.Add(150 * time.Minute)); now = now.Add(5 * time.Minute) {
				evaluate(t, b, store)
				for line := range strings.Lines(prom(t, b)) {
					if strings.Contains(line, `rule="wrong-answer"`) && strings.Contains(line, `rsi="b"`) {
						series = append(series, strings.Fields(strings.ReplaceAll(line, ",", " "))[2])
					}
				}
			}
			told := lines(t, b)
			if got := toldOf(told, " FIRING rule=wrong-answer rsi=b"); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"), strings.Join(told, "\n"))
			}
			own := toldOf(told, " FIRING rule=mine rsi=b vantage_point=101")
			if want := c.want; !slices.Equal(own, want) {
				t.Errorf("an operator's own rule\n%s\nwant\n%s", strings.Join(own, "\n"), strings.Join(want, "\n"))
			}
			episodes, _, err := b.Rules.Backtest(t.Context(), store, noon, noon.Add(145*time.Minute), "wrong-answer")
			if err != nil || len(episodes) == 0 {
				t.Fatal(err, episodes)
			}
			e := episodes[0]
			since := e.From
			if e.Raised != nil {
				since = *e.Raised
			}
			past := fmt.Sprintf("%s %s vantage_points=%d nsid=%s", since.Add(4*time.Minute).Format("15:04"), e.Severity, e.VantagePoints, e.NSID)
			if last := strings.ReplaceAll(c.want[len(c.want)-1], `"`, ""); past != last || (e.Raised != nil) != (len(c.want) > 1) {
				t.Errorf("the backtest says %s, want %s", past, last)
			}
			if !slices.IsSortedFunc(series, func(x, y string) int { return -strings.Compare(x, y) }) || series[len(series)-1] != `severity="critical"` || len(series) != 17 {
				t.Errorf("series %s", series) // one each time; warning, then critical
			}
		})
	}
}

// toldOf cuts lines of that part to time, severity and who saw it.
func toldOf(lines []string, part string) (all []string) {
	for _, line := range lines {
		if before, after, found := strings.Cut(line, part); found {
			at, severity := before[11:16], before[strings.LastIndexByte(before, ' ')+1:]
			seen, _, _ := strings.Cut(after, ` "b.root `) // without the summary
			seen = strings.TrimSuffix(seen, ` "x"`)
			all = append(all, at+" "+severity+seen)
		}
	}
	return all
}

// TestNSIDsOfAnybodyAreHarmless has servers name themselves by what would move the cursor,
// end a text, or never end.
func TestNSIDsOfAnybodyAreHarmless(t *testing.T) {
	now := noon.Add(69 * time.Minute)
	b, store := newCollector(t, &now)
	var all []accusation
	for i, nsid := range []string{"\x1b[2J\x1b[H", `a" nsid="b`, strings.Repeat("long", 1000), "two\nlines", "ä\u202e", "f, g", "h"} {
		all = append(all, accusation{"b", []measurement.VantagePoint{"101", "301"}[i%2], time.Duration(i/2) * 5 * time.Minute, nsid})
	}
	accuse(t, store, all)
	evaluate(t, b, store)
	told := toldOf(lines(t, b), " FIRING rule=wrong-answer rsi=b")
	long := strings.Repeat("long", 16) + "…"
	text := `"\x1b[2J\x1b[H", "a\" nsid=\"b", "f, g", h, ` + long + ` and 2 more`
	want := fmt.Sprintf("13:09 critical vantage_points=2 nsid=%q", text)
	if !slices.Equal(told, []string{want}) {
		t.Errorf("got %s\nwant %s", told, want)
	}
	for _, r := range strings.Join(lines(t, b), " ") {
		if !unicode.IsPrint(r) {
			t.Errorf("%q on a line", r)
		}
	}
	if text := prom(t, b); strings.Contains(text, "long") || strings.Contains(text, "nsid") {
		t.Errorf("%s", text)
	}
}

// staleD is a collector whose lake shows a new root zone at all RSIs from 14:00 on, at d
// from 15:30 on. Vantage point 101 has shown it from 12:05 on.
func staleD(t *testing.T, now *time.Time) (*alert.Book, lake.Store) {
	t.Helper()
	b, store := newCollector(t, now)
	inPlan(t, b, "")
	const old, fresh = 2026110100, 2026110101
	amend(t, store, column.Answers, func(a *measurement.Answer) {
		if a.Query != "soa" || a.Serial == nil {
			return
		}
		a.Serial = new(int64(old))
		if after := a.Interval.Sub(noon); after >= 2*time.Hour && (a.RSI != "d" || after >= 210*time.Minute) {
			a.Serial = new(int64(fresh))
		}
	})
	before, used := noon.Add(-12*time.Hour), noon.Add(2*time.Hour+2*time.Second)
	zones := []measurement.Zone{
		{Serial: old - 100, FirstSeen: new(before.AddDate(0, 0, -1)), FirstUsed: new(before.AddDate(0, 0, -1)), State: measurement.ZoneSeen},
		{Serial: old, FirstSeen: &before, FirstUsed: &before, ArchivedAt: &before, State: measurement.ZoneArchived},
		{Serial: fresh, FirstSeen: new(noon.Add(5 * time.Minute)), FirstUsed: &used, State: measurement.ZoneSeen},
		{Serial: fresh + 1, FirstSeen: new(noon.Add(5 * time.Minute)), State: measurement.ZoneBogus},
	}
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	return b, store
}

// TestOneVantagePointDatesNoZone has one vantage point show a zone two hours before it is
// published: nobody is late for that. A quarter of an hour before the second witness it
// may have been there, and d is told of when it is too late by that.
func TestOneVantagePointDatesNoZone(t *testing.T) {
	now := noon.Add(2 * time.Hour)
	b, store := staleD(t, &now)
	var told []string
	for ; now.Before(noon.Add(4 * time.Hour)); now = now.Add(5 * time.Minute) {
		evaluate(t, b, store)
	}
	for _, line := range lines(t, b) {
		if strings.Contains(line, "rule=stale-zone") {
			told = append(told, line[11:16]+strings.TrimSpace(line[20:]))
		}
	}
	want := []string{
		`15:00c00 critical FIRING rule=stale-zone rsi=d "d.root serves 2026110100; a newer root zone has been in use for 70 minutes"`,
		`15:40c00 critical RESOLVED rule=stale-zone rsi=d "no longer: window.lag is 0, threshold.rsi_publication_latency is 65"`}
	if !slices.Equal(told, want) {
		t.Errorf("%s", strings.Join(told, "\n"))
	}
}

// TestWhatCannotBeTrustedExcusesNobody has vantage point 101 show what is newer at d than
// what the others see there.
func TestWhatCannotBeTrustedExcusesNobody(t *testing.T) {
	const fresh = 2026110101
	at101 := func(serial int64, change func(*measurement.Answer)) func(*testing.T, lake.Store) {
		return func(t *testing.T, store lake.Store) {
			amend(t, store, column.Answers, func(a *measurement.Answer) {
				if a.VantagePoint == "101" && a.RSI == "d" && a.Serial != nil && a.Query == "soa" {
					a.Serial = &serial
					if change != nil {
						change(a)
					}
				}
			})
		}
	}
	run101 := func(change func(*measurement.Run)) func(*testing.T, lake.Store) {
		return func(t *testing.T, store lake.Store) {
			at101(fresh, nil)(t, store)
			amend(t, store, column.Runs, func(r *measurement.Run) {
				if r.VantagePoint == "101" {
					change(r)
				}
			})
		}
	}
	n := 0
	for name, c := range map[string]struct {
		say   func(*testing.T, lake.Store)
		fires bool
	}{
		"a sighting that is trusted":   {at101(fresh, nil), false},
		"a serial that nobody accepts": {at101(fresh+1, nil), true},
		"another address":              {at101(fresh, func(a *measurement.Answer) { a.Address = "203.0.113.9" }), true},
		"a clock that is wrong":        {run101(func(r *measurement.Run) { r.ClockSynchronized = new(false) }), true},
		"a clock that is not known":    {run101(func(r *measurement.Run) { r.ClockSynchronized = nil }), false},
		"received before its label":    {run101(func(r *measurement.Run) { r.ReceivedAt = r.Interval.Add(-time.Second) }), true},
		"seventeen serials": {func(t *testing.T, store lake.Store) {
			at101(fresh, nil)(t, store)
			amend(t, store, column.Answers, func(a *measurement.Answer) {
				if a.VantagePoint == "101" && a.RSI > "e" && a.Serial != nil && a.Query == "soa" {
					n++
					a.Serial = new(int64(2026110200 + n%16))
				}
			})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			now := noon.Add(3*time.Hour + 14*time.Minute)
			b, store := staleD(t, &now)
			c.say(t, store)
			evaluate(t, b, store)
			if told := strings.Join(lines(t, b), "\n"); strings.Contains(told, "rule=stale-zone rsi=d") != c.fires || strings.Count(told, "rule=stale-zone") > 1 {
				t.Errorf("told: %s", told)
			}
		})
	}
}

// TestWhatWasAskedElsewhereWasNotAsked moves the outage of g to an address that is not its
// own: it has none then.
func TestWhatWasAskedElsewhereWasNotAsked(t *testing.T) {
	now := noon.Add(5 * time.Hour)
	b, store := newCollector(t, &now)
	b.State += "2" // each end of the five hours
	moved := 0
	amend(t, store, column.Answers, func(a *measurement.Answer) {
		if a.RSI == "g" && a.Outcome == measurement.Timeout {
			a.Address = "203.0.113.9"
			moved++
		}
	})
	for at := noon.Add(time.Hour); at.Before(noon.Add(5 * time.Hour)); at = at.Add(5 * time.Minute) {
		now = at
		evaluate(t, b, store)
	}
	if told := lines(t, b); len(told) != 0 || moved < 48 {
		t.Errorf("%d moved: %s", moved, fmt.Sprint(told))
	}
}
