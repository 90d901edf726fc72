package derive_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

var midnight = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func at(n int) time.Time { return midnight.Add(time.Duration(n) * interval.Length) }

func ptr[T any](v T) *T { return &v }

// history is rows that a lake has, and what is known of zones.
type history struct {
	plan    *plan.Plan
	answers []measurement.Answer
	runs    []measurement.Run
	zones   []measurement.Zone
	labels  int
	cut     int // labels of a row group; 0 is all
}

// small is a plan of two servers and three vantage points: the root's two queries, without
// TCP, and one more, hourly.
func small() *plan.Plan {
	server := func(rsi measurement.RSI, four, six string) plan.Server {
		return plan.Server{Group: "root", RSI: rsi, Port: 53, Addresses: []plan.Address{
			{Family: measurement.IPv4, Address: netip.MustParseAddr(four)}, {Family: measurement.IPv6, Address: netip.MustParseAddr(six)}}}
	}
	every := func(label string, d time.Duration) plan.Schedule {
		return plan.Schedule{Label: label, Every: plan.Duration(d)}
	}
	both := []measurement.Family{measurement.IPv4, measurement.IPv6}
	udp := []measurement.Transport{measurement.UDP}
	return &plan.Plan{Name: "small",
		VantagePoints: []plan.VantagePoint{{ID: "101"}, {ID: "102"}, {ID: "103", Until: ptr(at(310))}},
		Servers:       []plan.Server{server("a", "192.0.2.1", "2001:db8::1"), server("b", "192.0.2.2", "2001:db8::2")},
		Schedules:     []plan.Schedule{every("interval", interval.Length), every("hour", time.Hour)},
		Queries: []plan.Query{
			{Label: "soa", Schedule: "interval", Servers: []string{"root"}, Families: both, Transports: udp},
			{Label: "correctness", Schedule: "interval", Servers: []string{"root"}, Families: both, Transports: udp, Pick: 1},
			{Label: "other", Schedule: "hour", Servers: []string{"root/b"}, Families: both[:1], Transports: udp},
		}}
}

// spans draws labels in which something holds.
func spans(t *rapid.T, name string, labels int) func(n int) bool {
	var all [][2]int
	for range rapid.IntRange(0, 2).Draw(t, name) {
		from := rapid.OneOf(rapid.IntRange(0, labels-1), rapid.SampledFrom([]int{280, 284, 287, 288, 291})).Draw(t, name+" from")
		all = append(all, [2]int{from, from + rapid.SampledFrom([]int{1, 1, 2, 3, 7, 13, 80}).Draw(t, name+" for")})
	}
	return func(n int) bool {
		return slices.ContainsFunc(all, func(s [2]int) bool { return s[0] <= n && n < s[1] })
	}
}

// draw makes a history of faults, gaps and wrong clocks.
func draw(t *rapid.T) *history {
	h := &history{plan: small(), labels: rapid.SampledFrom([]int{30, 40, 290, 330}).Draw(t, "labels")}
	if rapid.Bool().Draw(t, "excluded") {
		h.plan.Exclusions = []plan.Note{{From: at(5), Until: at(20), RSIs: []measurement.RSI{"a"}}, {From: at(100), Until: at(130), VantagePoints: []measurement.VantagePoint{"102"}, Paths: []string{"ipv6/udp"}}}
	}
	if rapid.Bool().Draw(t, "dated") {
		h.plan.Servers[1].Addresses[1].From = ptr(at(50))
	}
	serials := []int64{2026110100, 2026110101, 2026110200}
	published := []int{0, 20, 250}
	for i, s := range serials {
		h.zones = append(h.zones, measurement.Zone{Serial: s, FirstSeen: ptr(at(published[i]).Add(time.Second)), State: measurement.ZoneArchived, ArchivedAt: ptr(at(published[i]).Add(10 * time.Minute))})
	}
	shared := map[string]func(int) bool{}
	for _, s := range h.plan.Servers {
		for _, f := range measurement.Families {
			key := string(s.RSI) + string(f)
			shared["down"+key] = spans(t, "down "+key, h.labels)
		}
		shared["frozen"+string(s.RSI)] = spans(t, "frozen "+string(s.RSI), h.labels)
	}
	for _, v := range h.plan.VantagePoints {
		silent, own, clock, off, slow := spans(t, "silent", h.labels), spans(t, "own", h.labels), spans(t, "clock", h.labels), spans(t, "off", h.labels), spans(t, "local", h.labels)
		other := spans(t, "server", h.labels)
		for n := range h.labels {
			if silent(n) || v.Until != nil && !at(n).Before(*v.Until) {
				continue
			}
			h.runs = append(h.runs, measurement.Run{VantagePoint: v.ID, Interval: at(n), StartedAt: at(n), ReceivedAt: at(n).Add(time.Minute), ClockSynchronized: ptr(!clock(n))})
			for si, s := range h.plan.Servers {
				for fi, f := range measurement.Families {
					for _, q := range h.plan.Queries {
						if q.Label == "correctness" && (n+si)%2 != fi || q.Label == "other" && (n%12 != 0 || s.RSI != "b" || f != "ipv4") {
							continue
						}
						address, ok := s.AddressAt(f, at(n))
						if !ok {
							continue
						}
						h.answers = append(h.answers, row(v.ID, n, q.Label, s.RSI, f, address.String()))
						a := &h.answers[len(h.answers)-1]
						down := shared["down"+string(s.RSI)+string(f)](n) || own(n) && f == "ipv6" || slow(n) && s.RSI == "a"
						newest := serials[0]
						for i, from := range published {
							if n >= from && !(shared["frozen"+string(s.RSI)](n) && i > 0) {
								newest = serials[i]
							}
						}
						finish(a, down, newest, n%97 == 3 && s.RSI == "b", other(n))
						if off(n) {
							a.Address = "192.0.2.53"
						}
					}
				}
			}
		}
	}
	return h
}

