package cli

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

func (a *app) zoneCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "zone",
		Short: "Fetch, keep and verify root zones",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.zoneFetchCommand(), &cobra.Command{
		Use:   "add FILE[.gz]",
		Short: "Validate a root zone and keep it in Output/RootZones",
		Long: `Add reads a root zone in master format, proves it by the plan's trust anchors at the
time its SOA record was signed, and keeps it once, as <serial>.root.txt. The same
records under the same serial are the same zone; others are refused.

What is odd about a good zone is noted: signatures that count for nothing beside those
that do, as by a key that is revoked or not published yet; no ZONEMD that is known.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.zoneAdd(args[0]) },
	}, &cobra.Command{
		Use:   "list",
		Short: "List the root zones at hand, oldest first",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.zoneList() },
	}, &cobra.Command{
		Use:   "verify [FILE…]",
		Short: "Validate root zones, all at hand or those of files",
		Args:  cobra.ArbitraryArgs,
		RunE:  func(_ *cobra.Command, files []string) error { return a.zoneVerify(files) },
	})
	return c
}

// zoneDir is the plan and the folder of its root zones.
func (a *app) zoneDir() (*plan.Plan, string, error) {
	p, err := a.loadPlan()
	if err != nil {
		return nil, "", err
	}
	home, err := a.home()
	if err != nil {
		return nil, "", err
	}
	return p, zonesDir(p, home), nil
}

// zonesDir is the archive's folder.
func zonesDir(p *plan.Plan, home string) string {
	return filepath.Join(under(home, p.Paths.Output), "RootZones")
}

func (a *app) zoneAdd(file string) error {
	p, dir, err := a.zoneDir()
	if err != nil {
		return err
	}
	zone, err := provenZone(p, file)
	if err != nil {
		return err
	}
	added := false
	if a.flags.dryRun {
		_, err = rootzone.Has(dir, zone)
	} else {
		added, err = a.keepZone(p, dir, zone, file)
	}
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"serial": zone.Serial, "added": added, "notes": listed(zone.Notes)})
	}
	if a.flags.quiet {
		return nil
	}
	outcome := map[bool]string{true: "added", false: "good, and at hand already"}[added]
	if a.flags.dryRun {
		outcome = "good"
	}
	_, err = fmt.Fprintf(a.out, "zone %d: %s\n%s", zone.Serial, outcome, noteLines(zone.Notes))
	return err
}

// noteLines are what is odd about a good zone, a line each.
func noteLines(notes []string) string {
	var b strings.Builder
	for _, n := range notes {
		b.WriteString("  note: " + diag.Printable(n) + "\n")
	}
	return b.String()
}

// keepZone saves a zone and puts on record that it was added by hand.
func (a *app) keepZone(p *plan.Plan, dir string, zone *rootzone.Zone, file string) (added bool, err error) {
	now, err := a.now()
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, fmt.Errorf("root zones: %w", err)
	}
	unlock, err := a.lockZones(p)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	own := sameFile(file, filepath.Join(dir, rootzone.FileName(zone.Serial)))
	r, err := rootzone.Keep(dir, zone, rootzone.Record{At: now(), Source: "file " + file, ByHand: true, Unchanged: own})
	return r.Added, err
}

// sameFile says whether two names are of one file: the archive's own is no witness for
// itself.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	two, otherErr := os.Stat(b)
	return err == nil && otherErr == nil && os.SameFile(one, two)
}

// provenZone reads a zone file, gzipped or not, and validates it at the time it
// was signed, never by the wall clock: an archive is older than its signatures.
func provenZone(p *plan.Plan, file string) (*rootzone.Zone, error) {
	zone, err := readZone(file)
	if err != nil {
		return nil, err
	}
	at, err := zone.SignedAt()
	if err != nil {
		return nil, err
	}
	return zone, zone.Validate(anchors(p), at)
}

func readZone(file string) (zone *rootzone.Zone, err error) {
	if !strings.HasSuffix(file, ".gz") {
		return rootzone.Open(file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	defer f.Close()
	var unzipped io.Reader
	if unzipped, err = gzip.NewReader(f); err != nil {
		return nil, fmt.Errorf("zone %s: %w", file, err)
	}
	return rootzone.ReadWhole(unzipped, filepath.Base(file))
}

func anchors(p *plan.Plan) []rootzone.Anchor {
	var all []rootzone.Anchor
	for _, a := range p.Anchors {
		all = append(all, rootzone.Anchor{DS: a.DS, From: a.From, Until: a.Until})
	}
	return all
}

// zoneLine is one zone at hand.
type zoneLine struct {
	Serial uint32    `json:"serial"`
	File   string    `json:"file"`
	Bytes  int64     `json:"bytes"`
	Kept   time.Time `json:"kept_at"`
}

func (a *app) zoneList() error {
	_, dir, err := a.zoneDir()
	if err != nil {
		return err
	}
	serials, err := rootzone.Serials(dir)
	if err != nil {
		return err
	}
	lines := []zoneLine{}
	for _, s := range serials {
		path := filepath.Join(dir, rootzone.FileName(s))
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("root zones: %w", err)
		}
		lines = append(lines, zoneLine{s, path, info.Size(), info.ModTime().UTC()})
	}
	if a.flags.json {
		return a.printJSON(lines)
	}
	if len(lines) == 0 {
		return nil
	}
	return writeTable(a.out, "SERIAL KEPT BYTES FILE", lines, func(l zoneLine) []string {
		return []string{fmt.Sprint(l.Serial), l.Kept.Format(time.RFC3339), fmt.Sprint(l.Bytes), l.File}
	})
}

// zoneVerify prints a line for each zone; one that does not validate is exit 3.
func (a *app) zoneVerify(files []string) error {
	p, dir, err := a.zoneDir()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		serials, err := rootzone.Serials(dir)
		if err != nil {
			return err
		}
		for _, s := range serials {
			files = append(files, filepath.Join(dir, rootzone.FileName(s)))
		}
	}
	if len(files) == 0 && !a.flags.json && !a.flags.quiet {
		_, err := fmt.Fprintf(a.out, "%s has no root zones\n", dir)
		return err
	}
	type verdict struct {
		File   string `json:"file"`
		Serial uint32 `json:"serial,omitempty"`
		Good   bool   `json:"good"`
		Reason string `json:"reason,omitempty"`

		Notes []string `json:"notes"` // what is odd about a good one
	}
	verdicts := []verdict{}
	bad := 0
	bar := a.progress(len(files), "verifying")
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			return usagef("zone file: %w", err) // a file that is not there says nothing of a zone
		}
		zone, err := provenZone(p, f)
		bar.step()
		v := verdict{File: f, Good: err == nil, Notes: []string{}}
		if err != nil {
			bad++
			v.Reason = err.Error()
		}
		if zone != nil {
			v.Serial, v.Notes = zone.Serial, listed(zone.Notes)
		}
		verdicts = append(verdicts, v)
	}
	bar.done()
	if a.flags.json {
		err = a.printJSON(verdicts)
	} else {
		for _, v := range verdicts {
			line := v.File + ": good"
			if !v.Good {
				line = v.File + ": " + v.Reason
			}
			_, printErr := fmt.Fprintf(a.out, "%s\n%s", diag.Printable(line), noteLines(v.Notes))
			err = errors.Join(err, printErr)
		}
	}
	if err == nil && bad > 0 {
		return findingsf("%d of %d zones do not validate", bad, len(verdicts))
	}
	return err
}
