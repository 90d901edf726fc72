package atlas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// Bounds of archives of probes.
const (
	mostProbes   = 200_000   // of an archive
	mostSites    = 2_000_000 // rows of the table
	mostTags     = 100       // of a probe
	longestTag   = 64        // bytes
	longestIPv4  = 24        // bits of a prefix: a longer one is nearly an address
	longestIPv6  = 48
	highestASN   = 1<<32 - 1
	highestProbe = 1<<32 - 1
)

// Archive is the probes of a day, sorted.
type Archive struct {
	Day   time.Time // zero where nobody says
	Sites []measurement.Site
}

// archived is a probe as the daily archives and the API describe it. What says where
// exactly it stands, and its addresses, is not read.
type archived struct {
	ID      int64             `json:"id"`
	Country *string           `json:"country_code"`
	ASN4    *int64            `json:"asn_v4"`
	ASN6    *int64            `json:"asn_v6"`
	Prefix4 *string           `json:"prefix_v4"`
	Prefix6 *string           `json:"prefix_v6"`
	Tags    []json.RawMessage `json:"tags"` // texts, or objects with a slug
	Day     json.RawMessage   `json:"day"`
}

var dayInName = regexp.MustCompile(`(?:^|[^0-9])(20[0-9]{2})-?([01][0-9])-?([0-3][0-9])(?:[^0-9]|$)`)

// ReadProbes reads an archive of probes, whose day is in its rows or in its name.
func ReadProbes(r io.Reader, name string) (Archive, error) {
	var a Archive
	if m := dayInName.FindStringSubmatch(filepath.Base(name)); m != nil {
		a.Day, _ = time.Parse("20060102", m[1]+m[2]+m[3]) // zero where it is no day
	}
	plain, err := Decompress(r)
	if err != nil {
		return a, err
	}
	defer plain.Close()
	probes := map[measurement.VantagePoint]measurement.Site{}
	err = objects(plain, func(text []byte) error {
		var p archived
		if err := json.Unmarshal(text, &p); err != nil {
			return err
		}
		if p.ID <= 0 || p.ID > highestProbe {
			return nil
		}
		if day, ok := dayOf(p.Day); ok && a.Day.IsZero() {
			a.Day = day
		}
		s := p.site()
		if probes[s.VantagePoint] = s; len(probes) > mostProbes {
			return fmt.Errorf("more than %d probes", mostProbes)
		}
		return nil
	})
	if err == nil && len(probes) == 0 {
		err = errors.New("no probe is in it")
	}
	for _, s := range probes {
		a.Sites = append(a.Sites, s)
	}
	slices.SortFunc(a.Sites, func(a, b measurement.Site) int {
		return strings.Compare(string(a.VantagePoint), string(b.VantagePoint))
	})
	return a, err
}

func dayOf(text json.RawMessage) (time.Time, bool) {
	s := strings.Trim(string(text), `"`)
	for _, layout := range []string{"20060102", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func (p archived) site() measurement.Site {
	s := measurement.Site{VantagePoint: measurement.AtlasProbe(uint32(p.ID)), ASNIPv4: asn(p.ASN4), ASNIPv6: asn(p.ASN6),
		PrefixIPv4: prefix(p.Prefix4, longestIPv4), PrefixIPv6: prefix(p.Prefix6, longestIPv6), Tags: []string{}}
	if p.Country != nil && countryCode.MatchString(*p.Country) {
		s.Country, s.Region = p.Country, regionOf(*p.Country)
	}
	for _, text := range p.Tags {
		if tag := slug(text); tag != "" && len(s.Tags) < mostTags {
			s.Tags = append(s.Tags, tag)
		}
	}
	slices.Sort(s.Tags)
	s.Tags = slices.Compact(s.Tags)
	return s
}

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	tagForm     = regexp.MustCompile(`^[a-z0-9_.-]+$`)
	addressForm = regexp.MustCompile(`(?:[0-9]{1,3}[_.-]){3}[0-9]{1,3}|(?:[0-9a-f]{1,4}[_.-]+){4}`) // people tag what they like
)

func slug(text json.RawMessage) string {
	var tag string
	if json.Unmarshal(text, &tag) != nil {
		var object struct {
			Slug string `json:"slug"`
		}
		if json.Unmarshal(text, &object) == nil {
			tag = object.Slug
		}
	}
	if len(tag) > longestTag || !tagForm.MatchString(tag) || addressForm.MatchString(tag) {
		return ""
	}
	return tag
}

func asn(n *int64) *int64 {
	if n == nil || *n <= 0 || *n > highestASN {
		return nil
	}
	return n
}

// prefix is an announced prefix; one that is so long that it is nearly the probe's address
// is none.
func prefix(text *string, longest4or6 int) *string {
	if text == nil {
		return nil
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil || p.Bits() > longest4or6 || p.Addr().Is4() != (longest4or6 == longestIPv4) {
		return nil
	}
	return new(p.Masked().String())
}

// Sites are the rows of the table vantage_points that archives come to: each holds from its
// day to the next archive's. The first holds for the time before it too, the last for the
// time after.
func Sites(archives []Archive) ([]measurement.Site, error) {
	archives = slices.Clone(archives)
	slices.SortFunc(archives, func(a, b Archive) int { return a.Day.Compare(b.Day) })
	for i, a := range archives {
		if len(archives) > 1 && a.Day.IsZero() {
			return nil, errors.New("an archive of several does not say its day, neither in its name (20261120.json.bz2) nor in its rows")
		}
		if i > 0 && a.Day.Equal(archives[i-1].Day) {
			return nil, fmt.Errorf("two archives of %s", a.Day.Format(time.DateOnly))
		}
	}
	open := map[measurement.VantagePoint]measurement.Site{} // holds until something else is said
	var done []measurement.Site
	for i, a := range archives {
		var from *time.Time
		if i > 0 {
			from = &a.Day
		}
		now := make(map[measurement.VantagePoint]measurement.Site, len(a.Sites))
		for _, s := range a.Sites {
			s.From = from
			if was, met := open[s.VantagePoint]; met {
				if same(was, s) {
					s = was
				} else {
					was.Until = from
					done = append(done, was)
				}
				delete(open, s.VantagePoint)
			}
			now[s.VantagePoint] = s
		}
		for _, gone := range open {
			gone.Until = from
			done = append(done, gone)
		}
		if open = now; len(done)+len(open) > mostSites {
			return nil, fmt.Errorf("more than %d rows", mostSites)
		}
	}
	for _, s := range open {
		done = append(done, s)
	}
	column.Sort(done)
	return done, nil
}

// same says whether two rows differ in their time only.
func same(a, b measurement.Site) bool {
	a.From, a.Until, b.From, b.Until = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}

// SaveProbes makes the table vantage_points of the archives; one that is so already is left
// alone. The caller holds the lake's lock.
func SaveProbes(s lake.Store, archives []Archive) (int, error) {
	sites, err := Sites(archives)
	if err != nil {
		return 0, err
	}
	if had, err := s.Sites(); err != nil || reflect.DeepEqual(had, sites) {
		return len(sites), err
	}
	return len(sites), s.SaveSites(sites)
}
