package site_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/site"
)

var (
	midnight = time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC) // two months in two days
	both     = []measurement.Family{measurement.IPv4, measurement.IPv6}
	hostile  = "</script><script>alert(1)</script>\u2028\u2029&'\"" + string([]byte{'`'})
)

func at(n int) time.Time { return midnight.Add(time.Duration(n) * interval.Length) }

func ptr[T any](v T) *T { return &v }

// small is a plan of two servers and three vantage points: the root's queries, and one more,
// hourly.
func small() *plan.Plan {
	server := func(rsi measurement.RSI, four, six string) plan.Server {
		return plan.Server{Group: "root", RSI: rsi, Port: 53, Addresses: []plan.Address{
			{Family: measurement.IPv4, Address: netip.MustParseAddr(four)}, {Family: measurement.IPv6, Address: netip.MustParseAddr(six)}}}
	}
	every := func(label string, d time.Duration) plan.Schedule {
		return plan.Schedule{Label: label, Every: plan.Duration(d)}
	}
	least, err := plan.ParsePercent("96")
	if err != nil {
		panic(err)
	}
	return &plan.Plan{Name: "small", Paths: plan.Paths{Lake: "Lake", Output: "Output"},
		VantagePoints: []plan.VantagePoint{{ID: "101", Metro: "Vienna", Region: "europe"}, {ID: "102"}, {ID: "103", Until: ptr(at(310))}},
		Servers:       []plan.Server{server("a", "192.0.2.1", "2001:db8::1"), server("b", "192.0.2.2", "2001:db8::2")},
		Schedules:     []plan.Schedule{every("interval", interval.Length), every("hour", time.Hour)},
		Thresholds:    []plan.Threshold{{Metric: measurement.RSIAvailability, AtLeast: &least}},
		Queries: []plan.Query{
			{Label: "soa", Schedule: "interval", Servers: []string{"root"}, Families: both, Transports: measurement.MetricTransports},
			{Label: "correctness", Schedule: "interval", Servers: []string{"root"}, Families: both, Transports: measurement.MetricTransports, Pick: 1},
			{Label: "other", Schedule: "hour", Servers: []string{"root/b"}, Families: both[:1], Transports: measurement.MetricTransports[:1]},
		}}
}

// history is rows that a lake has, and what is known of zones.
type history struct {
	plan    *plan.Plan
	answers []measurement.Answer
	runs    []measurement.Run
	zones   []measurement.Zone
	nsids   func(rsi string, n int) string
	latency func(us int64) int64
}

// drawn is a history of faults of every kind, of so many intervals.
func drawn(seed uint64, count int) *history {
	h := &history{plan: small(), nsids: func(rsi string, n int) string { return fmt.Sprintf("%s%d", rsi, n) }, latency: func(us int64) int64 { return us }}
	if seed%2 == 0 {
		h.plan.Exclusions = []plan.Note{{From: at(5), Until: at(20), RSIs: []measurement.RSI{"a"}}, {From: at(100), Until: at(130), VantagePoints: []measurement.VantagePoint{"102"}, Paths: []string{"ipv6/udp"}}}
		h.plan.Servers[1].Addresses[1].From = ptr(at(50))
	}
	if count > 0 {
		h.fill(seed, count)
	}
	return h
}

