package objectives_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
	"mtric.net/mtric/metrics/objectives"
)

type judgement func(w world) *objectives.Result

// law says what is wrong with a judgement of a world; empty where it holds.
type law struct {
	name  string
	check func(r *rand.Rand, w world, judge judgement) string
}

func laws() []law {
	return []law{
		{"low ≤ number ≤ high, and their verdicts are theirs", lawBounds},
		{"what is dropped raises no low and lowers no high", lawDropped},
		{"no completion contradicts a thin verdict", lawCompletion},
		{"no dropped query lifts a wait over the bound", lawSilence},
		{"a fail that one vantage point causes rests on it", lawLiar},
		{"no publication rests on one vantage point", lawWitnesses},
		{"no publication rests on one server", lawServers},
		{"what has no weight dates nothing", lawNothing},
		{"a lone serial delays nobody", lawLone},
		{"off plan is missing", lawOffPlan},
		{"what was not looked at is not bad", lawUnseen},
		{"an answer without a serial delays nobody", lawNoSerial},
		{"what came later does not count", lawLate},
		{"a server's exclusion is its own", lawOwnExclusion},
		{"where nothing is missing nothing is unknown", lawWhole},
	}
}

func TestLaws(t *testing.T) {
	for _, l := range laws() {
		t.Run(l.name, func(t *testing.T) {
			for seed := range drawn() / 2 {
				r := rand.New(rand.NewPCG(seed, 2))
				if wrong := l.check(r, drawWorld(r), packaged); wrong != "" {
					t.Fatalf("world %d: %s", seed, wrong)
				}
			}
		})
	}
}

// mistakes are planted in the loops; each must be found by the law that it breaks.
var mistakes = map[string]string{
	"what is missing is bad":              "what is dropped raises no low and lowers no high",
	"thin values are judged":              "no completion contradicts a thin verdict",
	"our silence is their delay":          "no dropped query lifts a wait over the bound",
	"nobody is named":                     "a fail that one vantage point causes rests on it",
	"t1 is enough":                        "no publication rests on one vantage point",
	"one server dates a serial":           "no publication rests on one server",
	"two servers date a serial":           "no publication rests on one server",
	"every run is trusted":                "what has no weight dates nothing",
	"lone serials count":                  "a lone serial delays nobody",
	"off plan counts":                     "off plan is missing",
	"what was not looked at is bad":       "what was not looked at is not bad",
	"every clock is right":                "what was not looked at is not bad",
	"any proof will do":                   "what was not looked at is not bad",
	"what shows no serial is asked":       "an answer without a serial delays nobody",
	"late runs count":                     "what came later does not count",
	"a server's exclusion is the group's": "a server's exclusion is its own",
}

// TestLawsFindMistakes plants mistakes: laws that find none would be worth nothing.
func TestLawsFindMistakes(t *testing.T) {
	for mistake, name := range mistakes {
		t.Run(mistake, func(t *testing.T) {
			judge := func(w world) *objectives.Result { return judgeLiterally(w, mistake) }
			for _, l := range laws() {
				for seed := uint64(0); l.name == name && seed < 400; seed++ {
					r := rand.New(rand.NewPCG(seed, 47))
					if wrong := l.check(r, drawWorld(r), judge); wrong != "" {
						t.Logf("world %d: %s", seed, wrong)
						return
					}
				}
			}
			t.Errorf("%q is not found by %q", mistake, name)
		})
	}
}

// values are those of a result by name.
func values(r *objectives.Result) map[string]objectives.Value {
	all := map[string]objectives.Value{}
	for _, o := range r.Outcomes {
		for _, v := range o.Values {
			v.Decides = nil
			all[fmt.Sprint(o.Objective, " ", o.Query, " ", o.Subject, " ", v.Kind, " ", v.Path)] = v
		}
	}
	return all
}

func less1(a, b objectives.Number) bool {
	if a.Num == never || b.Num == never {
		return a.Num != never
	}
	return big.NewRat(a.Num, a.Den).Cmp(big.NewRat(b.Num, b.Den)) < 0
}

