package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

type importFlags struct {
	out, set, measurements string
	zones                  string
	probes                 []string
	identity               bool
}

func (a *app) importCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Make a lake of what others measured",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.importAtlasCommand())
	return c
}

func (a *app) importAtlasCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "atlas FILE... --out LAKE",
		Short: "Make a lake of results of RIPE Atlas",
		Long: `Atlas imports DNS results of RIPE Atlas into LAKE. Each probe becomes a vantage point,
atlas-6042. FILE has one result a line, or a single array, plain or compressed with gzip,
bzip2 or zstd. Use - for the standard input.

LAKE is new, empty, or has the same set of measurements: an anchor is in both builtin and
dnsmon, and the keys of its rows would collide. A result that is imported again changes
nothing; one that comes late is added to the day it belongs to. The sets:

  builtin   the built-in measurements of the root servers; their ids are known
  dnsmon    those of DNSMON; --measurements says which they are and what they ask
  FILE      the ids in FILE, one a line; what they ask is in --measurements, or is learned
            from the answers

Results that become no row are counted by reason. The addresses in the plan, present and
former, tell which root server a measurement asks. Exit code 3 reports results that cannot
be read and errors of probes that are not known. If a file breaks off, nothing is changed.

With --zones, the folder that has fetches.jsonl, each answer for the SOA gets a verdict:
correct or incorrect if the archive has the zone of its serial, else unchecked. Import the
same files again with a more complete archive to complete what was unchecked.

--probes gives the country, AS, prefix and tags of each probe, from the archive of the day in
its name. Without it a comparison takes all probes for one network, and confirms nothing.
Give all archives each time. Addresses of probes are not kept.`,
		Example: "  mtric import atlas dns-2026-11-20T0000.bz2 --probes 20261120.json.bz2 --out Atlas",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, files []string) error { return a.importAtlas(c, files, f) },
	}
	c.Flags().StringVar(&f.out, "out", "", "the `LAKE` to make or to add to")
	c.Flags().StringVar(&f.set, "set", setBuiltIn, "which measurements: builtin, dnsmon, or a `FILE` of ids")
	c.Flags().StringVar(&f.measurements, "measurements", "", "what measurements ask: a `FILE` of RIPE Atlas' metadata, JSON")
	c.Flags().StringArrayVar(&f.probes, "probes", nil, "an archive of probes, a `FILE`; repeatable")
	c.Flags().StringVar(&f.zones, "zones", "", "`DIR` of the archive of root zones to compare SOA records with")
	c.Flags().BoolVar(&f.identity, "identity", false, "import identities and versions of servers too, one an hour of each probe, RSI and family")
	return c
}

// The names of sets.
const (
	setBuiltIn = "builtin"
	setDNSMON  = "dnsmon"
)

func (a *app) importAtlas(c *cobra.Command, files []string, f importFlags) (err error) {
	if f.out == "" {
		return usagef("import atlas: --out is missing\nTry \"%s --help\".", c.CommandPath())
	}
	if f.set == setDNSMON && f.measurements == "" {
		return usagef("import atlas: --set dnsmon needs --measurements: the ids of DNSMON's measurements are not fixed")
	}
	sources, err := a.atlasSources(files)
	if err != nil {
		return err
	}
	p, err := a.loadPlan()
	if err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	m := &atlas.Importer{Lake: lake.Store{Dir: f.out, Version: Version}, Servers: addressesOf(p), Identity: f.identity, Now: now()}
	if m.Set, err = f.questions(m.Servers); err != nil {
		return usagef("import atlas: %w", err)
	}
	if m.Zones, err = f.rootZones(p); err != nil {
		return usagef("import atlas: --zones: %w", err)
	}
	archives, err := f.archives()
	if err != nil {
		return usagef("import atlas: --probes: %w", err)
	}
	if held, err := atlas.HeldSet(f.out); err != nil {
		return usagef("import atlas: --out: %w", err)
	} else if held != "" && held != m.Set.Name {
		return usagef("import atlas: --out %s holds the set %s: give %s a lake of its own", f.out, held, m.Set.Name)
	}
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would import %s into %s: %d measurements of set %s\n", edition.Plural(int64(len(files)), "file"), f.out, len(m.Set.Questions), m.Set.Name)
		return err
	}
	defer collectForDays()()
	counts, err := a.importInto(c.Context(), m, sources, archives)
	if errors.Is(err, lake.ErrLocked) {
		return busyf("import atlas: %w", err)
	}
	if err != nil {
		return fmt.Errorf("import atlas: %w", err)
	}
	return a.printImported(f.out, counts)
}

