package comparison

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// The signs that somebody else answers in a server's place. None of them is of the serial
// or the content, or a stale site would hide itself; nor of the time that an answer takes:
// an anchor may stand beside a root server.
const (
	SignRecursion = "recursion_available" // RA is set
	SignAuthority = "not_authoritative"   // AA is missing on an SOA record
	SignQuestion  = "other_question"      // another question is echoed, or QR is 0
	SignOperator  = "other_operator"      // the identity is of another operator's pattern
	SignResolver  = "resolver"            // the identity is of a known resolver
)

var signNames = []string{SignRecursion, SignAuthority, SignQuestion, SignOperator, SignResolver}

// setApart takes out of the cells what the whole day of a vantage point is set apart for.
func (s *side) setApart() {
	for _, b := range s.vps {
		for h := range s.hours {
			working := s.working(b, h)
			for path := range pathCount {
				switch {
				case !working[path/2]:
					s.takeOut(b, h, path, notWorking)
				case b.isIntercepted(s.dayOf(h), path):
					s.takeOut(b, h, path, intercepted)
				}
			}
		}
	}
}

// isIntercepted says whether somebody answers in a server's place on a day of a path: at least two of
// the messages to queries of a kind, and a twentieth of them, show a sign. So one stray message
// is none, and one RSI of thirteen is enough.
func (b *block) isIntercepted(day, path int) bool {
	for kind := range 2 {
		at := (day*pathCount+path)*2 + kind
		if b.odd[at] > 1 && 20*int(b.odd[at]) >= int(b.heard[at]) {
			return true
		}
	}
	return false
}

// takeOut moves an hour of a path, over all RSIs, to a kind of what is set apart.
func (s *side) takeOut(b *block, h, path, kind int) {
	for rsi := range s.RSIs {
		cell := rsi*pathCount + path
		at := cell*s.hours + h
		if h >= s.before {
			for _, to := range []*Counts{&b.apart[kind], &s.apart[cell]} {
				to.Asked += int64(b.asked[at])
				to.Good += int64(b.asked[at] - b.failed[at])
			}
		}
		b.asked[at], b.failed[at], b.took[at] = 0, 0, 0
		b.old[rsi*s.hours+h] &^= 1 << path
	}
	for i, at := range b.first {
		if i%pathCount == path && at != unseen && int(at)/perHour == h {
			b.first[i] |= hidden
		}
	}
}

// working says of each family whether the probe had the tag that says that it works; without
// tags nobody knows, and nothing is set apart.
func (s *side) working(b *block, h int) (families [2]bool) {
	site := siteAt(b.sites, s.timeOf(h))
	if s.own || site == nil || site.Tags == nil {
		return [2]bool{true, true}
	}
	return [2]bool{slices.Contains(site.Tags, "system-ipv4-works"), slices.Contains(site.Tags, "system-ipv6-works")}
}

// siteAt is where a vantage point was; nil where that is not known.
func siteAt(sites []measurement.Site, at time.Time) *measurement.Site {
	for i, site := range sites {
		if (site.From == nil || !at.Before(*site.From)) && (site.Until == nil || at.Before(*site.Until)) {
			return &sites[i]
		}
	}
	return nil
}

// network is what counts as one: of ours each vantage point, of probes an AS of the family
// at the end of the period.
func (s *side) network(vp, family int) int64 {
	if s.own {
		return int64(vp)
	}
	site := s.siteOf(vp)
	if site == nil {
		return 0
	}
	asn := site.ASNIPv4
	if family == 1 {
		asn = site.ASNIPv6
	}
	if asn == nil {
		return 0
	}
	return *asn
}

func (s *side) siteOf(vp int) *measurement.Site {
	b := s.vps[vp]
	if site := siteAt(b.sites, s.Until.Add(-time.Hour)); site != nil {
		return site
	}
	if len(b.sites) > 0 {
		return &b.sites[len(b.sites)-1]
	}
	return nil
}

// region of a vantage point; empty where it is not known.
func (s *side) region(vp int) string {
	if s.own {
		return s.Regions[s.vps[vp].id]
	}
	if site := s.siteOf(vp); site != nil {
		return site.Region
	}
	return ""
}

// describe says what the side is, in the period.
func (s *side) describe() Side {
	d := Side{Regions: []Region{}}
	networks, byRegion := map[int64]bool{}, map[string]map[int64]bool{}
	counts := map[string]int{}
	for i, b := range s.vps {
		any := b.apart != [kinds]Counts{}
		for cell := range len(s.RSIs) * pathCount {
			for h := s.before; h < s.hours; h++ {
				n := b.asked[cell*s.hours+h]
				if n == 0 {
					continue
				}
				any = true
				d.Asked += int64(n)
				d.Good += int64(n - b.failed[cell*s.hours+h])
			}
		}
		d.Apart.add(b)
		if !any {
			continue
		}
		d.VantagePoints++
		region := s.region(i)
		if byRegion[region] == nil {
			byRegion[region] = map[int64]bool{}
		}
		counts[region]++
		for family := range 2 {
			if asn := s.network(i, family); asn != 0 || s.own {
				networks[asn], byRegion[region][asn] = true, true
			}
		}
	}
	d.Networks = len(networks)
	for region, n := range counts {
		d.Regions = append(d.Regions, Region{region, n, len(byRegion[region])})
	}
	slices.SortFunc(d.Regions, func(a, b Region) int { return compareText(a.Region, b.Region) })
	d.Apart.Signs = s.signs()
	return d
}

// add counts what was set apart of a vantage point.
func (a *Apart) add(b *block) {
	for kind, to := range map[int]*ApartCount{noNetwork: &a.NoNetwork, noRoute: &a.NoRoute, intercepted: &a.Intercepted, notWorking: &a.NotWorking} {
		if c := b.apart[kind]; c.Asked > 0 {
			to.VantagePoints++
			to.Asked += c.Asked
			to.Good += c.Good
		}
	}
}

// signs lists the signs of interception by RSI.
func (s *side) signs() []Sign {
	list := []Sign{}
	for k, name := range signNames {
		for r, rsi := range s.RSIs {
			one, networks := Sign{Sign: name, RSI: rsi}, map[int64]bool{}
			for i, b := range s.vps {
				if n := b.signs[k*len(s.RSIs)+r]; n > 0 {
					one.VantagePoints++
					one.Answers += int64(n)
					networks[s.network(i, 0)] = true
				}
			}
			if one.Networks = len(networks); one.Answers > 0 {
				list = append(list, one)
			}
		}
	}
	return list
}