func lawBounds(_ *rand.Rand, w world, judge judgement) string {
	for name, v := range values(judge(w)) {
		if v.Low == nil || v.Number == nil {
			continue
		}
		if less1(*v.Number, v.Low.Number) || less1(v.High.Number, *v.Number) {
			return fmt.Sprintf("%s: %v is not within %v and %v", name, v.Number, v.Low, v.High)
		}
		// The verdict of a number is that of the number alone.
		for _, n := range []objectives.Bound{*v.Low, *v.High, {Number: *v.Number, Verdict: v.Verdict}} {
			if v.Thin && n.Number == *v.Number {
				continue
			}
			met := n.Num <= v.Goal.AtMost
			if v.Kind == objectives.Availability {
				met = new(big.Rat).Mul(big.NewRat(n.Num, n.Den), big.NewRat(100, 1)).Cmp(v.Goal.Share.Rat()) >= 0
			}
			if met != (n.Verdict == metrics.Pass) {
				return fmt.Sprintf("%s: %v is %s", name, n.Number, n.Verdict)
			}
		}
	}
	return ""
}

// dropped takes rows out, or makes them unsent: by vantage point, server, path or at random,
// and by what became of them.
func dropped(r *rand.Rand, w world) world {
	v, x, path := pick(r, w.rows...).VantagePoint, pick(r, w.rows...).RSI, pick(r, w.rows...)
	kind, share, unsent := r.IntN(5), r.Float64(), r.IntN(2) == 0
	chosen := func(a measurement.Answer) bool {
		switch kind {
		case 0:
			return a.VantagePoint == v
		case 1:
			return a.RSI == x
		case 2:
			return a.Family == path.Family && a.Transport == path.Transport
		case 3:
			return a.Outcome == measurement.Answered
		}
		return true
	}
	rows := w.rows
	w.rows = nil
	for _, a := range rows {
		if chosen(a) && r.Float64() < share {
			if !unsent {
				continue
			}
			a.Outcome, a.LatencyUS, a.RCode, a.ZoneSerial = measurement.LocalError, nil, nil, nil
		}
		w.rows = append(w.rows, a)
	}
	return w
}

func lawDropped(r *rand.Rand, w world, judge judgement) string {
	if len(w.rows) == 0 || len(w.cfg.Plan.VantagePoints) == 0 {
		return ""
	}
	before, after := values(judge(w)), values(judge(dropped(r, w)))
	for name, v := range before {
		o := after[name]
		if v.Kind == objectives.Publication || v.Low == nil { // T(s) may move
			continue
		}
		if less1(v.Low.Number, o.Low.Number) || less1(o.High.Number, v.High.Number) {
			return fmt.Sprintf("%s: %v to %v became %v to %v", name, v.Low, v.High, o.Low, o.High)
		}
	}
	return ""
}

// lawCompletion drops rows until values are thin: what they say then the whole must say.
func lawCompletion(r *rand.Rand, w world, judge judgement) string {
	if len(w.rows) == 0 || len(w.cfg.Plan.VantagePoints) == 0 {
		return ""
	}
	whole, part := values(judge(w)), values(judge(dropped(r, w)))
	for name, v := range part {
		o := whole[name]
		if v.Kind == objectives.Publication || !v.Thin || v.Verdict == metrics.NoData || o.Verdict == metrics.NoData {
			continue
		}
		if v.Verdict != o.Verdict && !o.Thin && o.Unknown == 0 {
			return fmt.Sprintf("%s: thin it is %s, and whole %s", name, v.Verdict, o.Verdict)
		}
	}
	return ""
}

// steady says whether no server goes back.
func steady(w world) bool {
	last := map[string]uint32{}
	for _, a := range w.rows {
		if a.ZoneSerial == nil {
			continue
		}
		key := fmt.Sprint(a.VantagePoint, a.RSI)
		if s, known := last[key]; known && s != uint32(*a.ZoneSerial) && !newerThan(uint32(*a.ZoneSerial), s) {
			return false
		}
		last[key] = uint32(*a.ZoneSerial)
	}
	return true
}