func row(vp measurement.VantagePoint, n int, query string, rsi measurement.RSI, f measurement.Family, address string) measurement.Answer {
	return measurement.Answer{VantagePoint: vp, Interval: at(n), SentAt: ptr(at(n).Add(time.Second)), Query: query, RSI: rsi, Family: f, Transport: "udp",
		Address: address, QName: ".", QType: "SOA", Attempts: 1, Failures: []string{}}
}

// finish says what became of a query.
func finish(a *measurement.Answer, down bool, serial int64, incorrect, other bool) {
	if down {
		a.Outcome = measurement.Timeout
		return
	}
	a.Outcome, a.RCode, a.AA, a.TC = measurement.Answered, ptr("NOERROR"), ptr(true), ptr(false)
	a.LatencyUS, a.NSID = ptr(int64(20_000+a.Interval.Unix()%977)), ptr("x1")
	if other {
		a.LatencyUS, a.NSID = ptr(int64(90_000)), ptr("y9")
	}
	switch a.Query {
	case "soa":
		a.Serial = &serial
	case "correctness":
		a.Verdict = ptr(measurement.Correct)
		switch n := a.Interval.Unix() / 300 % 12; {
		case n == 1 || n == 2:
			a.RCode = ptr(measurement.NXDomain)
		case n == 3:
			a.RCode, a.Verdict, a.Failures = ptr(measurement.NXDomain), ptr(measurement.Unchecked), []string{"hold: cover"}
		}
		if incorrect {
			a.Verdict, a.Failures = ptr(measurement.Incorrect), []string{"ujy: no"}
		}
	}
}

// write makes the lake of the history's rows that keep takes.
func (h *history) write(t testing.TB, dir string, keep func(vp measurement.VantagePoint, label time.Time) bool) lake.Store {
	store := lake.Store{Dir: dir, Version: "1.0.0"}
	daily(t, store, h.cut, h.answers, func(a measurement.Answer) (time.Time, bool) { return a.Interval, keep(a.VantagePoint, a.Interval) })
	daily(t, store, 0, h.runs, func(r measurement.Run) (time.Time, bool) { return r.Interval, keep(r.VantagePoint, r.Interval) })
	if err := store.SaveZones(h.zones); err != nil {
		t.Fatal(err)
	}
	return store
}

