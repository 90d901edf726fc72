package judge

import (
	"cmp"
	"fmt"
	"math/bits"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// zoneSet is the zones that answers with the same candidates are held against.
type zoneSet struct {
	candidates []correctness.Known // newest first
	in, out    []uint32            // the archived candidates, and those that are near

	mu     sync.Mutex
	judges []*correctness.Judge // by ever more of them, each made when it is asked; the last by those that are near too
}

func newZoneSet(candidates []correctness.Known, in, out []uint32) *zoneSet {
	doublings := bits.Len(uint(max(len(in), 1) - 1)) // from one zone to all
	return &zoneSet{candidates: candidates, in: in, out: out, judges: make([]*correctness.Judge, doublings+2)}
}

// intervalZones are the zone sets of an interval.
type intervalZones struct {
	stable bool     // all answers that were sent about then have the same candidates
	usual  *zoneSet // of these
	sets   []*zoneSet
}

// zonesFor is what an answer is held against.
func (e *evaluator) zonesFor(a *answer) *zoneSet {
	e.mu.Lock()
	defer e.mu.Unlock()
	of := e.intervals[a.label]
	if of == nil {
		of = &intervalZones{stable: e.stable(a.label)}
		e.intervals[a.label] = of
	}
	usual := of.stable && a.sent.Sub(a.label).Abs() <= aboutNow
	if usual && of.usual != nil {
		return of.usual
	}
	candidates := correctness.Candidates(e.known, a.sent, a.label)
	near := correctness.Near(e.known, candidates, a.sent, a.label)
	in, out := archivedOf(candidates), archivedOf(near)
	i := slices.IndexFunc(of.sets, func(s *zoneSet) bool { return slices.Equal(s.candidates, candidates) && slices.Equal(s.out, out) })
	if i < 0 {
		i = len(of.sets)
		of.sets = append(of.sets, newZoneSet(candidates, in, out))
	}
	if usual {
		of.usual = of.sets[i]
	}
	return of.sets[i]
}

func archivedOf(zones []correctness.Known) []uint32 {
	var serials []uint32
	for _, z := range zones {
		if z.Archived {
			serials = append(serials, z.Serial)
		}
	}
	return serials
}

// aboutNow is longer than the time about a label in which queries of its interval are sent:
// nothing that is sent later, or before, comes in (engine/ingest).
const aboutNow = 3 * interval.Length

// stable reports whether no zone becomes a candidate, or ceases to be one, about the
// interval.
func (e *evaluator) stable(label time.Time) bool {
	const near = 2 * aboutNow
	return !slices.ContainsFunc(e.known, func(z correctness.Known) bool {
		for _, edge := range []time.Duration{0, correctness.Renewed, correctness.Window, 2 * correctness.Window, -correctness.Window} {
			if (label.Sub(z.FirstUsed) - edge).Abs() <= near {
				return true
			}
		}
		return label.Sub(z.SignedAt).Abs() <= near || label.Sub(z.Shown).Abs() <= near
	})
}

// check judges one answer by the zones at hand. What no candidate explains is weighed, and
// settled only where it is wrong whatever the zone.
func (e *evaluator) check(a *answer) {
	a.settled = true
	defer func() {
		if p := recover(); p != nil {
			e.Log.Error("a response ended its judgement", "interval", a.label, "qname", a.name, "panic", fmt.Sprint(p))
			a.settled, a.now = true, held("the response ended its judgement")
		}
	}()
	if len(a.wire) == 0 {
		a.now = held("there is no response to judge")
		return
	}
	q := correctness.Question{Name: a.name, Type: a.kind, At: a.sent}
	a.zones = e.zonesFor(a)
	r := a.zones.judge(e, q, a.wire)
	switch {
	case r.Verdict == measurement.Correct:
		a.now = verdictOf(r, nil)
		return
	case r.Verdict == measurement.Unchecked && r.Failures[0].Tag != "yhu": // not for lack of a zone
		a.hopeless = slices.ContainsFunc(r.Failures, func(f correctness.Finding) bool { return f.Tag == "yds" })
		a.now = held(r.Failures[0].Detail)
		return
	}
	e.keysMet(a)
	j := a.zones.last(e)
	a.weight = j.Weigh(q, a.wire)
	e.prove(a)
	if len(a.weight.Broken) > 0 {
		a.now = verdictOf(r, a.weight.Broken)
		return
	}
	a.settled, a.result = false, r
}

// verdictOf is the verdict with its grounds: those against a zone, where there was one.
func verdictOf(r correctness.Result, broken []correctness.Finding) verdict {
	v := verdict{verdict: r.Verdict}
	if r.Serial != nil {
		serial := int64(*r.Serial)
		v.serial = &serial
	}
	if len(broken) > 0 && r.Verdict != measurement.Incorrect { // no zone is at hand
		r.Failures = broken
	}
	if len(broken) > 0 || r.Verdict == measurement.Incorrect {
		v.verdict, v.failures = measurement.Incorrect, r.FailureTexts()
	}
	return v
}

// keysMet hands on the keys of an answer that no zone at hand explains: one may be
// a new key signing key, of which the plan has no anchor yet.
func (e *evaluator) keysMet(a *answer) {
	if e.Keys == nil || a.kind != "DNSKEY" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if keys := correctness.KeysOf(a.wire); len(keys) > 0 {
		e.Keys(keys, a.rsi, measurement.VantagePoint(strings.Clone(string(a.vp))), a.sent)
	}
}

// prove notes a zone that a response is of by a signature, and that nobody has: a
// signature needs no witness.
func (e *evaluator) prove(a *answer) {
	soa := a.weight.SOA
	if soa == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.accepted[soa.Serial] && e.archivedSerial(soa.Serial) {
		return
	}
	if e.Judge.authentic == nil {
		e.Judge.authentic = map[int64]authentic{}
	}
	at := int64(soa.Serial)
	if was, known := e.Judge.authentic[at]; !known || a.sent.Before(was.at) {
		e.Judge.authentic[at] = authentic{a.sent, soa.SignedAt, measurement.RSI(strings.Clone(string(a.rsi)))}
	}
}

func (e *evaluator) archivedSerial(serial uint32) bool {
	return slices.ContainsFunc(e.known, func(k correctness.Known) bool { return k.Serial == serial && k.Archived })
}

// judge tries the newest candidate alone, which nearly all answers are of, then the two,
// the four newest and so on, for some RSIs still serve those; and those that are none when
// nothing explains the answer. A zone that nobody needs is not loaded.
func (s *zoneSet) judge(e *evaluator, q correctness.Question, wire []byte) (r correctness.Result) {
	for stage := range s.judges {
		if stage == len(s.judges)-1 && r.Verdict != measurement.Incorrect {
			break // it is not judged at all
		}
		if r = s.by(e, stage).Judge(q, wire); r.Verdict == measurement.Correct {
			break
		}
	}
	return r
}

func (s *zoneSet) by(e *evaluator, stage int) *correctness.Judge {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.judges[stage] == nil {
		j := &correctness.Judge{Zones: e.open(s.in[:min(len(s.in), 1<<stage)])}
		if stage == len(s.judges)-1 {
			j.Others, j.Keys = e.open(s.out), e.heldKeys()
		}
		s.judges[stage] = j
	}
	return s.judges[stage]
}

// last is the judge with all zones of the set, and with all keys.
func (s *zoneSet) last(e *evaluator) *correctness.Judge { return s.by(e, len(s.judges)-1) }

// open returns those of the zones that can be read.
func (e *evaluator) open(serials []uint32) []*correctness.Zone {
	var zones []*correctness.Zone
	for _, s := range serials {
		zone, err := e.zones.open(e.Judge, s, e.sums[s])
		if err != nil {
			// A zone that cannot be read must accuse nobody: its answers wait.
			e.unreadable(s, err)
			continue
		}
		zones = append(zones, zone)
	}
	return zones
}

func (e *evaluator) unreadable(serial uint32, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Left(filepath.Join(e.RootZones, rootzone.FileName(serial)), err.Error())
	e.broken[serial] = true
}

// zoneCache keeps the zones in use: those that neither this evaluator nor the one
// before it asked for are let go.
type zoneCache struct {
	mu        sync.Mutex
	now, past map[uint32]*correctness.Zone
	read      uint32 // the last that was read: the next has most of its memory
}

// turn begins a new evaluator.
func (c *zoneCache) turn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past, c.now = c.now, map[uint32]*correctness.Zone{}
}

// open reads a zone, which was proven whole when it came into the archive. Its file may
// have changed since: then its signatures are verified anew.
func (c *zoneCache) open(j *Judge, serial uint32, sum string) (*correctness.Zone, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if z := c.now[serial]; z != nil {
		return z, nil
	}
	z := c.past[serial]
	if z == nil {
		read, err := rootzone.Open(filepath.Join(j.RootZones, rootzone.FileName(serial)))
		if err != nil {
			return nil, err
		}
		if z, err = correctness.NewZone(read); err != nil {
			return nil, err
		}
		if read.SHA256 == sum {
			z.Prove()
		}
		if had := cmp.Or(c.now[c.read], c.past[c.read]); had != nil {
			z.Share(had)
		}
		c.read = serial
	}
	c.now[serial] = z
	return z, nil
}
