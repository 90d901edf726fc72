// Package crowd writes results of a RIPE Atlas that never was, in the shapes of today's
// firmware, and says what is true of them. It is written from Atlas' documentation and
// shares nothing with the package that reads such results.
package crowd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// The files of a crowd. That of the probes is probes/20261120.json, after the first day.
const (
	Results = "results.jsonl"      // in order of time
	Late    = "results-late.jsonl" // what comes two days later
)

// Config says what crowd is made.
type Config struct {
	Seed        uint64
	Probes      int
	From, Until time.Time
	Servers     map[measurement.RSI][2]netip.Addr // over IPv4 and IPv6; an address that is not valid is not asked
	Progress    func()                            // after each half hour; nil tells nobody
}

// Truth is what an import of the files, as the set of built-in measurements, has to come to.
type Truth struct {
	Results     int64                         `json:"results"`
	Rows        int64                         `json:"rows"`     // of SOA
	Outcomes    map[measurement.Outcome]int64 `json:"outcomes"` // of these rows
	Left        map[string]int64              `json:"left_out"` // by the reason that the import gives
	Unknown     map[string]int64              `json:"unknown_errors"`
	Late        int64                         `json:"late"`
	Strays      int64                         `json:"strays"`
	ClockWrong  int64                         `json:"clock_wrong"`
	Identities  int64                         `json:"identities"`  // rows that --identity adds
	Intercepted []uint32                      `json:"intercepted"` // probes: a resolver answers in the servers' place over UDP
	NoIPv6      []uint32                      `json:"no_ipv6"`     // probes that have none and try
	BadClock    []uint32                      `json:"bad_clock"`
}

// most bounds what is asked for.
const most = 1_000_000

// Check says what is wrong with a configuration.
func (c Config) Check() error {
	switch {
	case c.Probes < 1 || c.Probes > most:
		return fmt.Errorf("%d probes: want 1 to %d", c.Probes, most)
	case !c.From.Before(c.Until):
		return errors.New("the end is not after the beginning")
	case len(c.Servers) == 0:
		return errors.New("no servers")
	}
	return nil
}

// slot is how often the built-in measurements ask for the SOA.
const slot = 30 * time.Minute

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
}

// Run writes the files into a folder, which must exist.
func Run(dir string, c Config) (*Truth, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	w := &world{Config: c, truth: &Truth{Outcomes: make(map[measurement.Outcome]int64), Left: map[string]int64{}, Unknown: map[string]int64{}, Intercepted: []uint32{}, NoIPv6: []uint32{}, BadClock: []uint32{}},
		random: rand.New(rand.NewPCG(c.Seed, 0)), wires: map[wireKey][]byte{}}
	w.people()
	if err := os.MkdirAll(filepath.Join(dir, "probes"), 0o755); err != nil {
		return nil, err
	}
	if err := w.writeProbes(filepath.Join(dir, "probes", c.From.Format("20060102")+".json")); err != nil {
		return nil, err
	}
	main, err := create(filepath.Join(dir, Results))
	if err != nil {
		return nil, err
	}
	late, err := create(filepath.Join(dir, Late))
	if err != nil {
		return nil, errors.Join(err, main.close())
	}
	w.main, w.late = main, late
	return w.truth, errors.Join(w.results(), main.close(), late.close())
}

// people draws the probes.
func (w *world) people() {
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
		if p.intercepted {
			w.truth.Intercepted = append(w.truth.Intercepted, p.id)
		}
		if p.noIPv6 {
			w.truth.NoIPv6 = append(w.truth.NoIPv6, p.id)
		}
		if p.neverSet || p.ahead > 0 {
			w.truth.BadClock = append(w.truth.BadClock, p.id)
		}
		w.probes = append(w.probes, p)
	}
}

// writeProbes writes the archive of probes.
func (w *world) writeProbes(path string) error {
	type row struct {
		ID      uint32   `json:"id"`
		Address string   `json:"address_v4"`
		ASN4    int      `json:"asn_v4"`
		ASN6    *int     `json:"asn_v6"`
		Prefix4 string   `json:"prefix_v4"`
		Country string   `json:"country_code"`
		Tags    []string `json:"tags"`
		Anchor  bool     `json:"is_anchor"`
	}
	countries := []string{"DE", "FR", "NL", "GB", "US", "US", "DE", "JP", "BR", "ZA"}
	all := make([]row, 0, len(w.probes))
	for i, p := range w.probes {
		as := 64512 + i%997
		one := row{ID: p.id, Address: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), ASN4: as, Prefix4: fmt.Sprintf("10.%d.%d.0/24", i>>16, i>>8&255), Country: countries[i%len(countries)], Tags: []string{"system-ipv4-works"}}
		if !p.noIPv6 {
			one.ASN6, one.Tags = &as, append(one.Tags, "system-ipv6-works")
		}
		all = append(all, one)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// output is a file that is written.
type output struct {
	*bufio.Writer
	file *os.File
}

func create(path string) (*output, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &output{bufio.NewWriterSize(f, 1<<18), f}, nil
}

func (o *output) close() error { return errors.Join(o.Flush(), o.file.Close()) }
