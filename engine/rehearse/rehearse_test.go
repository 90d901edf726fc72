package rehearse

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/plans"
)

func sitePlan(t testing.TB) *plan.Plan {
	t.Helper()
	fs, _ := plans.Dir("rssac047")
	p, mistakes := plan.Loader{Version: "1.0.0"}.Load([]plan.Dir{{Name: "plans/rssac047", FS: fs}}, nil)
	if mistakes.HasErrors() {
		t.Fatal(mistakes)
	}
	return p
}

// short are the options of a test.
func short(t testing.TB) Options {
	return Options{Plan: sitePlan(t), Dir: homes(t), Version: "1.0.0", Short: true}
}

// homes is a folder in memory, where Linux has one: thousands of small files are written
// to last.
func homes(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "rehearse-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func one(t testing.TB, o Options, s Scenario) Result {
	t.Helper()
	results, err := Run(t.Context(), o, []Scenario{s})
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func named(t testing.TB, name string) Scenario {
	t.Helper()
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no scenario %s", name)
	}
	return all[i]
}

// TestScenarios plays them all, and makes the lake of each again; with -short those that
// differ most.
func TestScenarios(t *testing.T) {
	all := Scenarios()
	if testing.Short() {
		all = []Scenario{named(t, "flipped-bit"), named(t, "young-archive")}
	}
	o := short(t)
	began := time.Now()
	o.Progress = func(r Result) {
		t.Logf("%5.1f s %s", time.Since(began).Seconds(), r.Line())
		if !r.OK {
			t.Errorf("%s fell short:\n%s", r.Scenario, strings.Join(slices.Concat(r.Problems, r.Stopped), "\n"))
		}
	}
	players := playersOf(&o)
	if _, err := Run(t.Context(), o, all); err != nil {
		t.Fatal(err)
	}
	for _, p := range players() {
		rebuildSame(t, p)
	}
}

// slow leaves a test out of short runs, among them that with the race detector.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes under the race detector; go test without -short runs it")
	}
}

// TestNames holds the names to what can be typed, each once.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if seen[s.Name] || len(s.Name) > 20 || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz-") != "" || s.About == "" {
			t.Errorf("scenario %q, %q", s.Name, s.About)
		}
		seen[s.Name] = true
	}
}

// quiet is a scenario of a few days in which nothing happens but what is written.
func quiet(write func(s *script)) Scenario {
	return Scenario{"quiet", "nothing happens", func(s *script) {
		s.days = 3
		write(s)
	}}
}

// TestFalsified changes one answer that is honest: the line must say so.
func TestFalsified(t *testing.T) {
	slow(t)
	o := short(t)
	done := false
	o.twist = func(h *hour, a *played) {
		if done || h.vp != vp2 || h.at.Before(o2(h)) || len(a.Response) == 0 {
			return
		}
		wire, err := lab.FlipBit(a.Response, 1)
		if err != nil {
			t.Error(err)
		}
		done, a.Response, a.ResponseSize = true, wire, new(int32(len(wire)))
	}
	r := one(t, o, quiet(func(*script) {}))
	// The answer, and the report's correctness of the RSI and of the system.
	if r.OK || r.Accused != 1 || r.Failed != 2 || !strings.Contains(r.Line(), "accused wrongly 3;") || !strings.HasPrefix(r.Line(), "FAIL") {
		t.Errorf("%s", r.Line())
	}
	if len(r.Problems) < 2 || !strings.HasPrefix(r.Problems[0], "accused: ") || !strings.Contains(strings.Join(r.Problems, "\n"), "the report says") {
		t.Errorf("%q", r.Problems)
	}
}

// o2 is the third day of a rehearsal, from which on a mismatch accuses.
func o2(*hour) time.Time { return time.Date(2026, 11, 4, 1, 0, 0, 0, time.UTC) }

// TestWrongCover lets the judge believe that somebody had fetched zones for days before
// the archive began, as the rules of stage 1 took for granted. A server that is a day
// behind is then accused, and the rehearsal says so: its zone is of a key that the
// archive does not hold, so that nothing in its answers proves what the archive lacks.
// Where the key is held, the signatures prove it, and it is not accused even then.
func TestWrongCover(t *testing.T) {
	slow(t)
	young := func(rolled bool) Scenario {
		return Scenario{"young", "an honest server is a day behind", func(s *script) {
			youngArchive(s)
			s.days, s.services[0].soa = 2, false
			if rolled {
				s.keySets = append(s.keySets, simple(s.at(-1, 12), oldKSK, newZSK)) // the archive's first zone has the new key alone
			}
		}}
	}
	silent := func(_ *hour, a *played) {
		if a.QType != "NS" || a.RCode != nil && *a.RCode != "NOERROR" { // the others may carry the SOA record
			a.RCode, a.Serial, a.Response = new("REFUSED"), nil, nil
		}
	}
	records := func(p *player) error {
		for at := p.script.start.Add(-2 * window); at.Before(p.script.start); at = at.Add(30 * time.Minute) {
			rec := rootzone.Record{At: at, Serial: p.root.versions[0].zone.Serial, Source: "nobody"}
			if err := rootzone.AppendRecord(p.zonesDir(), rec); err != nil {
				return err
			}
		}
		return nil
	}
	for _, c := range []struct {
		what    string
		played  Scenario
		before  func(*player) error
		accused bool
	}{
		{"a key that is held", young(false), nil, false},
		{"a key that is held, wrong cover", young(false), records, false},
		{"another key", young(true), nil, false},
		{"another key, wrong cover", young(true), records, true},
	} {
		o := short(t)
		o.twist, o.before = silent, c.before
		r := one(t, o, c.played)
		if r.OK == c.accused || (r.Accused > 0) != c.accused || (r.Held == 0) != c.accused {
			t.Errorf("%s: %s\n%s", c.what, r.Line(), strings.Join(r.Problems, "\n"))
		}
	}
}