// fill draws the rows.
func (h *history) fill(seed uint64, count int) {
	r := rand.New(rand.NewPCG(seed, 1))
	serials := []int64{2026103100, 2026103101, 2026110100}
	for i, s := range serials {
		h.zones = append(h.zones, measurement.Zone{Serial: s, FirstSeen: ptr(at(i * 150).Add(time.Second)), FirstUsed: ptr(at(i * 150)), State: measurement.ZoneArchived, ArchivedAt: ptr(at(i * 150).Add(10 * time.Minute))})
	}
	h.zones[1].State, h.zones[1].ArchivedAt = measurement.ZoneSeen, nil
	h.zones = append(h.zones, measurement.Zone{Serial: 2020010100, State: measurement.ZoneBogus})
	span := func() func(int) bool {
		from, n := r.IntN(count), []int{1, 3, 8, 40}[r.IntN(4)]
		return func(at int) bool { return from <= at && at < from+n }
	}
	down := map[string]func(int) bool{}
	for _, v := range h.plan.VantagePoints {
		silent, clock, off := span(), span(), span()
		trouble := []func(int) bool{span(), span()} // at every other label, so that an event covers good ones too
		for n := range count {
			if silent(n) || v.Until != nil && !at(n).Before(*v.Until) {
				continue
			}
			h.runs = append(h.runs, measurement.Run{VantagePoint: v.ID, Interval: at(n), StartedAt: at(n), ReceivedAt: at(n).Add(time.Minute), ClockSynchronized: ptr(!clock(n))})
			for _, s := range h.plan.Servers {
				drawnFamily, drawnTransport := both[r.IntN(2)], measurement.MetricTransports[r.IntN(2)]
				for fi, f := range both {
					address, ok := s.AddressAt(f, at(n))
					if !ok {
						continue
					}
					if down[string(s.RSI+"/"+measurement.RSI(f))] == nil {
						down[string(s.RSI+"/"+measurement.RSI(f))] = span()
					}
					for _, transport := range measurement.MetricTransports {
						for _, q := range h.plan.Queries {
							if !slices.Contains(q.Families, f) || !slices.Contains(q.Transports, transport) || q.Label == "correctness" && (f != drawnFamily || transport != drawnTransport) ||
								q.Label == "other" && (n%12 != 0 || s.RSI != "b" || f != "ipv4" || transport != "udp") || r.IntN(200) == 0 {
								continue
							}
							a := measurement.Answer{VantagePoint: v.ID, Interval: at(n), SentAt: ptr(at(n).Add(time.Second)), Query: q.Label, RSI: s.RSI, Family: f, Transport: transport,
								Address: address.String(), QName: "x.", QType: "SOA", Attempts: 1, Failures: []string{}}
							if off(n) {
								a.Address = "192.0.2.53"
							}
							h.finish(&a, r, n%2 == 0 && trouble[fi](n) || down[string(s.RSI+"/"+measurement.RSI(f))](n), serials[min(n/150, 2)])
							h.answers = append(h.answers, a)
						}
					}
				}
			}
		}
	}
	column.Sort(h.answers)
	column.Sort(h.runs)
}

// finish draws what became of a query.
func (h *history) finish(a *measurement.Answer, r *rand.Rand, down bool, serial int64) {
	luck := r.IntN(60)
	us, server := int64(1000+r.IntN(1_000_000)), r.IntN(3)
	switch {
	case down || luck == 0:
		a.Outcome, a.Error = measurement.Timeout, ptr("no answer "+hostile)
		return
	case luck == 1:
		a.Outcome, a.SentAt = measurement.LocalError, nil
		return
	}
	a.Outcome, a.RCode, a.LatencyUS = measurement.Answered, ptr(measurement.NoError), ptr(h.latency(us))
	if luck > 3 {
		a.NSID = ptr(h.nsids(string(a.RSI), server))
	}
	if a.Query == "soa" && luck > 4 {
		a.Serial = &serial
	}
	if luck == 5 {
		a.RCode, a.Serial, a.Response = ptr("SERVFAIL"), nil, []byte{0x13, 0x37}
	}
	if a.Query == "correctness" {
		if luck%3 == 0 {
			a.RCode = ptr("NXDOMAIN")
		}
		a.TC = ptr(luck == 10)
		switch {
		case luck == 5, luck == 10: // a failure, and what is truncated
			a.RCode, a.TC = ptr([]string{"SERVFAIL", "NOERROR"}[luck/10]), ptr(luck == 10)
		case luck < 8:
			a.Verdict, a.Failures = ptr(measurement.Unchecked), []string{"hold: zone"}
		case luck == 8:
			a.Verdict, a.Failures, a.Response = ptr(measurement.Incorrect), []string{"ujy: " + hostile}, []byte{1, 2, 3}
		default:
			a.Verdict = ptr(measurement.Correct)
		}
	}
	if luck == 9 {
		a.Extra = []measurement.Extra{{Kind: "late", AfterUS: 4_100_200, Wire: []byte{9}}}
	}
}