func daily[T column.Row](t testing.TB, store lake.Store, cut int, rows []T, of func(T) (time.Time, bool)) {
	days := map[time.Time][]T{}
	for _, r := range rows {
		if label, keep := of(r); keep {
			days[interval.Day(label)] = append(days[interval.Day(label)], r)
		}
	}
	for day, rows := range days {
		if err := os.MkdirAll(filepath.Dir(store.Path(column.TableOf[T](), day)), 0o755); err != nil {
			t.Fatal(err)
		}
		column.Sort(rows)
		w, err := lake.CreateDay[T](store, day)
		if err != nil {
			t.Fatal(err)
		}
		for len(rows) > 0 {
			n := len(rows)
			if cut > 0 {
				first, _ := of(rows[0])
				until := first.Truncate(time.Duration(cut) * interval.Length).Add(time.Duration(cut) * interval.Length)
				n = slices.IndexFunc(rows, func(r T) bool { label, _ := of(r); return !label.Before(until) })
				if n < 0 {
					n = len(rows)
				}
			}
			if err := errors.Join(w.Write(rows[:n]), w.Flush()); err != nil {
				t.Fatal(err)
			}
			rows = rows[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func all(measurement.VantagePoint, time.Time) bool { return true }

func run(t testing.TB, p *plan.Plan, store lake.Store, state string) derive.Result {
	d := &derive.Deriver{Plan: p, Lake: store, State: state}
	result, err := d.Run(t.Context(), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// read reads a table of days; events that were superseded are left out.
func read[T column.Row](t testing.TB, store lake.Store) (rows []T) {
	days, err := store.Days(column.TableOf[T](), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		of, _, err := column.Read[T](d.Path)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, of...)
	}
	return rows
}

// of are the events of a kind.
func of(kind measurement.EventKind, events []measurement.Event) (all []measurement.Event) {
	for _, e := range events {
		if e.Kind == kind {
			all = append(all, e)
		}
	}
	return all
}

func live(events []measurement.Event) (now []measurement.Event) {
	for _, e := range events {
		if e.SupersededBy == nil {
			now = append(now, e)
		}
	}
	return now
}

// The law of both tables: they are what nested loops over the rows find, and the same
// whatever came first, in how many parts it came, and how often it was looked at.
func TestDerived(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		h := draw(rt)
		whole := h.write(t, filepath.Join(dir, fmt.Sprint(n), "whole"), all)
		run(t, h.plan, whole, filepath.Join(dir, fmt.Sprint(n), "state"))
		hours, events := read[measurement.Hour](t, whole), read[measurement.Event](t, whole)
		if diff := cmp.Diff(h.hours(), hours); diff != "" {
			rt.Fatalf("hours (-loops +derived):\n%s", diff)
		}
		if diff := cmp.Diff(h.events(), events); diff != "" {
			rt.Fatalf("events (-loops +derived):\n%s", diff)
		}
		if result := run(t, h.plan, whole, filepath.Join(dir, fmt.Sprint(n), "state")); result.Days != 0 {
			rt.Fatalf("%d days made again", result.Days)
		}
		parts := filepath.Join(dir, fmt.Sprint(n), "parts")
		h.cut = rapid.SampledFrom([]int{0, 1, 5, 12, 31}).Draw(rt, "cut")
		for range rapid.IntRange(1, 3).Draw(rt, "parts") {
			until, late := rapid.IntRange(1, h.labels).Draw(rt, "until"), rapid.SampledFrom([]measurement.VantagePoint{"101", "102", "-"}).Draw(rt, "late")
			if err := os.RemoveAll(filepath.Join(parts, "answers")); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(parts, "runs")); err != nil {
				t.Fatal(err)
			}
			part := h.write(t, parts, func(vp measurement.VantagePoint, label time.Time) bool { return vp != late && label.Before(at(until)) })
			run(t, h.plan, part, filepath.Join(dir, fmt.Sprint(n), "state of parts"))
		}
		if rapid.Bool().Draw(rt, "lost") {
			if err := os.RemoveAll(filepath.Join(dir, fmt.Sprint(n), "state of parts")); err != nil {
				t.Fatal(err)
			}
		}
		end := h.write(t, parts, all)
		run(t, h.plan, end, filepath.Join(dir, fmt.Sprint(n), "state of parts"))
		if diff := cmp.Diff(hours, read[measurement.Hour](t, end)); diff != "" {
			rt.Fatalf("hours (-at once +in parts):\n%s", diff)
		}
		rows := read[measurement.Event](t, end)
		if diff := cmp.Diff(events, live(rows)); diff != "" {
			rt.Fatalf("events (-at once +in parts):\n%s", diff)
		}
		if dangling := dangling(rows); len(dangling) > 0 {
			rt.Fatalf("rows that name what is not there: %+v", dangling)
		}
	})
}

// Hours that are slow need days before them: at noon of the third the median of a pair is
// above usual by more than half, and by more than 20 ms.
func TestSlow(t *testing.T) {
	for more, want := range map[int64]int{10_000: 0, 15_000: 0, 19_999: 0, 20_001: 1, 60_000: 1} {
		h := &history{plan: small(), labels: 3*288 + 24}
		h.plan.VantagePoints = h.plan.VantagePoints[:1]
		for n := range h.labels {
			h.runs = append(h.runs, measurement.Run{VantagePoint: "101", Interval: at(n), StartedAt: at(n), ReceivedAt: at(n)})
			a := row("101", n, "soa", "a", measurement.IPv4, "192.0.2.1")
			finish(&a, false, 1, false, false)
			*a.LatencyUS = 30_000
			if n >= 2*288+144 && n < 2*288+144+36 {
				*a.LatencyUS += more
			}
			h.answers = append(h.answers, a)
		}
		dir := t.TempDir()
		store := h.write(t, filepath.Join(dir, "Lake"), all)
		run(t, h.plan, store, filepath.Join(dir, "State"))
		slow := of(measurement.EventSlow, read[measurement.Event](t, store))
		if len(slow) != want {
			t.Fatalf("%d µs more: %d events, want %d", more, len(slow), want)
		}
		if want == 1 && (slow[0].From != at(2*288+144) || slow[0].Until != at(2*288+180) || slow[0].LabelsBad != 3 || *slow[0].Worst != float64(more)/1000) {
			t.Errorf("%d µs more: %+v", more, slow[0])
		}
	}
}

// An event whose beginning late rows move keeps its row, which says what became of it.
func TestSuperseded(t *testing.T) {
	h := &history{plan: small(), labels: 60}
	h.plan.VantagePoints = h.plan.VantagePoints[:1]
	for n := range h.labels {
		h.runs = append(h.runs, measurement.Run{VantagePoint: "101", Interval: at(n), StartedAt: at(n), ReceivedAt: at(n)})
		a, b := row("101", n, "soa", "a", measurement.IPv4, "192.0.2.1"), row("101", n, "soa", "b", measurement.IPv4, "192.0.2.2")
		finish(&a, n >= 20 && n < 40, 1, false, false)
		finish(&b, false, 1, false, false)
		h.answers = append(h.answers, a, b)
	}
	dir := t.TempDir()
	state := filepath.Join(dir, "State")
	store := h.write(t, filepath.Join(dir, "Lake"), func(_ measurement.VantagePoint, label time.Time) bool { return !label.Before(at(25)) })
	run(t, h.plan, store, state)
	first := of(measurement.EventOutage, read[measurement.Event](t, store))
	h.write(t, store.Dir, all)
	run(t, h.plan, store, state)
	both := of(measurement.EventOutage, read[measurement.Event](t, store))
	if len(first) != 1 || len(both) != 2 || first[0].From != at(25) || both[0].From != at(20) {
		t.Fatalf("at first %+v, then %+v", first, both)
	}
	if old := both[1]; old.ID != first[0].ID || old.SupersededBy == nil || *old.SupersededBy != both[0].ID || both[0].SupersededBy != nil {
		t.Errorf("then %+v", both)
	}
}

// Of a day of which rows came since, those hours are read that they are in, and those whose
// row groups were written anew with them.
func TestOnlyWhatChanged(t *testing.T) {
	h := &history{plan: small(), labels: 288, cut: 6}
	for _, vp := range []measurement.VantagePoint{"101", "102"} {
		for n := range h.labels {
			h.runs = append(h.runs, measurement.Run{VantagePoint: vp, Interval: at(n), StartedAt: at(n), ReceivedAt: at(n)})
			for _, rsi := range []measurement.RSI{"a", "b"} {
				a := row(vp, n, "soa", rsi, measurement.IPv4, map[measurement.RSI]string{"a": "192.0.2.1", "b": "192.0.2.2"}[rsi])
				finish(&a, false, 1, false, false)
				h.answers = append(h.answers, a)
			}
		}
	}
	dir := t.TempDir()
	state, store := filepath.Join(dir, "State"), lake.Store{}
	upTo := func(labels int) {
		store = h.write(t, filepath.Join(dir, "Lake"), func(vp measurement.VantagePoint, label time.Time) bool {
			return label.Before(at(labels)) && (labels > 206 || vp != "102" || label != at(50))
		})
	}
	for _, step := range []struct{ labels, hours int }{
		{200, 24}, // all
		{201, 1},  // one label more
		{202, 1},
		{204, 1},
		{205, 1}, // a new hour
		{206, 1},
		{207, 2}, // one label more, and one that was missing of hour 4
		{211, 2}, // hour 16 is over
		{211, 0},
	} {
		upTo(step.labels)
		if got := run(t, h.plan, store, state).Hours; got != step.hours {
			t.Errorf("%d labels: %d hours were read, want %d", step.labels, got, step.hours)
		}
	}
	at := store.Path(column.Hours, midnight)
	whole, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(at, 100); err != nil { // a table that is damaged is made anew
		t.Fatal(err)
	}
	upTo(212)
	run(t, h.plan, store, state)
	if again, err := os.ReadFile(at); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("after damage: %d bytes, want %d (%v)", len(again), len(whole), err)
	}
}
