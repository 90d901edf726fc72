package correctness_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/metrics/correctness"
)

// court decides as ingest does, by what is known at a time: the rules of package
// correctness, and by its own hand what ingest makes of sightings.
type court struct {
	*history
	now      time.Time
	zones    []correctness.Known
	accepted map[uint32]bool
	held     map[int]bool // keys of archived zones
	shows    []testimony
	archive  correctness.Archive
}

func (h *history) court(now time.Time, answers []answer, shows []testimony) *court {
	c := &court{history: h, now: now, accepted: map[uint32]bool{}, held: map[int]bool{}, shows: shows}
	for _, z := range h.zones {
		if c.has(z) {
			c.held[z.key] = true
		}
	}
	type seen struct {
		vps  map[int]time.Time
		rsis map[int]bool
	}
	by := map[uint32]*seen{}
	for _, s := range shows {
		if !s.trusted || !c.believable(s) {
			continue
		}
		of := by[s.serial]
		if of == nil {
			of = &seen{map[int]time.Time{}, map[int]bool{}}
			by[s.serial] = of
		}
		if at, known := of.vps[s.vp]; !known || s.sent.Before(at) {
			of.vps[s.vp] = s.sent
		}
		of.rsis[s.server] = true
	}
	proven := map[int]time.Time{} // by a signature over SOA
	for _, a := range answers {
		z := h.zones[a.zone]
		if at, known := proven[a.zone]; a.withSOA && c.held[z.key] && !a.sent.Before(z.signed) && (!known || a.sent.Before(at)) {
			proven[a.zone] = a.sent
		}
	}
	one := len(h.vps) == 1
	know := func(serial uint32, z *published, proof time.Time) {
		k := correctness.Known{Serial: serial}
		of := by[serial]
		if of != nil {
			var all []time.Time
			for _, at := range of.vps {
				all = append(all, at)
			}
			slices.SortFunc(all, time.Time.Compare)
			k.Shown = all[0]
			if one {
				k.FirstUsed = all[0]
			} else if len(all) > 1 {
				k.FirstUsed = all[1]
			}
		}
		if z != nil && c.has(*z) {
			k.Archived, k.SignedAt = true, z.signed
			if k.FirstUsed.IsZero() || z.archived.Before(k.FirstUsed) {
				k.FirstUsed = z.archived
			}
		} else if !proof.IsZero() {
			k.SignedAt = z.signed
			if k.Shown.IsZero() || proof.Before(k.Shown) {
				k.Shown = proof
			}
		} else if of == nil || len(of.rsis) < 2 || len(of.vps) < 2 && !one {
			return
		}
		c.accepted[serial] = true
		c.zones = append(c.zones, k)
	}
	for i := range h.zones {
		know(h.zones[i].serial, &h.zones[i], proven[i])
		delete(by, h.zones[i].serial)
	}
	for serial := range by { // of no zone
		know(serial, nil, time.Time{})
	}
	correctness.Date(c.zones)
	var fetches []correctness.Fetch
	for _, f := range h.fetches {
		if !f.at.After(now) {
			fetches = append(fetches, correctness.Fetch{At: f.at, Serial: h.zones[f.zone].serial})
		}
	}
	c.archive = correctness.Archive{Zones: c.zones, Fetches: correctness.Counting(fetches, c.zones), Sighted: c.sighted}
	return c
}

func (c *court) has(z published) bool { return !z.archived.IsZero() && !z.archived.After(c.now) }

// believable says whether a serial can have been shown then, as far as is known.
func (c *court) believable(s testimony) bool {
	for _, z := range c.history.zones {
		if z.serial == s.serial && c.has(z) {
			return !s.sent.Before(z.signed.Add(-correctness.ClockAllowance))
		}
	}
	return true
}

func (c *court) sighted(from, until time.Time) ([]time.Time, error) {
	var all []time.Time
	for _, s := range c.shows {
		if s.trusted && c.accepted[s.serial] && c.believable(s) && !s.sent.Before(from) && !s.sent.After(until) {
			all = append(all, s.sent)
		}
	}
	return all, nil
}

