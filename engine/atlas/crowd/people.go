package crowd

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"mtric.net/mtric/engine/measurement"
)

// probe is a probe of the crowd.
type probe struct {
	id          uint32
	phase       int64 // s within a slot
	firmware    int
	intercepted bool
	noIPv6      bool
	neverSet    bool  // its clock
	ahead       int64 // s
	base        float64
	anchor      bool
	near        measurement.RSI // whose instance is beside it
	country     *country
	asn         uint32
	struck      []bool // by fault
}

// country is where probes are; most are in Europe.
type country struct {
	code   string
	region string
	share  int      // of the probes, in parts of all shares
	cities []string // where servers are, as airports are called
}

var countries = []country{
	{"DE", "europe", 160, []string{"fra", "ber", "dus"}}, {"FR", "europe", 100, []string{"par", "lys"}}, {"GB", "europe", 70, []string{"lon", "man"}}, {"NL", "europe", 60, []string{"ams"}},
	{"RU", "europe", 50, []string{"led", "svo"}}, {"CH", "europe", 35, []string{"zrh", "gva"}}, {"IT", "europe", 35, []string{"mil", "rom"}}, {"CZ", "europe", 30, []string{"prg"}}, {"BE", "europe", 30, []string{"bru"}},
	{"AT", "europe", 25, []string{"vie"}}, {"SE", "europe", 25, []string{"sto"}}, {"PL", "europe", 25, []string{"waw"}}, {"ES", "europe", 25, []string{"mad"}}, {"UA", "europe", 20, []string{"kbp"}}, {"FI", "europe", 20, []string{"hel"}},
	{"US", "north_america", 140, []string{"iad", "lax", "ord", "mia"}}, {"CA", "north_america", 25, []string{"yyz", "yvr"}},
	{"JP", "asia_pacific", 20, []string{"tyo"}}, {"AU", "asia_pacific", 20, []string{"syd"}}, {"SG", "asia_pacific", 15, []string{"sin"}}, {"IN", "asia_pacific", 12, []string{"bom"}}, {"HK", "asia_pacific", 8, []string{"hkg"}},
	{"BR", "latin_america", 20, []string{"sao"}}, {"AR", "latin_america", 8, []string{"bue"}}, {"CL", "latin_america", 6, []string{"scl"}}, {"MX", "latin_america", 6, []string{"mex"}},
	{"ZA", "africa", 15, []string{"jnb"}}, {"KE", "africa", 6, []string{"nbo"}}, {"EG", "africa", 4, []string{"cai"}}, {"NG", "africa", 4, []string{"los"}},
}

// people draws the probes.
func (w *world) people() {
	networks := map[uint32]bool{}
	for i := range w.Probes {
		r := rand.New(rand.NewPCG(w.Seed, uint64(i)+1))
		p := probe{id: uint32(1001 + i), phase: int64(r.IntN(1790)), firmware: []int{4790, 5010, 5080, 5120, 6010}[r.IntN(5)], base: 1 + 60*r.Float64()}
		p.intercepted, p.noIPv6 = r.IntN(20) == 0, r.IntN(10) == 0
		switch r.IntN(100) {
		case 0:
			p.neverSet = true
		case 1:
			p.ahead = 3600
		}
		w.settle(&p, r)
		networks[p.asn] = true
		for _, f := range w.faults {
			p.struck = append(p.struck, f.strikes(&p))
		}
		w.tell(&p)
		w.probes = append(w.probes, p)
	}
	w.truth.Networks = len(networks)
}

// settle gives a probe its place. Of the networks of a country a few have many probes: one
// of a hundred has a tenth of them.
func (w *world) settle(p *probe, r *rand.Rand) {
	all := 0
	for i := range countries {
		all += countries[i].share
	}
	draw := r.IntN(all)
	for i := range countries {
		p.country = &countries[i]
		if draw -= p.country.share; draw < 0 {
			const first, each, mean = 4_200_000_000, 100_000, 3 // private numbers; probes of a network
			networks := max(1, w.Probes*p.country.share/all/mean)
			u := r.Float64()
			p.asn = uint32(first + each*i + int(u*u*float64(networks)))
			break
		}
	}
	p.anchor = r.IntN(14) == 0 && !p.intercepted && !p.noIPv6
	if near := r.IntN(3*len(w.rsis) + 1); p.anchor && near < len(w.rsis) {
		p.near = w.rsis[near]
	}
}

// tell says in the truth what a probe is.
func (w *world) tell(p *probe) {
	for _, list := range []struct {
		is bool
		to *[]uint32
	}{{p.intercepted, &w.truth.Intercepted}, {p.noIPv6, &w.truth.NoIPv6}, {p.neverSet || p.ahead > 0, &w.truth.BadClock}} {
		if list.is {
			*list.to = append(*list.to, p.id)
		}
	}
	if p.anchor {
		w.truth.Anchors = append(w.truth.Anchors, Anchor{p.id, p.near})
	}
}

// writeProbes writes the archive of probes.
func (w *world) writeProbes(path string) error {
	type row struct {
		ID      uint32   `json:"id"`
		Address string   `json:"address_v4"`
		ASN4    uint32   `json:"asn_v4"`
		ASN6    *uint32  `json:"asn_v6"`
		Prefix4 string   `json:"prefix_v4"`
		Country string   `json:"country_code"`
		Tags    []string `json:"tags"`
		Anchor  bool     `json:"is_anchor"`
	}
	all := make([]row, 0, len(w.probes))
	for i, p := range w.probes {
		one := row{ID: p.id, Address: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), ASN4: p.asn, Prefix4: fmt.Sprintf("10.%d.%d.0/24", i>>16, i>>8&255), Country: p.country.code, Anchor: p.anchor, Tags: []string{"system-ipv4-works"}}
		if !p.noIPv6 {
			one.ASN6, one.Tags = &p.asn, append(one.Tags, "system-ipv6-works")
		}
		if p.anchor {
			one.Tags = append(one.Tags, "system-anchor")
		}
		slices.Sort(one.Tags)
		all = append(all, one)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