// write makes a lake of the first count intervals, with its tables of change.
func (h *history) write(t testing.TB, home string, count int) lake.Store {
	t.Helper()
	s := lake.Store{Dir: filepath.Join(home, "Lake")}
	put(t, s, h.answers, count, func(a measurement.Answer) time.Time { return a.Interval })
	put(t, s, h.runs, count, func(a measurement.Run) time.Time { return a.Interval })
	if err := s.SaveZones(h.zones); err != nil {
		t.Fatal(err)
	}
	d := derive.Deriver{Plan: h.plan, Lake: s, State: filepath.Join(home, "derived")}
	if _, err := d.Run(t.Context(), time.Time{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func put[T column.Row](t testing.TB, s lake.Store, rows []T, count int, label func(T) time.Time) {
	t.Helper()
	days := map[time.Time][]T{}
	for _, r := range rows {
		if label(r).Before(at(count)) {
			day := interval.Day(label(r))
			days[day] = append(days[day], r)
		}
	}
	for day, rows := range days {
		path := s.Path(column.TableOf[T](), day)
		if old, _, err := column.Read[T](path); err == nil && len(old) == len(rows) {
			continue // as ingest leaves a day to which nothing came
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		w, err := lake.CreateDay[T](s, day)
		if err == nil {
			err = w.Write(rows)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// make brings a site of a home up to date.
func (h *history) make(t testing.TB, home string, edition site.Edition, days ...time.Time) (out string, result site.Result) {
	t.Helper()
	out = filepath.Join(home, string(edition))
	zones := site.Folder{Dir: filepath.Join(home, "RootZones"), Name: "Output/RootZones"}
	s := site.Site{Plan: h.plan, Lake: lake.Store{Dir: filepath.Join(home, "Lake")}, State: filepath.Join(home, "derived"), Out: out, Edition: edition, Days: days, Zones: []site.Folder{zones},
		Version: "test", Now: func() time.Time { return time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC) }}
	result, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out, result
}

// read reads a data file.
func read[T any](t testing.TB, out, key string) (value T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, "data", filepath.FromSlash(key)+".js"))
	if err != nil {
		t.Fatal(err)
	}
	text, begins := bytes.CutPrefix(text, []byte("mtric.tile(\""+key+"\", "))
	text, ends := bytes.CutSuffix(text, []byte(");\n"))
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&value); err != nil || !begins || !ends {
		t.Fatalf("%s: %v, begins %v, ends %v", key, err, begins, ends)
	}
	return value
}

// seenCell is a cell as a reader of a tile sees it.
type seenCell struct {
	State        site.State
	Sent, Failed int
	Latency      byte
	Serial       int64
	NSID         string
}

// cells reads a tile: by vantage point and time.
func cells(t testing.TB, tile site.Tile) map[string]seenCell {
	t.Helper()
	all := map[string]seenCell{}
	for _, b := range tile.Blocks {
		n := b.Steps * len(b.VantagePoints)
		latency, err := base64.StdEncoding.DecodeString(b.Latency)
		if err != nil || len(latency) != n && len(latency) != 0 {
			t.Fatalf("latency of %d cells for %d: %v", len(latency), n, err)
		}
		state, sent, failed, serial, nsid := expand(b.State), expand(b.Sent), expand(b.Failed), expand(b.Serial), expand(b.NSID)
		for _, column := range [][]int{sent, failed, serial, nsid} {
			if len(column) != 0 && len(column) != n {
				t.Fatalf("a column of %d cells for %d", len(column), n)
			}
		}
		for i := range n {
			c := seenCell{State: site.State(state[i])}
			if len(sent) > 0 {
				c.Sent = sent[i]
			}
			if len(failed) > 0 {
				c.Failed = failed[i]
			}
			if len(latency) > 0 {
				c.Latency = latency[i]
			}
			if len(serial) > 0 && serial[i] > 0 {
				c.Serial = tile.Serials[serial[i]-1]
			}
			if len(nsid) > 0 && nsid[i] > 0 {
				c.NSID = tile.NSIDs[nsid[i]-1]
			}
			key := fmt.Sprint(b.VantagePoints[i/b.Steps], " ", time.Unix(b.From+int64(i%b.Steps)*b.Step, 0).UTC().Format("02T15:04"))
			if _, twice := all[key]; twice {
				t.Fatalf("%s is there twice", key)
			}
			all[key] = c
		}
	}
	return all
}

func expand(pairs []int) (all []int) {
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, slices.Repeat(pairs[i:i+1], pairs[i+1])...)
	}
	return all
}

// files are all files of a folder but those that are nobody's business.
func files(t testing.TB, dir string, hidden bool) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || !hidden && name[0] == '.' {
			return err
		}
		text, err := os.ReadFile(path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
