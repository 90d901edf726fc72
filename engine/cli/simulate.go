package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/simulate"
)

// The files of a simulated lake that are no tables; readers of the lake pass
// over names that begin with an underscore.
const (
	simulateMarker = "_simulate.lock" // the folder is ours: it may be made anew
	simulateTruth  = "_truth.json"    // what was printed; written last, so that it says the lake is whole

	simulateArchive = "probes" // folder of the archive of probes of a crowd
)

// simulateParts is all that a simulation makes in its folder, and the plans of the reports
// that were made of it.
var simulateParts = []string{simulateMarker, simulateTruth, crowd.Results, crowd.Late, crowd.DNSMON, crowd.Measurements, simulateArchive, "answers", "plans", "routes", "runs", "zones", simulate.RootZones}

// simulateFlags are the command's own flags, as they were written.
type simulateFlags struct {
	out, from, until, faults string
	vps, events              int
	seed                     uint64
	wires, routes, atlas     bool
	dnsmon                   bool
}

func (a *app) simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate --out DIR --vps N --from TIME --until TIME --seed S",
		Short: "Write a lake whose truth is known",
		Long: `Simulate makes DIR a lake as the collector keeps it, of vantage points, servers and
root zones that never were, and prints the true value of every metric as JSON (also
kept as DIR/_truth.json). The same seed gives the same files, whatever the machine.

The vantage points are the first of the plan or, where it has none, 901, 902, …
DIR must be empty, new, or the output of an earlier simulation, which is replaced.

What goes wrong is what a faults file says, and what --events draws: so many outages,
moves to other sites, stale zones and whatever else the table events knows, one after
the other, at most one a day. The truth lists every event that is in the lake.

With --atlas no lake is made but results of so many probes of RIPE Atlas, as its dumps
have them, for mtric import atlas: DIR/results.jsonl, what comes late in
DIR/results-late.jsonl, and the archive of probes below DIR/probes. With --dnsmon also those
of anchors for DNSMON, DIR/dnsmon.jsonl, and DIR/measurements.json. The truth is what an
import has to come to. By the same seed and faults file it is the world of a lake that is
simulated without --atlas: zones come at the same time, and the same servers fail.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.simulate(c, f) },
	}
	c.Flags().StringVar(&f.out, "out", "", "the `DIR` that becomes a lake")
	c.Flags().IntVar(&f.vps, "vps", 20, "how many vantage points")
	c.Flags().StringVar(&f.from, "from", "", "first interval, a `TIME` (RFC 3339) or day (2026-11-01)")
	c.Flags().StringVar(&f.until, "until", "", "end of the intervals, exclusive, a `TIME` or day")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "what all chance follows from")
	c.Flags().StringVar(&f.faults, "faults", "", "`FILE` of fault blocks, see docs/simulate.md")
	c.Flags().IntVar(&f.events, "events", 0, "draw `N` faults too, so that the kinds of events come in turn")
	c.Flags().BoolVar(&f.wires, "wires", false, "correctness answers carry wire responses of generated zones, kept in DIR/rootzones")
	c.Flags().BoolVar(&f.atlas, "atlas", false, "results of RIPE Atlas' probes in place of a lake")
	c.Flags().BoolVar(&f.dnsmon, "dnsmon", false, "with --atlas: results of DNSMON too")
	c.Flags().BoolVar(&f.routes, "routes", false, "also the table routes, of what the plan's traceroute blocks would see")
	return c
}

// simulate checks everything before it touches the folder: a slip in the faults
// file must not cost the lake that is there.
func (a *app) simulate(c *cobra.Command, f simulateFlags) error {
	for _, name := range []string{"out", "from", "until"} {
		if c.Flag(name).Value.String() == "" {
			return usagef("simulate: --%s is missing\nTry \"%s --help\".", name, c.CommandPath())
		}
	}
	if f.atlas {
		return a.simulateAtlas(f)
	}
	if f.dnsmon {
		return usagef("simulate: --dnsmon is for --atlas")
	}
	config, err := a.simulation(f)
	if err != nil {
		return err
	}
	if err := config.Check(); err != nil {
		return usagef("%w", err)
	}
	if a.flags.dryRun {
		if _, err := checkReplaceable(f.out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.out, "would write %d days of %d vantage points to %s\n", config.Days(), len(config.VantagePoints), f.out)
		return err
	}
	unlock, err := a.clearOut(f.out)
	if err != nil {
		return err
	}
	defer collectForDays()()
	bar := a.progress(config.Days(), "simulating days")
	config.Progress = func(int, int) { bar.step() }
	truth, err := simulate.Run(c.Context(), f.out, config)
	bar.done()
	if err == nil {
		err = a.printTruth(f.out, truth)
	}
	return errors.Join(err, unlock())
}

// simulation puts the configuration together from flags, plan and faults file.
func (a *app) simulation(f simulateFlags) (simulate.Config, error) {
	config := simulate.Config{Seed: f.seed, Version: Version, Routes: f.routes}
	var err error
	for name, to := range map[string]*time.Time{f.from: &config.From, f.until: &config.Until} {
		if *to, err = parseLabel(name); err != nil {
			return config, err
		}
	}
	if config.Plan, err = a.loadPlan(); err != nil {
		return config, err
	}
	if config.VantagePoints, err = simulate.VantagePoints(config.Plan, f.vps); err != nil {
		return config, usagef("--vps: %w", err)
	}
	if f.wires {
		config.Zones = &labZones{}
	}
	if f.faults != "" {
		if config.Faults, err = a.faults(f.faults, &config); err != nil {
			return config, err
		}
	}
	planted, err := simulate.Plant(config, f.events)
	if err != nil {
		return config, usagef("--events: %w", err)
	}
	for _, p := range planted {
		if slices.ContainsFunc(config.Faults, func(o plan.Fault) bool { return o.Label == p.Label }) {
			return config, usagef("--events: %s has a fault %q, which is drawn: give it another label", f.faults, p.Label)
		}
	}
	config.Faults = append(config.Faults, planted...)
	return config, nil
}

// faults reads a faults file for a simulation.
func (a *app) faults(path string, config *simulate.Config) ([]plan.Fault, error) {
	src, err := readFaults(path)
	if err != nil {
		return nil, usagef("--faults: %w", err)
	}
	// Faults may name the vantage points of the simulation, whatever the plan has.
	known := *config.Plan
	known.VantagePoints = nil
	for _, id := range config.VantagePoints {
		known.VantagePoints = append(known.VantagePoints, plan.VantagePoint{ID: id})
	}
	faults, mistakes := plan.LoadFaults(src, path, &known)
	return faults, a.printMistakes(mistakes)
}

// readFaults reads a faults file, no larger than a plan file may be.
func readFaults(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory, want a file", path)
	}
	return io.ReadAll(io.LimitReader(file, plan.MaxFileSize+1)) // LoadFaults refuses what is larger
}

// parseLabel reads the start of an interval.
func parseLabel(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			if t = t.UTC(); t != interval.Of(t) {
				return t, usagef("time %q: want the start of an interval, a multiple of %s", s, interval.Length)
			}
			return t, nil
		}
	}
	return time.Time{}, usagef("time %q: want RFC 3339, such as 2026-11-01T00:00:00Z, or a day, 2026-11-01", s)
}

// clearOut makes the folder ready: empty but for the marker, whose lock it holds.
func (a *app) clearOut(dir string) (unlock func() error, err error) {
	ours, err := checkReplaceable(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	lock := flock.New(filepath.Join(dir, simulateMarker))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	if !held {
		return nil, busyf("simulate: another run holds %s", lock.Path())
	}
	if err := removeFormer(dir, ours); err != nil {
		return nil, errors.Join(fmt.Errorf("simulate: %w", err), lock.Unlock())
	}
	return lock.Unlock, nil
}

// removeFormer empties a folder that checkReplaceable has found to be ours.
func removeFormer(dir string, ours bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil || !ours {
		return err
	}
	for _, e := range entries {
		if e.Name() == simulateMarker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// checkReplaceable refuses a folder that holds anything but a former simulation, which
// is ours to replace.
func checkReplaceable(dir string) (ours bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, usagef("--out: %w", err)
	}
	for _, e := range entries {
		ours = ours || e.Name() == simulateMarker
	}
	for _, e := range entries {
		// What a killed run left of the truth begins with a dot.
		if !ours || !slices.Contains(simulateParts, e.Name()) && !strings.HasPrefix(e.Name(), "."+simulateTruth) {
			return false, usagef("--out %s: holds %s, which no simulation wrote; give a folder that is new or empty", dir, e.Name())
		}
	}
	return ours, nil
}

// printTruth writes the truth beside the lake and prints it. A fault that struck
// nothing is no mistake, since a file may serve simulations of any length, but
// whoever waits for its effect should know.
func (a *app) printTruth(dir string, truth *simulate.Truth) error {
	text, err := writeTruth(dir, truth)
	if err != nil {
		return err
	}
	for _, f := range truth.Faults {
		if f.Queries == 0 && !a.flags.quiet {
			fmt.Fprintf(a.err, "mtric: fault %q struck no query; look at its times and places\n", f.Label)
		}
	}
	_, err = a.out.Write(text)
	return err
}

// writeTruth writes the truth, whatever it is of, and returns its text.
func writeTruth(dir string, truth any) ([]byte, error) {
	text, err := json.Marshal(truth)
	if err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	text = append(text, '\n')
	if err := renameio.WriteFile(filepath.Join(dir, simulateTruth), text, 0o644, renameio.WithTempDir(dir)); err != nil {
		return nil, fmt.Errorf("truth: %w", err)
	}
	return text, nil
}
