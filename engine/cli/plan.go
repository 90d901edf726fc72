package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/engine/rootzone"
)

func (a *app) planCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan",
		Short: "Check, show and format plans; derive cron lines and the inventory",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.planNewCommand(), a.planCheckCommand(), a.planShowCommand(), a.planFmtCommand(), a.planTestCommand(), a.planReferenceCommand(),
		a.planCrontabCommand(), a.planInventoryCommand())
	return c
}

func (a *app) planCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check [DIR…]",
		Short:   "Say every mistake of a plan, or that there is none",
		Example: "  mtric plan check --plan plans/rssac047 --plan local\n  mtric plan check my-plan",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, dirs []string) error {
			a.flags.plans = append(a.flags.plans, dirs...)
			if _, err := a.now(); err != nil { // a wrong --now is a mistake here too
				return err
			}
			p, mistakes, err := a.readPlan()
			if err != nil {
				return err
			}
			if err := a.printMistakes(mistakes); err != nil {
				return err
			}
			if a.flags.json {
				return a.printJSON(map[string]string{"plan": p.Name, "plan_sha256": p.SHA256()})
			}
			if a.flags.quiet {
				return nil
			}
			queries := "1 query"
			if n := len(p.Queries); n != 1 {
				queries = strconv.Itoa(n) + " queries"
			}
			_, err = fmt.Fprintf(a.out, "plan %s is good: %s, %s, %s, %s; sha256 %s\n", p.Name, diag.Plural(len(p.Servers), "server"), queries,
				diag.Plural(len(p.VantagePoints), "vantage point"), diag.Plural(len(p.Rules), "rule"), p.SHA256())
			return err
		},
	}
}

func (a *app) planReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reference [BLOCK…]",
		Short:   "Print what each block takes: types, defaults and meanings",
		Example: "  mtric plan reference query server",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, blocks []string) error {
			text, err := plan.Reference(blocks...)
			if err != nil {
				return usagef("%w", err)
			}
			_, err = io.WriteString(a.out, text)
			return err
		},
	}
}

func (a *app) planShowCommand() *cobra.Command {
	var places bool
	var page string
	c := &cobra.Command{
		Use:   "show",
		Short: "Show what would be sent in an interval, by server and path",
		Long: `Show prints what one interval sends, by query, server and path; with --json the
whole evaluated plan in canonical form, whose sha256 is the plan's hash. With
--places it prints the vantage points as a table in Markdown; --page prints a page,
docs/method.md, with that table between its marks, for the site to publish [uys].`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.loadPlan()
			if err != nil {
				return err
			}
			if a.flags.json {
				_, err = a.out.Write(p.JSON())
				return err
			}
			if places || page != "" {
				return a.printPlaces(p, page)
			}
			now, err := a.now()
			if err != nil {
				return err
			}
			return a.printSending(p, interval.Of(now()))
		},
	}
	c.Flags().BoolVar(&places, "places", false, "print where the vantage points are, as Markdown")
	c.Flags().StringVar(&page, "page", "", "print this `FILE` with the table of places between its marks")
	return c
}

// printPlaces prints the table of places, alone or within a page.
func (a *app) printPlaces(p *plan.Plan, page string) error {
	if page == "" {
		_, err := io.WriteString(a.out, plan.Places(p))
		return err
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return usagef("--page: %w", err)
	}
	out, err := plan.PlacesInto(string(text), p)
	if err != nil {
		return usagef("--page %s: %w", page, err)
	}
	_, err = io.WriteString(a.out, out)
	return err
}

// printSending prints the table of plan show: what the vantage point of --vp sends, else
// what any does, and below it what is not due in the interval.
func (a *app) printSending(p *plan.Plan, label time.Time) error {
	who := ""
	if a.flags.vp != "" && a.flags.vp != "c00" {
		vp, err := a.vantagePoint()
		if err != nil {
			return err
		}
		if err := knownVantagePoint(p, vp); err != nil {
			return err
		}
		p, who = p.For(vp), string(vp)
	}
	lines := plan.Sent(p, label)
	header := "QUERY RSI PATH ADDRESS QUESTION"
	bound := who == "" && slices.ContainsFunc(lines, func(l plan.Line) bool { return l.From != "" })
	if bound {
		header = "QUERY FROM RSI PATH ADDRESS QUESTION"
	}
	err := writeTable(a.out, header, lines, func(l plan.Line) []string {
		cells := []string{l.Query, string(l.RSI), l.Path, l.Address, l.Question}
		if bound {
			cells = slices.Insert(cells, 1, cmp.Or(l.From, "all"))
		}
		return cells
	})
	if err != nil {
		return err
	}
	fewest, most := 0, 0
	for _, l := range lines {
		fewest, most = fewest+l.Count, most+l.Count
	}
	if who == "" {
		who = "each vantage point"
		fewest, most = plan.Counts(p, label)
	}
	count := strconv.Itoa(most)
	if fewest < most {
		count = fmt.Sprintf("%d to %d", fewest, most)
	}
	if _, err = fmt.Fprintf(a.out, "\nplan %s, interval %s: %s queries from %s\n", p.Name, stamp(label), count, who); err != nil {
		return err
	}
	for _, l := range plan.Later(p, label) {
		if _, err := fmt.Fprintf(a.out, "not due in this interval: %s, next at %s\n", l.Block, stamp(l.Next)); err != nil {
			return err
		}
	}
	return nil
}

