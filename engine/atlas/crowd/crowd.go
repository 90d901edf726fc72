// Package crowd writes results of a RIPE Atlas that never was, in the shapes of today's
// firmware, and says what is true of them. It is written from Atlas' documentation and
// shares nothing with the package that reads such results. Zones and faults are those of
// package simulate: a lake of ours and a crowd of one seed see one world.
package crowd

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// The files of a crowd. That of the probes is probes/20261120.json, after the first day.
const (
	Results      = "results.jsonl"      // of the built-in measurements, in order of time
	Late         = "results-late.jsonl" // what comes two days later
	DNSMON       = "dnsmon.jsonl"       // with Config.DNSMON
	Measurements = "measurements.json"  // likewise: what DNSMON's measurements ask
)

// Config says what crowd is made.
type Config struct {
	Seed        uint64 // zones are published as in a lake that package simulate makes of it
	Probes      int
	From, Until time.Time
	Servers     map[measurement.RSI][2]netip.Addr // over IPv4 and IPv6; an address that is not valid is not asked
	Faults      []plan.Fault                      // those of vantage points are of others, and strike no probe
	DNSMON      bool                              // anchors ask for DNSMON too
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
	Correct     int64                         `json:"correct"`     // rows whose SOA is that of its serial's zone
	Incorrect   map[measurement.RSI]int64     `json:"incorrect"`   // rows whose SOA is not
	Networks    int                           `json:"networks"`    // ASes
	Intercepted []uint32                      `json:"intercepted"` // probes: a resolver answers in the servers' place over UDP
	NoIPv6      []uint32                      `json:"no_ipv6"`     // probes that have none and try
	BadClock    []uint32                      `json:"bad_clock"`
	Anchors     []Anchor                      `json:"anchors"`
	Faults      []FaultTruth                  `json:"faults"`
	DNSMON      *SetTruth                     `json:"dnsmon,omitempty"`
}

// Anchor is a probe that is an anchor, and the RSI whose instance stands beside it, 0.3 ms
// away, if there is one.
type Anchor struct {
	Probe uint32          `json:"probe"`
	Near  measurement.RSI `json:"near,omitempty"`
}

// FaultTruth is a fault and whom it struck.
type FaultTruth struct {
	plan.Fault
	Probes  int      `json:"probes"`  // that it may strike
	ASNs    []uint32 `json:"asns"`    // theirs, where it does not strike all
	Queries int64    `json:"queries"` // for the SOA, struck
}

// SetTruth is what an import of DNSMON's measurements has to come to.
type SetTruth struct {
	Rows      int64                         `json:"rows"`
	Outcomes  map[measurement.Outcome]int64 `json:"outcomes"`
	Correct   int64                         `json:"correct"`
	Incorrect map[measurement.RSI]int64     `json:"incorrect"`
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
	for _, f := range c.Faults {
		if slices.Contains(oursAlone, f.Kind) && len(f.VantagePoints) == 0 {
			return fmt.Errorf("fault %q: no probe of a crowd has a fault of kind %s; with vantage_points it is of ours alone", f.Label, f.Kind)
		}
	}
	return nil
}

// slot is how often the built-in measurements ask for the SOA.
const slot = 30 * time.Minute

// Run writes the files into a folder, which must exist.
func Run(dir string, c Config) (*Truth, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	w := newWorld(c)
	if err := os.MkdirAll(filepath.Join(dir, "probes"), 0o755); err != nil {
		return nil, err
	}
	if err := w.writeProbes(filepath.Join(dir, "probes", c.From.Format("20060102")+".json")); err != nil {
		return nil, err
	}
	for name, to := range map[string]**output{Results: &w.main, Late: &w.late} {
		var err error
		if *to, err = create(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	err := errors.Join(w.results(), w.main.close(), w.late.close())
	if err == nil && c.DNSMON {
		err = w.dnsmon(dir)
	}
	w.tellFaults()
	return w.truth, err
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