// honest makes rows whose serials follow the draw without lies and steps back, all known by
// the source, so that T(s) is held.
func honest(r *rand.Rand) world {
	for {
		w := drawWorld(r)
		w.cfg.Plan.Exclusions = nil
		sights := map[uint32]time.Time{}
		for _, a := range w.rows {
			if a.ZoneSerial != nil {
				if t, known := sights[uint32(*a.ZoneSerial)]; !known || a.Interval.Before(t) {
					sights[uint32(*a.ZoneSerial)] = a.Interval
				}
			}
		}
		if len(w.rows) > 0 && len(w.cfg.Plan.VantagePoints) > 0 && steady(w) {
			w.cfg.Sources = objectives.Sights{"example.": sights}
			w.cfg.ReceivedUntil = time.Time{}
			return w
		}
	}
}

// lawSilence: with T(s) and what is known held, no server going back and every answer showing a serial, a
// query that is dropped makes no wait miss its bound.
func lawSilence(r *rand.Rand, _ world, judge judgement) string {
	w := honest(r)
	before, after := values(judge(w)), values(judge(dropped(r, w)))
	for name, v := range before {
		o := after[name]
		if before, after := v.Count-v.Good, o.Count-o.Good; v.Kind == objectives.Publication && after > before && !silent(w) {
			return fmt.Sprintf("%s: %d waits over the bound became %d", name, before, after)
		}
	}
	return ""
}

// silent says whether a server that had shown a serial answered without one later: silence is
// going back too.
func silent(w world) bool {
	shown := map[string]bool{}
	for _, a := range w.rows {
		key := fmt.Sprint(a.VantagePoint, a.RSI, a.Query, a.Family, a.Transport)
		if a.Query != "ns" && shown[key] && a.ZoneSerial == nil && a.Outcome != measurement.LocalError {
			return true
		}
		shown[key] = shown[key] || a.ZoneSerial != nil
	}
	return false
}

// lawLiar has one vantage point say what it likes: what the others make no fail without it
// rests on it.
func lawLiar(r *rand.Rand, w world, judge judgement) string {
	if len(w.cfg.Plan.VantagePoints) < 2 {
		return ""
	}
	w.cfg.Sources = nil
	liar := pick(r, w.cfg.Plan.VantagePoints...).ID
	w.rows = slices.Clone(w.rows)
	us, rcode, lie := int64(3_999_999), measurement.NoError, r.IntN(2) == 0
	for i := range w.rows {
		if a := &w.rows[i]; a.VantagePoint == liar && a.Outcome == measurement.Answered {
			if a.Outcome, a.LatencyUS, a.RCode, a.ZoneSerial = measurement.Timeout, nil, nil, nil; lie {
				a.Outcome, a.LatencyUS, a.RCode = measurement.Answered, &us, &rcode
			}
		}
	}
	alone := w
	p := *w.cfg.Plan
	p.VantagePoints = slices.DeleteFunc(slices.Clone(p.VantagePoints), func(v plan.VantagePoint) bool { return v.ID == liar })
	alone.cfg.Plan = &p
	with, without := values(judge(w)), values(judge(alone))
	for name, v := range with {
		if v.Kind != objectives.Publication && v.Verdict == metrics.Fail && without[name].Verdict != metrics.Fail && !slices.Contains(v.RestsOn, liar) {
			return fmt.Sprintf("%s fails by %s alone, but rests on %v", name, liar, v.RestsOn)
		}
	}
	return ""
}

func differs(x, y map[string]objectives.Value) string {
	for name, v := range x {
		if !reflect.DeepEqual(v, y[name]) {
			return fmt.Sprintf("%s: %+v became %+v", name, v, y[name])
		}
	}
	return ""
}

// lawOffPlan has rows that were asked at another address say something else: nothing changes.
func lawOffPlan(_ *rand.Rand, w world, judge judgement) string {
	if len(w.cfg.Plan.VantagePoints) == 0 {
		return ""
	}
	other := w
	other.rows = slices.Clone(w.rows)
	for i, a := range w.rows {
		if a.Address == "198.51.100.9" || a.Address == "nonsense" {
			if a.Outcome != measurement.LocalError {
				b := &other.rows[i]
				b.Outcome, b.LatencyUS, b.RCode, b.ZoneSerial = measurement.Timeout, nil, nil, nil
			}
		}
	}
	return differs(values(judge(w)), values(judge(other)))
}