// printDraw prints the queries that measure would send now, in their order.
func (a *app) printDraw(p *plan.Plan, r *rand.Rand) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	var zone *rootzone.Zone
	if p.DrawsFromZone() {
		zone, err = rootzone.Newest(filepath.Join(under(home, p.Paths.Output), "RootZones"))
		if err != nil {
			fmt.Fprintf(a.err, "mtric: root zone for the correctness queries: %v\n", err)
		}
	}
	queries := probe.Draw(p, interval.Of(now()), zone, r)
	return writeTable(a.out, "QUERY RSI PATH ADDRESS PORT QNAME QTYPE", queries, func(q measurement.Query) []string {
		return []string{q.Label, string(q.RSI), measurement.Path{Family: q.Family, Transport: q.Transport}.String(),
			q.Address.String(), strconv.Itoa(int(q.Port)), q.Name, q.Type}
	})
}

func (a *app) planFmtCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "fmt PATH…",
		Short: "Write plan files in the one form",
		Long: `Fmt rewrites *.hcl files, and those of directories, in the canonical form and names
the files it changed. A file that does not parse is reported and left alone.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, paths []string) error { return a.planFmt(paths, check) },
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing; exit 3 when a file differs")
	return c
}

func (a *app) planFmt(paths []string, check bool) error {
	files, err := planFiles(paths)
	if err != nil {
		return err
	}
	differ := []string{}
	var broken error
	for _, f := range files {
		changed, err := a.formatFile(f, check || a.flags.dryRun)
		var exit *exitError
		switch {
		case errors.As(err, &exit):
			broken = err
		case err != nil:
			return err
		case changed:
			differ = append(differ, f)
			if !a.flags.json {
				fmt.Fprintln(a.out, f)
			}
		}
	}
	if broken != nil {
		return broken
	}
	if a.flags.json {
		if err := a.printJSON(map[string]any{"differ": differ}); err != nil {
			return err
		}
	}
	if check && len(differ) > 0 {
		return findingsf("%d files differ from the canonical form; mtric plan fmt mends them", len(differ))
	}
	return nil
}

// formatFile formats one file and says whether it differed.
func (a *app) formatFile(file string, keep bool) (bool, error) {
	info, err := os.Stat(file)
	if err != nil {
		return false, fmt.Errorf("format: %w", err)
	}
	if info.Size() > plan.MaxFileSize {
		return false, usagef("%s: %d bytes; a plan file has at most %d", file, info.Size(), plan.MaxFileSize)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("format: %w", err)
	}
	out, mistakes := plan.Format(src, file)
	if err := a.printMistakes(mistakes); err != nil {
		return false, err
	}
	if bytes.Equal(src, out) {
		return false, nil
	}
	if keep {
		return true, nil
	}
	return true, renameio.WriteFile(file, out, info.Mode().Perm(), renameio.IgnoreUmask(), renameio.WithTempDir(filepath.Dir(file)))
}

// planFiles lists the *.hcl files among and directly below paths.
func planFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, usagef("%w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := fs.Glob(os.DirFS(path), "*.hcl")
		if err != nil {
			return nil, fmt.Errorf("folder %s: %w", path, err)
		}
		if len(found) == 0 {
			return nil, usagef("folder %s: has no *.hcl file", path)
		}
		for _, f := range found {
			files = append(files, filepath.Join(path, f))
		}
	}
	sort.Strings(files)
	return files, nil
}

func (a *app) planCrontabCommand() *cobra.Command {
	var role, binary string
	c := &cobra.Command{
		Use:     "crontab --role vantage_point|collector",
		Short:   "Print the cron lines of a machine",
		Example: "  mtric plan crontab --role vantage_point --vp 101 --plan /etc/mtric/plan",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.loadPlan()
			if err != nil {
				return err
			}
			args, err := a.planArgs()
			if err != nil {
				return err
			}
			o := plan.CronOptions{Binary: binary, VP: a.flags.vp, Args: args}
			text, err := plan.Crontab(p, role, o)
			if err != nil {
				return usagef("%w", err)
			}
			if a.flags.json {
				return a.printJSON(map[string]string{"crontab": text})
			}
			_, err = fmt.Fprint(a.out, text)
			return err
		},
	}
	c.Flags().StringVar(&role, "role", "", "vantage_point or collector")
	c.Flags().StringVar(&binary, "binary", "mtric", "how cron finds the program")
	return c
}

// planArgs are the flags that make another command read the same plan; folders
// are absolute, since cron runs elsewhere.
func (a *app) planArgs() ([]string, error) {
	var args []string
	for _, d := range a.flags.plans {
		if isPlanDir(d) {
			var err error
			if d, err = filepath.Abs(d); err != nil {
				return nil, fmt.Errorf("plan folder: %w", err)
			}
		}
		args = append(args, "--plan", d)
	}
	for _, v := range a.flags.vars {
		args = append(args, "--var", v)
	}
	if a.flags.home != "" {
		home, err := a.home()
		if err != nil {
			return nil, err
		}
		args = append(args, "--home", home)
	}
	if a.flags.vp != "" {
		args = append(args, "--vp", a.flags.vp)
	}
	return args, nil
}

func (a *app) planInventoryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inventory",
		Short: "Print Ansible's dynamic inventory",
		Long: `Inventory prints the plan's vantage points and collector as the JSON that Ansible asks an inventory program for,
without vantage points whose "until" has come.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.loadPlan()
			if err != nil {
				return err
			}
			now, err := a.now()
			if err != nil {
				return err
			}
			out, err := plan.Inventory(p, now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, strings.TrimSpace(string(out)))
			return err
		},
	}
}