// TestShort is every other way to fall short.
func TestShort(t *testing.T) {
	slow(t)
	for _, c := range []struct {
		what, want string
		write      func(s *script)
	}{
		{"a fault that nobody can see", "found 0 of 2", func(s *script) {
			s.services = []service{{rsi: s.rsi(0), span: span{s.at(2, 0), s.at(3, 0)}, fault: "nothing"}}
		}},
		{"a threshold that is not missed", "found 0 of 1", func(s *script) { s.misses = []missed{{measurement.RSIAvailability, s.rsi(0)}} }},
		{"a report that says what nobody did", "accused wrongly 1;", func(s *script) {
			s.often = span{s.at(2, 0), s.at(2, 3)}
			s.silent = []silence{{s.addressesOf(s.rsi(4))[0].Address, s.often}} // and no fault is said to be there
		}},
		{"what a witness saw of one that is no liar", "accused wrongly 1;", func(s *script) {
			s.often = span{s.at(2, 0), s.at(2, 3)}
			silent := down
			silent.rsi, silent.vp, silent.span, silent.soa = s.rsi(4), vp3, s.often, true
			s.services = []service{silent}
		}},
		{"a report with a fault of its own", "found 0 of 0", func(s *script) { s.check = func(*report.Document) string { return "no good" } }},
		{"files that came late, all of them there", "after mending", func(s *script) {
			s.kept = []scope{{vp: vp3, span: span{s.at(9, 0), time.Time{}}}}
			s.mended, s.mend = "nothing", func(p *player) error { return p.sendKept() }
		}},
		{"an alert that does not come", "found 0 of 1", func(s *script) { s.alerts = []string{"no-such-rule"} }},
		{"a hold that is not allowed", "elsewhere)", func(s *script) { s.missOne(s.at(1, 4)); s.holds, s.alerts = nil, nil }},
		{"a mending that mends nothing", " after mending", func(s *script) {
			s.missOne(s.at(1, 4))
			s.mended, s.mend = "nothing", func(*player) error { return nil }
		}},
		{"a command that stops", "stopped 1", func(s *script) { s.mended, s.mend = "nothing", func(*player) error { return errors.New("broken") } }},
	} {
		t.Run(c.what, func(t *testing.T) {
			if r := one(t, short(t), quiet(c.write)); r.OK || !strings.Contains(r.Line(), c.want) || len(r.Problems)+len(r.Stopped) == 0 {
				t.Errorf("%s\n%s", r.Line(), strings.Join(r.Problems, "\n"))
			}
		})
	}
}

// TestSame plays one twice.
func TestSame(t *testing.T) {
	slow(t)
	s := quiet(func(s *script) { s.services = []service{s.flipping(s.rsi(1), span{s.at(2, 0), s.at(3, 0)})} })
	if a, b := one(t, short(t), s), one(t, short(t), s); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// TestPlan refuses what cannot be rehearsed.
func TestPlan(t *testing.T) {
	few := short(t)
	few.Plan.Servers = few.Plan.Servers[:2]
	none := short(t)
	none.Plan.Queries = none.Plan.Queries[:0]
	for want, o := range map[string]Options{"asks 2 RSIs": few, `no query "soa"`: none} {
		if _, err := Run(t.Context(), o, Scenarios()[:1]); !errors.Is(err, ErrPlan) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestLies holds each lie to what it is: the collector takes the file, or not.
func TestLies(t *testing.T) {
	slow(t)
	for _, c := range []struct {
		what        string
		lie         lie
		quarantined bool
	}{
		{"the next zone", showing(nextZone), false}, {"sixteen zones to come", showing(futureSerial), false}, {"many zones", lie{tell: manySerials}, false},
		{"questions exchanged", lie{tell: swapped}, true}, {"other times", lie{tell: otherTimes}, true}, {"many alerts", lie{tell: manyAlerts}, false},
		{"RSIs made up", lie{tell: invented}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := one(t, short(t), quiet(func(s *script) {
				s.liar, s.lying = vp3, span{s.at(2, 0), s.at(2, 9)}
				s.often = span{s.at(2, 0), s.at(2, 9)}
				s.lies = []lie{c.lie.in(4, 8)}
			}))
			if !r.OK || (r.Quarantined > 0) != c.quarantined {
				t.Errorf("%s, %d quarantined\n%s", r.Line(), r.Quarantined, strings.Join(r.Problems, "\n"))
			}
		})
	}
}
