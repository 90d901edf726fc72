package ingest

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// seat is shared by cases with the same candidates.
type seat struct {
	in, out []uint32

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
	in, out := correctness.Candidates(b.all, c.sent, c.label)
	i := slices.IndexFunc(r.seats, func(s *seat) bool { return slices.Equal(s.in, in) && slices.Equal(s.out, out) })
	if i < 0 {
		i = len(r.seats)
		r.seats = append(r.seats, &seat{in: in, out: out})
	}
	if usual {
		r.only = r.seats[i]
	}
	return r.seats[i]
}

// aboutNow is far longer than an interval, in which all of its queries are sent.
const aboutNow = time.Hour

// calm reports whether no zone comes into use, or leaves the time in which it counts,
// about the interval.
func (b *bench) calm(label time.Time) bool {
	return !slices.ContainsFunc(b.all, func(z correctness.Use) bool {
		return slices.ContainsFunc([]time.Duration{0, correctness.Window, 2 * correctness.Window}, func(edge time.Duration) bool {
			return (label.Sub(z.At) - edge).Abs() <= 2*aboutNow
		})
	})
}

// hear judges one case. A mismatch accuses only where the archive is complete for
// the query; until then the row waits.
func (b *bench) hear(c *docket) {
	c.now = verdict{verdict: measurement.Unchecked}
	defer func() {
		if p := recover(); p != nil {
			b.log.Error("a response ended its judgement", "interval", c.label, "qname", c.name, "panic", fmt.Sprint(p))
			c.now = verdict{verdict: measurement.Unchecked}
		}
	}()
	if len(c.wire) == 0 {
		return
	}
	r := b.seat(c).judge(b, correctness.Question{Name: c.name, Type: c.kind, At: c.sent}, c.wire)
	c.hopeless = r.Verdict == measurement.Unchecked && slices.ContainsFunc(r.Failures, func(f correctness.Finding) bool { return f.Tag == "yds" })
	if r.Verdict == measurement.Incorrect && !b.complete(c.label) {
		return
	}
	c.now.verdict = r.Verdict
	if r.Serial != nil && r.Verdict != measurement.Unchecked {
		serial := int64(*r.Serial)
		c.now.serial = &serial
	}
	if r.Verdict == measurement.Incorrect {
		c.now.failures = r.FailureTexts()
	}
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
			j.Others = b.open(s.out)
		}
		s.judges[stage] = j
	}
	return s.judges[stage]
}

// open returns those of the zones that can be read.
func (b *bench) open(serials []uint32) []*correctness.Zone {
	var zones []*correctness.Zone
	for _, s := range serials {
		zone, err := b.zones.open(b.Ingester, s, b.sums[s])
		if err != nil {
			// A zone that cannot be read must accuse nobody: its answers wait.
			b.unreadable(s, err)
			continue
		}
		zones = append(zones, zone)
	}
	return zones
}

// unreadable makes the archive incomplete from the zone's first use on.
func (b *bench) unreadable(serial uint32, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left(filepath.Join(b.RootZones, rootzone.FileName(serial)), err.Error())
	for _, z := range b.all {
		if z.Serial == serial && (b.missing.IsZero() || z.At.Before(b.missing)) {
			b.missing = z.At
		}
	}
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
func (c *zoneCache) open(in *Ingester, serial uint32, sum string) (*correctness.Zone, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if z := c.now[serial]; z != nil {
		return z, nil
	}
	z := c.past[serial]
	if z == nil {
		read, err := rootzone.Open(filepath.Join(in.RootZones, rootzone.FileName(serial)))
		if err != nil {
			return nil, err
		}
		if z, err = correctness.NewZone(read, in.Anchors); err != nil {
			return nil, err
		}
		if read.SHA256 == sum {
			z.Prove()
		}
	}
	c.now[serial] = z
	return z, nil
}