// judge says what becomes of an answer: "correct", "incorrect" or why it is held.
func (c *court) judge(a answer) string {
	z := c.history.zones[a.zone]
	for _, k := range correctness.Candidates(c.zones, a.sent, a.label) {
		if k.Serial == z.serial && k.Archived && !a.sent.Before(z.signed) {
			return "correct"
		}
	}
	end := a.label.Add(5 * time.Minute)
	switch {
	case !c.vps[a.vp].trusted,
		c.held[z.key] && z.signed.After(a.sent),
		c.has(z) && z.signed.After(end.Add(correctness.ClockAllowance)):
		return "clock"
	case c.held[z.key] && !c.has(z) && correctness.Lacking(c.zones, z.signed, a.sent, a.label):
		return "hole"
	case c.ownTestimony(a, end):
		return "own testimony"
	}
	hold, _ := c.archive.Covers(a.sent, a.label)
	if hold == "" {
		return "incorrect"
	}
	return hold
}

func (c *court) ownTestimony(a answer, end time.Time) bool {
	own := map[uint32]time.Time{}
	for _, s := range c.shows {
		if s.vp == a.vp && !c.accepted[s.serial] && !s.sent.Before(a.sent.Add(-correctness.Window)) && s.sent.Before(end) {
			if at, known := own[s.serial]; !known || s.sent.Before(at) {
				own[s.serial] = s.sent
			}
		}
	}
	if len(own) == 0 {
		return false
	}
	all := slices.Clone(c.zones)
	for serial, at := range own {
		all = append(all, correctness.Known{Serial: serial, FirstUsed: at, Shown: at})
	}
	correctness.Date(all)
	return slices.ContainsFunc(correctness.Candidates(all, a.sent, a.label), func(k correctness.Known) bool { return !own[k.Serial].IsZero() })
}

// replaced says whether the archive shows that the zone was out of use: first used more
// than 48 hours before the query, with one after it that was used for a day, or one
// after it was used for 48 hours.
func (c *court) replaced(a answer) bool {
	own := c.history.zones[a.zone]
	old := c.has(own) && own.archived.Before(a.sent.Add(-48*hour))
	return slices.ContainsFunc(c.history.zones[a.zone+1:], func(z published) bool {
		return c.has(z) && (z.archived.Before(a.sent.Add(-48*hour)) || old && !z.archived.After(a.sent.Add(-24*hour)))
	})
}

// complete says whether nothing is missing and somebody always looked.
func (c *court) complete() bool {
	for _, z := range c.history.zones {
		if !c.has(z) {
			return false
		}
	}
	return c.good
}

// The laws of evidence, over drawn histories: whatever the archive lacks and whoever
// lies, no server is accused for an answer of a zone that was published in the 48 hours
// before or was the newest a day before; what was replaced long before is never correct; once every
// zone is archived no such answer is held, and what was replaced is accused, whatever
// one vantage point says.
func TestLawsOfEvidence(t *testing.T) {
	verdicts := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		answers, shows := h.measure(t)
		for _, now := range []time.Time{begins.Add(h.drawHours(t, "now")), begins.AddDate(0, 0, h.days+1), begins.AddDate(0, 0, h.days+60)} {
			arrived := slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return a.at.After(now) })
			said := slices.DeleteFunc(slices.Clone(shows), func(s testimony) bool { return s.sent.Add(-h.vps[s.vp].offset).After(now) })
			c := h.court(now, arrived, said)
			complete := c.complete()
			for _, a := range arrived {
				vp, got := h.vps[a.vp], c.judge(a)
				verdicts[got]++
				right := vp.trusted && vp.offset == 0
				switch {
				case got == "incorrect" && a.genuine:
					t.Fatalf("accused wrongly, at %s: %+v of %+v\nby %+v\nzones %+v", now, a, h.zones[a.zone], vp, c.zones)
				case got == "correct" && right && c.replaced(a):
					t.Fatalf("a zone that was replaced makes correct: %+v\nzones %+v", a, c.zones)
				case got != "correct" && complete && right && !vp.liar && a.genuine:
					t.Fatalf("held for %q though nothing is missing: %+v\nzones %+v", got, a, c.zones)
				case got != "incorrect" && complete && right && !vp.liar && c.replaced(a) && c.archive.Fetches[len(c.archive.Fetches)-1].At.After(a.label.Add(66*time.Minute)):
					t.Fatalf("%s, though the zone was replaced: %+v\nzones %+v", got, a, c.zones)
				}
			}
		}
	})
	answers := 0
	for _, n := range verdicts {
		answers += n
	}
	for _, rare := range []string{"incorrect", "clock", "hole", "own testimony", "no zone fetch since"} {
		if verdicts[rare] == 0 {
			t.Errorf("of %d answers none was %q", answers, rare)
		}
	}
	t.Logf("%d answers: %d correct, %d incorrect", answers, verdicts["correct"], verdicts["incorrect"])
}
