package rehearse

import (
	"net/netip"
	"strings"
	"time"

	"mtric.net/mtric/engine/lab"
)

var zoneScenarios = []Scenario{
	{"zonemd", "zones without a digest, with a private hash, SHA-384, SHA-512, both, and one of two that is wrong", zonemd},
	{"altered-glue", "a source alters the glue of zones without a digest; a server that of zones with one", alteredGlue},
	{"ds-removed", "a source, then a server, takes all DS records out of the zone", dsRemoved},
	{"missed-zone", "a zone of twelve hours is never fetched, and added later", missedZone},
	{"late-zone", "a zone that was missed comes from another collector ten days later", lateZone},
	{"first-server", "one server has a zone three hours before anybody can fetch it", firstServer},
	{"publication-gap", "no zone for sixty hours, then three in an hour", publicationGap},
	{"stale-mirror", "the only source that can be reached shows a zone of the day before", staleMirror},
}

// zonemd is what was seen at the root, and what may come. Two sources vouch for what no
// digest covers.
func zonemd(s *script) {
	s.days = 9
	s.sources = []source{{label: "internic"}, {label: "mirror"}}
	for i, d := range []lab.Digests{{}, {{Hash: lab.PrivateHash}}, {{Hash: lab.SHA384}}, {{Hash: lab.SHA512}}, {{Hash: lab.SHA384}, {Hash: lab.SHA512}},
		{{Hash: lab.SHA384}, {Hash: lab.SHA512, Wrong: true}}} {
		s.digests = append(s.digests, digesting{s.at(2+i, 0), d})
	}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(4, 6), s.at(8, 0)})}
}

// otherGlue changes the address of every name server that has one of IPv4.
func otherGlue(r *root, v version) (*lab.Zone, error) {
	text, err := r.text(v.zone)
	if err != nil {
		return nil, err
	}
	glue := map[string]netip.Addr{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 5 && fields[3] == "A" && !strings.HasSuffix(fields[0], ".root-servers.net.") {
			glue[fields[0]] = netip.AddrFrom4([4]byte{192, 0, 2, 66})
		}
	}
	return r.altered(v, func(revision *lab.Revision) { revision.Glue = glue })
}

// once makes a zone of each version once.
func once(make func(r *root, v version) (*lab.Zone, error)) func(r *root, v version) *lab.Zone {
	made := map[uint32]*lab.Zone{}
	return func(r *root, v version) *lab.Zone {
		z := made[v.zone.Serial]
		if z == nil {
			var err error
			if z, err = make(r, v); err != nil {
				panic(err) // a mistake of the script
			}
			made[v.zone.Serial] = z
		}
		return z
	}
}

// alteredGlue has no digest for two days, in which the source alters the glue of one
// zone. Three days later, with digests, a server does.
func alteredGlue(s *script) {
	s.days = 9
	s.digests = []digesting{{s.at(2, 0), lab.Digests{}}, {s.at(4, 0), lab.Digests{{Hash: lab.SHA384}}}}
	altered, from, until := once(otherGlue), s.at(2, 4), s.at(3, 17)
	s.sources = []source{{label: "internic", zone: func(r *root, t time.Time) *lab.Zone {
		v := r.published(t, true)
		if within(v.signed, from, until) {
			return altered(r, v)
		}
		return v.zone
	}}}
	s.holds = []scope{{span: span{from, s.at(5, 18)}}}
	s.services = []service{{rsi: s.rsi(2), span: span{s.at(6, 6), s.at(8, 0)}, fault: "altered glue",
		zone: func(r *root, t time.Time) *lab.Zone { return altered(r, r.version(r.served(s.rsi(2), t))) }}}
	s.mended = "the altered zones moved away, the good ones added"
	s.mend = func(p *player) error {
		good := p.versions(from, until)
		if err := p.moveAway(good...); err != nil {
			return err
		}
		return p.add(good...)
	}
}

