package rehearse

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// The root's own times.
const (
	publishing = 65 * time.Minute            // from signing to publication
	signedFor  = 13*24*time.Hour + time.Hour // signatures over all but the keys
	slot       = 10 * 24 * time.Hour         // the keys are signed anew
	keysFor    = 21 * 24 * time.Hour         // signatures over the keys
	tlds       = 9                           // top-level domains: small, for it is all in the times
	seed       = 47                          // of zones and keys
	slowest    = 40 * time.Minute            // until the last server has a new zone
	window     = 48 * time.Hour              // how old a zone may be that is served [yhu]
)

// publication is one version of the root zone.
type publication struct {
	signed time.Time
	after  time.Duration // until it is published; publishing by default
	hidden bool          // no source shows it as its newest
}

// keySet is the keys of the versions signed from then on.
type keySet struct {
	from                time.Time
	publish, keys, data []lab.Key // as in lab.Signing
	strays              []lab.Stray
}

// digesting is the ZONEMD records of the versions signed from then on.
type digesting struct {
	from    time.Time
	digests lab.Digests
}

// version is a publication with its zone.
type version struct {
	publication
	at       time.Time // published
	zone     *lab.Zone
	before   *lab.Zone    // and what made it of that
	revision lab.Revision //
}

// root is the root of a scenario.
type root struct {
	script   *script
	versions []version

	mu    sync.Mutex
	texts map[*lab.Zone][]byte
	whole map[*lab.Zone]*rootzone.Zone
}

// twiceADay are publications from the evening before the first day on.
func (s *script) twiceADay() []publication {
	var all []publication
	for at := s.at(-1, 16); at.Before(s.end()); at = at.Add(12 * time.Hour) {
		all = append(all, publication{signed: at})
	}
	return all
}

// serials are those that the root has by custom: date and number.
func serials(publications []publication) []uint32 {
	var all []uint32
	numbers := map[string]uint32{}
	for _, p := range publications {
		date := p.signed.Format("20060102")
		day, err := strconv.ParseUint(date, 10, 32)
		if err != nil {
			panic(err) // eight digits
		}
		all = append(all, uint32(day)*100+numbers[date])
		numbers[date]++
	}
	return all
}

// newRoot makes the versions.
func newRoot(s *script) (*root, error) {
	r := &root{script: s, texts: map[*lab.Zone][]byte{}, whole: map[*lab.Zone]*rootzone.Zone{}}
	all := serials(s.publications)
	for i, p := range s.publications {
		if p.after == 0 {
			p.after = publishing
		}
		v := version{publication: p, at: p.signed.Add(p.after)}
		v.revision = lab.Revision{Serial: all[i], Inception: p.signed, Expiration: p.signed.Add(signedFor), Signing: s.signing(p.signed), ZONEMD: s.zonemd(p.signed)}
		var err error
		if i == 0 {
			v.zone, err = lab.Generate(lab.Options{Seed: seed, Serial: all[i], TLDs: tlds, Inception: p.signed, Expiration: v.revision.Expiration,
				Signing: v.revision.Signing, ZONEMD: v.revision.ZONEMD})
		} else {
			v.before = r.versions[i-1].zone
			v.zone, err = v.before.NextVersion(v.revision)
		}
		if err != nil {
			return nil, err
		}
		r.versions = append(r.versions, v)
	}
	return r, nil
}

// signing is who signs a version that is signed then. The keys are signed by slots of ten
// days, all the rest with each version.
func (s *script) signing(at time.Time) *lab.Signing {
	now := s.keySets[0]
	for _, r := range s.keySets {
		if !r.from.After(at) {
			now = r
		}
	}
	base := s.at(-4, 0)
	inception := base.Add(at.Sub(base) / slot * slot)
	signing := &lab.Signing{Publish: now.publish, SignData: now.data, Stray: now.strays}
	for _, k := range now.keys {
		signing.Stray = append(signing.Stray[:len(signing.Stray):len(signing.Stray)],
			lab.Stray{Owner: ".", Type: "DNSKEY", Key: k, Inception: inception, Expiration: inception.Add(keysFor)})
	}
	return signing
}

func (s *script) zonemd(at time.Time) lab.Digests {
	now := lab.Digests{{Hash: lab.SHA384}}
	for _, d := range s.digests {
		if !d.from.After(at) {
			now = d.digests
		}
	}
	return now
}

// published is the newest version then, of those that sources show where shown is set.
func (r *root) published(t time.Time, shown bool) version {
	newest := r.versions[0]
	for _, v := range r.versions {
		if !v.at.After(t) && (!shown || !v.hidden) {
			newest = v
		}
	}
	return newest
}

// news says whether a zone was published in the two hours before or in that which begins.
// In others a collector that asks each three hours learns as much as one that asks twice
// an hour: what vantage points show each hour is watching too.
func (r *root) news(hour time.Time) bool {
	for _, v := range r.versions {
		if within(v.at, hour.Add(-time.Hour), hour.Add(time.Hour)) {
			return true
		}
	}
	return false
}

// delay is how long after its publication a server has a zone.
func (r *root) delay(rsi measurement.RSI) time.Duration {
	for i, other := range r.script.rsis {
		if other == rsi {
			return time.Duration(1+3*i) * time.Minute % slowest
		}
	}
	return 0
}

// served is what a server in good order serves then.
func (r *root) served(rsi measurement.RSI, t time.Time) *lab.Zone {
	return r.published(t.Add(-r.delay(rsi)), false).zone
}

// version is that of the zone.
func (r *root) version(z *lab.Zone) version {
	for _, v := range r.versions {
		if v.zone == z {
			return v
		}
	}
	return version{}
}

// altered is the version with another revision of what was before it: the same serial and
// signatures, and what change says on top.
func (r *root) altered(v version, change func(*lab.Revision)) (*lab.Zone, error) {
	if v.before == nil {
		return nil, fmt.Errorf("zone %d: the first version cannot be altered", v.zone.Serial)
	}
	revision := v.revision
	change(&revision)
	return v.before.NextVersion(revision)
}

// text is a zone in master format.
func (r *root) text(z *lab.Zone) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text := r.texts[z]; text != nil {
		return text, nil
	}
	var b bytes.Buffer
	if _, err := z.WriteTo(&b); err != nil {
		return nil, err
	}
	r.texts[z] = b.Bytes()
	return b.Bytes(), nil
}

// read is a zone as vantage points have it, to draw questions from.
func (r *root) read(z *lab.Zone) (*rootzone.Zone, error) {
	if whole := r.whole[z]; whole != nil {
		return whole, nil
	}
	text, err := r.text(z)
	if err != nil {
		return nil, err
	}
	whole, err := rootzone.ReadWhole(bytes.NewReader(text), "rehearsal")
	if err != nil {
		return nil, err
	}
	r.whole[z] = whole
	return whole, nil
}