// importInto brings files and archives into the lake, which it locks.
func (a *app) importInto(ctx context.Context, m *atlas.Importer, sources []atlas.Source, archives []atlas.Archive) (counts atlas.Counts, err error) {
	// Locked first: of two imports of different sets into a new folder one makes it its lake.
	release, err := m.Lake.LockExclusive(ctx, 0)
	if err != nil {
		return counts, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := atlas.Prepare(m.Lake.Dir, m.Set.Name); err != nil {
		return counts, err
	}
	bar := a.progress(-1, "importing, in 65,536 results")
	m.Progress = func(int64) { bar.step() }
	counts, err = m.Run(ctx, sources)
	bar.done()
	if err == nil && len(archives) > 0 {
		counts.Places, err = atlas.SaveProbes(m.Lake, archives)
	}
	return counts, err
}

// atlasSources looks whether the files are there before anything is read.
func (a *app) atlasSources(files []string) ([]atlas.Source, error) {
	var all []atlas.Source
	for i, name := range files {
		if name == "-" {
			if slices.Contains(files[:i], "-") {
				return nil, usagef("import atlas: the standard input is given twice")
			}
			all = append(all, atlas.Source{Name: "standard input", Open: func() (io.ReadCloser, error) { return io.NopCloser(a.in), nil }})
			continue
		}
		if info, err := os.Stat(name); err != nil {
			return nil, usagef("import atlas: %w", err)
		} else if info.IsDir() {
			return nil, usagef("import atlas: %s is a folder, want files", name)
		}
		all = append(all, atlas.Source{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	}
	return all, nil
}

// addressesOf are all addresses of the RSIs in a plan, former ones too.
func addressesOf(p *plan.Plan) map[netip.Addr]measurement.RSI {
	all := map[netip.Addr]measurement.RSI{}
	for _, s := range p.Servers {
		for _, address := range s.Addresses {
			all[address.Address] = s.RSI
		}
	}
	return all
}

// questions is the set that the flags choose.
func (f importFlags) questions(servers map[netip.Addr]measurement.RSI) (atlas.Set, error) {
	builtIn := atlas.BuiltIn()
	described := map[int64]atlas.Question{}
	if f.measurements != "" {
		if err := readFile(f.measurements, func(r io.Reader) (err error) {
			described, err = atlas.Measurements(r, servers)
			return err
		}); err != nil {
			return atlas.Set{}, fmt.Errorf("--measurements: %w", err)
		}
	}
	switch f.set {
	case setBuiltIn:
		return atlas.Set{Name: setBuiltIn, Questions: builtIn}, nil
	case setDNSMON:
		set := atlas.Set{Name: setDNSMON, Questions: map[int64]atlas.Question{}}
		for id, q := range described {
			if _, other := builtIn[id]; !other && q.RSI != "" {
				set.Questions[id] = q
			}
		}
		if len(set.Questions) == 0 {
			return set, fmt.Errorf("--measurements: %s describes no measurement of a root server", f.measurements)
		}
		return set, nil
	}
	set := atlas.Set{Questions: map[int64]atlas.Question{}}
	var ids map[int64]bool
	if err := readFile(f.set, func(r io.Reader) (err error) {
		ids, err = atlas.Numbers(r)
		return err
	}); err != nil {
		return set, fmt.Errorf("--set: %w", err)
	}
	h := sha256.New()
	for _, id := range sortedIDs(ids) {
		fmt.Fprintln(h, id)
		set.Questions[id] = described[id]
		if q, known := builtIn[id]; known {
			set.Questions[id] = q
		}
	}
	set.Name = fmt.Sprintf("file-%.12x", h.Sum(nil))
	return set, nil
}

func sortedIDs(ids map[int64]bool) (all []int64) {
	for id := range ids {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// rootZones is the archive that SOA records are held against; nil where none is given.
func (f importFlags) rootZones(p *plan.Plan) (*atlas.Zones, error) {
	if f.zones == "" {
		return nil, nil
	}
	if info, err := os.Stat(f.zones); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s: not a folder; want the one that holds fetches.jsonl", f.zones)
	}
	return atlas.OpenZones(f.zones, anchors(p))
}

func (f importFlags) archives() (all []atlas.Archive, err error) {
	for _, name := range f.probes {
		err := readFile(name, func(r io.Reader) error {
			archive, err := atlas.ReadProbes(r, name)
			all = append(all, archive)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	_, err = atlas.Sites(all) // whether they fit together
	return all, err
}

func readFile(name string, use func(io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := use(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// printImported tells what became of all results.
func (a *app) printImported(out string, counts atlas.Counts) error {
	if a.flags.json {
		if err := a.printJSON(counts); err != nil {
			return err
		}
	} else if !a.flags.quiet {
		if _, err := io.WriteString(a.out, importedText(out, counts)); err != nil {
			return err
		}
	}
	var findings []string
	for _, reason := range []string{atlas.NoResult, atlas.TooLong} {
		if n := counts.Left[reason]; n > 0 {
			findings = append(findings, fmt.Sprintf("%s: %d", reason, n))
		}
	}
	if len(findings) > 0 && counts.FirstBad != "" {
		findings = append(findings, "the first that cannot be read is "+counts.FirstBad+": want one result a line, or one array of results")
	}
	for _, name := range counts.Empty {
		findings = append(findings, name+" is empty: get it again")
	}
	findings = append(append(findings, counts.BadZones...), counts.Contradicted...)
	for _, u := range byCount(counts.Unknown) {
		findings = append(findings, fmt.Sprintf("unknown error %q: %d", u.name, u.n))
	}
	if len(findings) > 0 {
		return findingsf("import atlas: %s", strings.Join(findings, "\nimport atlas: "))
	}
	return nil
}

func importedText(out string, counts atlas.Counts) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: %s in %s of %s\n", edition.Plural(counts.Lines, "result"), edition.Plural(int64(counts.Files), "file"), edition.Plural(counts.Added, "new row"), edition.Plural(int64(counts.Days), "day"), out)
	if counts.Places > 0 {
		fmt.Fprintf(&b, "%d rows of vantage_points\n", counts.Places)
	}
	for _, r := range byCount(counts.Left) {
		fmt.Fprintf(&b, "  %-24s %12d  %5.2f %%\n", r.name, r.n, 100*float64(r.n)/float64(max(counts.Lines, counts.Results, 1)))
	}
	for _, r := range []counted{{"answers after 4 s", counts.Late}, {"no reply to the question", counts.Strays}, {"clock not to be trusted", counts.ClockWrong}, {"of another size", counts.SizeDiffers}, {"with the address of the probe, which is left out", counts.Hidden}} {
		if r.n > 0 {
			fmt.Fprintf(&b, "of the rows, %s: %d\n", r.name, r.n)
		}
	}
	for _, v := range measurement.Verdicts {
		if n := counts.Judged[v]; n > 0 {
			fmt.Fprintf(&b, "SOA records %s: %d\n", v, n)
		}
	}
	return b.String()
}

type counted struct {
	name string
	n    int64
}

// byCount lists counts, the greatest first.
func byCount(counts map[string]int64) (all []counted) {
	for name, n := range counts {
		all = append(all, counted{name, n})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	return all
}

// ownLake refuses a lake of RIPE Atlas' results where ours is meant: no plan's thresholds
// are for its probes, and none of our rows belong there.
func ownLake(dir string) error {
	there, err := exists(filepath.Join(dir, atlas.Marker))
	if err != nil || !there {
		return err
	}
	return usagef("lake %s holds results of RIPE Atlas: no thresholds are for them, and nothing else goes in; give another lake", dir)
}