// lawUnseen takes away what a vantage point tells of some answers, the clock by which it does,
// or the proof that the plan wants: it is as if they had not come.
func lawUnseen(r *rand.Rand, w world, judge judgement) string {
	dropped, unseen := w, w
	dropped.rows, unseen.rows = nil, nil
	for _, a := range w.rows {
		b := a
		seen := a.Outcome != measurement.Answered || r.IntN(3) > 0 || !unsee(r, w, &b)
		if unseen.rows = append(unseen.rows, b); seen {
			dropped.rows = append(dropped.rows, a)
		}
	}
	return differs(folded(judge(unseen)), folded(judge(dropped)))
}

// unsee takes something away from an answer; false where there is nothing to take.
func unsee(r *rand.Rand, w world, a *measurement.Answer) bool {
	q, _ := w.cfg.Plan.Query(a.Query)
	wrong := slices.ContainsFunc(w.runs, func(run measurement.Run) bool {
		return run.VantagePoint == a.VantagePoint && run.Interval.Equal(a.Interval) && run.ClockSynchronized != nil
	})
	server := w.cfg.Plan.Servers[slices.IndexFunc(w.cfg.Plan.Servers, func(s plan.Server) bool { return s.RSI == a.RSI })]
	switch {
	case q.Expect != "":
		a.Expected = nil
	case a.TLSAuth == nil:
		return false
	case wrong:
		a.TLSAuth = new(pick(r, measurement.AuthExpired, measurement.AuthNotYetValid))
	default:
		auth := pick(r, measurement.AuthName, measurement.AuthPin, measurement.AuthNone)
		if auth == server.TLS.Verify.Proof() {
			return false
		}
		a.TLSAuth = &auth
	}
	return true
}

// folded are the values without telling apart why something is unknown.
func folded(r *objectives.Result) map[string]objectives.Value {
	all := values(r)
	for name, v := range all {
		v.Slots = metrics.Slots{Planned: v.Slots.Planned, Sent: v.Slots.Sent}
		all[name] = v
	}
	return all
}

// lawLate takes out rows of runs that came after what counts.
func lawLate(_ *rand.Rand, w world, judge judgement) string {
	if w.cfg.ReceivedUntil.IsZero() || len(w.cfg.Plan.VantagePoints) == 0 {
		return ""
	}
	without := w
	without.rows = slices.DeleteFunc(slices.Clone(w.rows), func(a measurement.Answer) bool {
		return slices.ContainsFunc(w.runs, func(r measurement.Run) bool {
			return r.VantagePoint == a.VantagePoint && r.Interval.Equal(a.Interval) && r.IngestedAt != nil && r.IngestedAt.After(w.cfg.ReceivedUntil)
		})
	})
	return differs(values(judge(w)), values(judge(without)))
}

// lawOwnExclusion takes out exclusions of single servers: no group changes, and no T(s).
func lawOwnExclusion(_ *rand.Rand, w world, judge judgement) string {
	p := *w.cfg.Plan
	p.Exclusions = slices.DeleteFunc(slices.Clone(p.Exclusions), func(e plan.Note) bool { return e.RSIs != nil })
	without := w
	without.cfg.Plan = &p
	x, y := judge(w), judge(without)
	if !reflect.DeepEqual(x.Published, y.Published) {
		return fmt.Sprintf("a server's exclusion makes %v of %v", y.Published, x.Published)
	}
	groups := func(r *objectives.Result) map[string]objectives.Value {
		own := *r
		own.Outcomes = slices.DeleteFunc(slices.Clone(r.Outcomes), func(o objectives.Outcome) bool { return o.Per == plan.PerServer })
		return values(&own)
	}
	return differs(groups(x), groups(y))
}

// lawWhole: where all slots were sent, availability and latency know every cell.
func lawWhole(_ *rand.Rand, w world, judge judgement) string {
	for name, v := range values(judge(w)) {
		if v.Kind != objectives.Publication && v.Slots.Planned == v.Slots.Sent && v.Unknown > 0 {
			return fmt.Sprintf("%s: %d unknown of whole cells", name, v.Unknown)
		}
	}
	return ""
}