// dsRemoved has a second source that is in order.
func dsRemoved(s *script) {
	s.days = 8
	removed := once(func(r *root, v version) (*lab.Zone, error) {
		return r.altered(v, func(revision *lab.Revision) {
			for _, tld := range v.zone.Secure() {
				revision.Missing = append(revision.Missing, tld+"/DS")
			}
		})
	})
	from, until := s.at(2, 4), s.at(4, 0)
	s.sources = []source{{label: "internic", zone: func(r *root, t time.Time) *lab.Zone {
		v := r.published(t, true)
		if within(v.signed, from, until) {
			return removed(r, v)
		}
		return v.zone
	}}, {label: "mirror"}}
	s.services = []service{{rsi: s.rsi(2), span: span{s.at(5, 6), s.at(7, 0)}, fault: "DS removed",
		zone: func(r *root, t time.Time) *lab.Zone { return removed(r, r.version(r.served(s.rsi(2), t))) }}}
}

// missOne lets no source show the version that is signed then.
func (s *script) missOne(signed time.Time) {
	s.publications = s.twiceADay()
	for i := range s.publications {
		s.publications[i].hidden = s.publications[i].signed.Equal(signed)
	}
	s.holds = []scope{{span: span{signed, signed.Add(12*time.Hour + publishing + slowest)}}}
	s.alerts = []string{"serial-gaps"}
}

func missedZone(s *script) {
	s.days = 8
	missed := s.at(3, 4)
	s.missOne(missed)
	s.mended = "the zone added"
	s.mend = func(p *player) error { return p.add(p.versions(missed, missed.Add(1))...) }
}

func lateZone(s *script) {
	s.days = 14
	missed := s.at(2, 4)
	s.missOne(missed)
	s.mended = "the zone by {serial}"
	s.mend = func(p *player) error {
		p.script.sources = append(p.script.sources, source{label: "archive", bySerial: true})
		return nil
	}
}

// firstServer lets sources and the other servers have a zone three hours late.
func firstServer(s *script) {
	s.days = 7
	s.publications = s.twiceADay()
	signed := s.at(4, 4)
	for i := range s.publications {
		if s.publications[i].signed.Equal(signed) {
			s.publications[i].after = publishing + 3*time.Hour
		}
	}
	early := s.rsi(3)
	s.services = []service{{rsi: early, span: span{signed.Add(publishing), signed.Add(publishing + 3*time.Hour)}, soa: true,
		zone: func(r *root, _ time.Time) *lab.Zone { return r.signedAt(signed).zone }}, s.flipping(s.rsi(1), span{s.at(4, 6), s.at(6, 0)})}
}

func publicationGap(s *script) {
	s.days = 9
	gap := s.at(2, 16)
	for _, p := range s.twiceADay() {
		if p.signed.After(gap) && p.signed.Before(gap.Add(60*time.Hour)) {
			continue
		}
		s.publications = append(s.publications, p)
		if p.signed.Equal(gap.Add(60 * time.Hour)) {
			s.publications = append(s.publications, publication{signed: p.signed.Add(20 * time.Minute)}, publication{signed: p.signed.Add(40 * time.Minute)})
		}
	}
	s.services = []service{s.flipping(s.rsi(1), span{s.at(4, 0), s.at(8, 0)})}
	s.holds = []scope{{span: span{gap.Add(60 * time.Hour), gap.Add(64 * time.Hour)}}} // of three in an hour one may be missed by the fetches
	s.mended = "what was missed added"
	s.mend = func(p *player) error { return p.addMissing() }
}

// staleMirror loses its first source for a day and a half, and the second one hangs.
func staleMirror(s *script) {
	s.days = 8
	from, until := s.at(3, 0), s.at(4, 12)
	s.sources = []source{{label: "internic", span: span{time.Time{}, from}},
		{label: "mirror", zone: func(r *root, t time.Time) *lab.Zone {
			if t.Before(until) && t.After(s.at(2, 0)) {
				return r.published(s.at(2, 0), true).zone
			}
			return r.published(t, true).zone
		}}}
	s.holds = []scope{{span: span{from, until.Add(6 * time.Hour)}}}
	s.alerts = []string{"serial-gaps"}
	s.mended = "the zones that were missed added"
	s.mend = func(p *player) error { return p.addMissing() }
}
