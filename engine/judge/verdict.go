package judge

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// seat is shared by cases with the same candidates.
type seat struct {
	candidates []correctness.Known // newest first
	in, out    []uint32            // the archived candidates, and those that are near

	mu     sync.Mutex
	judges [4]*correctness.Judge // by ever more zones
}

// room is where the cases of an interval are heard.
type room struct {
	calm  bool  // all cases that were sent about then have the same candidates
	only  *seat // of these
	seats []*seat
}

func (b *bench) seat(c *docket) *seat {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rooms[c.label]
	if r == nil {
		r = &room{calm: b.calm(c.label)}
		b.rooms[c.label] = r
	}
	usual := r.calm && c.sent.Sub(c.label).Abs() <= aboutNow
	if usual && r.only != nil {
		return r.only
	}
	candidates := correctness.Candidates(b.known, c.sent, c.label)
	near := correctness.Near(b.known, candidates, c.sent, c.label)
	in, out := archivedOf(candidates), archivedOf(near)
	i := slices.IndexFunc(r.seats, func(s *seat) bool { return slices.Equal(s.candidates, candidates) && slices.Equal(s.out, out) })
	if i < 0 {
		i = len(r.seats)
		r.seats = append(r.seats, &seat{candidates: candidates, in: in, out: out})
	}
	if usual {
		r.only = r.seats[i]
	}
	return r.seats[i]
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

// aboutNow is far longer than an interval, in which all of its queries are sent.
const aboutNow = time.Hour

// calm reports whether no zone becomes a candidate, or ceases to be one, about the
// interval.
func (b *bench) calm(label time.Time) bool {
	const near = 2 * aboutNow
	return !slices.ContainsFunc(b.known, func(z correctness.Known) bool {
		for _, edge := range []time.Duration{0, correctness.Renewed, correctness.Window, 2 * correctness.Window, -correctness.Window} {
			if (label.Sub(z.FirstUsed) - edge).Abs() <= near {
				return true
			}
		}
		return label.Sub(z.SignedAt).Abs() <= near || label.Sub(z.Shown).Abs() <= near
	})
}

// hear judges one case by the zones at hand. What no candidate explains is weighed, and
// settled only where it is wrong whatever the zone.
func (b *bench) hear(c *docket) {
	c.settled = true
	defer func() {
		if p := recover(); p != nil {
			b.Log.Error("a response ended its judgement", "interval", c.label, "qname", c.name, "panic", fmt.Sprint(p))
			c.settled, c.now = true, held("the response ended its judgement")
		}
	}()
	if len(c.wire) == 0 {
		c.now = held("there is no response to judge")
		return
	}
	q := correctness.Question{Name: c.name, Type: c.kind, At: c.sent}
	c.seat = b.seat(c)
	r := c.seat.judge(b, q, c.wire)
	switch {
	case r.Verdict == measurement.Correct:
		c.now = verdictOf(r, nil)
		return
	case r.Verdict == measurement.Unchecked && r.Failures[0].Tag != "yhu": // not for lack of a zone
		c.hopeless = slices.ContainsFunc(r.Failures, func(f correctness.Finding) bool { return f.Tag == "yds" })
		c.now = held(r.Failures[0].Detail)
		return
	}
	b.keysMet(c)
	j := c.seat.last(b)
	c.weight = j.Weigh(q, c.wire)
	b.prove(c)
	if len(c.weight.Broken) > 0 {
		c.now = verdictOf(r, c.weight.Broken)
		return
	}
	c.settled, c.result = false, r
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
func (b *bench) keysMet(c *docket) {
	if b.Keys == nil || c.kind != "DNSKEY" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if keys := correctness.KeysOf(c.wire); len(keys) > 0 {
		b.Keys(keys, c.rsi, measurement.VantagePoint(strings.Clone(string(c.vp))), c.sent)
	}
}

// prove notes a zone that a response is of by a signature, and that nobody has: a
// signature needs no witness.
func (b *bench) prove(c *docket) {
	soa := c.weight.SOA
	if soa == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.accepted[soa.Serial] && b.archivedSerial(soa.Serial) {
		return
	}
	if b.Judge.authentic == nil {
		b.Judge.authentic = map[int64]authentic{}
	}
	at := int64(soa.Serial)
	if was, known := b.Judge.authentic[at]; !known || c.sent.Before(was.at) {
		b.Judge.authentic[at] = authentic{c.sent, soa.SignedAt, measurement.RSI(strings.Clone(string(c.rsi)))}
	}
}

func (b *bench) archivedSerial(serial uint32) bool {
	return slices.ContainsFunc(b.known, func(k correctness.Known) bool { return k.Serial == serial && k.Archived })
}

// judge tries the newest candidate alone, which nearly all answers are of, then
// the one before it, which some RSIs still serve, then all; and those that are
// none when nothing explains the answer. A zone that nobody needs is not loaded.
func (s *seat) judge(b *bench, q correctness.Question, wire []byte) (r correctness.Result) {
	for stage := range s.judges {
		if stage == len(s.judges)-1 && r.Verdict != measurement.Incorrect {
			break // it is not judged at all
		}
		if r = s.by(b, stage).Judge(q, wire); r.Verdict == measurement.Correct {
			break
		}
	}
	return r
}

func (s *seat) by(b *bench, stage int) *correctness.Judge {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.judges[stage] == nil {
		j := &correctness.Judge{Zones: b.open(s.in[:min(len(s.in), []int{1, 2, len(s.in), len(s.in)}[stage])])}
		if stage == len(s.judges)-1 {
			j.Others, j.Keys = b.open(s.out), b.heldKeys()
		}
		s.judges[stage] = j
	}
	return s.judges[stage]
}

// last is the judge with all zones that the seat knows, and with all keys.
func (s *seat) last(b *bench) *correctness.Judge { return s.by(b, len(s.judges)-1) }

// open returns those of the zones that can be read.
func (b *bench) open(serials []uint32) []*correctness.Zone {
	var zones []*correctness.Zone
	for _, s := range serials {
		zone, err := b.zones.open(b.Judge, s, b.sums[s])
		if err != nil {
			// A zone that cannot be read must accuse nobody: its answers wait.
			b.unreadable(s, err)
			continue
		}
		zones = append(zones, zone)
	}
	return zones
}

func (b *bench) unreadable(serial uint32, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Left(filepath.Join(b.RootZones, rootzone.FileName(serial)), err.Error())
	b.broken[serial] = true
}

// zoneCache keeps the zones in use: those that neither this bench nor the one
// before it asked for are let go.
type zoneCache struct {
	mu        sync.Mutex
	now, past map[uint32]*correctness.Zone
}

// turn begins a new bench.
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
	}
	c.now[serial] = z
	return z, nil
}
