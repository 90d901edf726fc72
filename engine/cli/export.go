package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/export"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

type exportFlags struct {
	table, from, until, format, out string
	columns                         []string
}

func (a *app) exportCommand() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export --table TABLE --format FORMAT",
		Short: "Write rows of the lake as Arrow, CSV or JSON",
		Long: `Export writes a table of the lake, or the part of it whose interval labels lie in
[from, until), in the order of the table's key to stdout or a file. Only the columns
asked for are read, and a month needs no more memory than a day. The addresses that
vantage points measured from (source_ipv4 and source_ipv6 of runs, source of routes) are
null unless the plan says export_sources = true.

Tables: ` + names(column.Tables) + `; docs/data.md describes their columns.
Formats:
  arrow         Arrow IPC file (Feather V2)
  arrow-stream  Arrow IPC stream, for pipes
  csv           a header, then one row a line: null is an empty field, an empty text
                "", times RFC 3339 with microseconds, lists JSON, binary hex
  ndjson        one JSON object a line, times and binary as in csv

When it ends with an error, what was written to stdout is not whole.`,
		Example: "  mtric export --table answers --from 2026-11-01 --until 2026-12-01 --columns interval,rsi,latency_us --format csv --out november.csv\n" +
			"  mtric export --table answers --from 2026-11-22 --format arrow-stream | python analyse.py",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.export(c, f) },
	}
	c.Flags().StringVar(&f.table, "table", "", "`TABLE` to write: "+names(column.Tables))
	c.Flags().StringVar(&f.from, "from", "", "first interval label, a `TIME` (RFC 3339) or day (2026-11-01)")
	c.Flags().StringVar(&f.until, "until", "", "end of the interval labels, exclusive, a `TIME` or day")
	c.Flags().StringSliceVar(&f.columns, "columns", nil, "columns `A,B,…` in this order (default: all)")
	c.Flags().StringVar(&f.format, "format", "", "`FORMAT`: "+names(export.Formats))
	c.Flags().StringVar(&f.out, "out", "", "`FILE` to write, replaced when the export is whole (default: stdout)")
	return c
}

func names[T ~string](all []T) string {
	return strings.Join(texts(all), ", ")
}

func texts[T ~string](all []T) []string {
	var s []string
	for _, n := range all {
		s = append(s, string(n))
	}
	return s
}

func (a *app) export(c *cobra.Command, f exportFlags) error {
	for _, name := range []string{"table", "format"} {
		if c.Flag(name).Value.String() == "" {
			return usagef("export: --%s is missing\nTry \"%s --help\".", name, c.CommandPath())
		}
	}
	if a.flags.json && f.out == "" {
		return usagef("export: --json tells what was written with --out FILE; rows as JSON are --format ndjson")
	}
	e := export.Export{Table: column.Table(f.table), Format: export.Format(f.format)}
	for _, name := range f.columns {
		e.Columns = append(e.Columns, strings.TrimSpace(name))
	}
	var err error
	if e.From, err = exportTime("from", f.from); err != nil {
		return err
	}
	if e.Until, err = exportTime("until", f.until); err != nil {
		return err
	}
	if err := e.Check(); err != nil {
		return usagef("export: %w%s", err, columnHint(err))
	}
	var p *plan.Plan
	if e.Store, p, err = a.exportLake(); err != nil {
		return err
	}
	e.Sources = p.ExportSources
	binary := e.Format == export.ArrowFile || e.Format == export.ArrowStream
	switch {
	case f.out != "":
		return a.exportFile(c.Context(), e, f.out)
	case a.flags.dryRun:
		_, err := fmt.Fprintf(a.out, "would write %s of %s as %s to stdout\n", e.Table, e.Store.Dir, e.Format)
		return err
	case binary && isTerminal(a.out):
		return usagef("export: %s is binary and would garble the terminal; pipe it, redirect it or give --out FILE", e.Format)
	}
	_, err = a.runExport(c.Context(), e, a.out)
	if errors.Is(err, syscall.EPIPE) {
		return nil // who reads has enough, as head does
	}
	return exportError(err)
}

// exportTime reads a bound; a day is its start.
func exportTime(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("--%s %q: want a time as RFC 3339 writes it, 2026-11-22T22:40:00Z, or a day, 2026-11-22", flag, s)
}

// columnHint names what an unknown column may have meant, and all there are.
func columnHint(err error) string {
	var unknown *export.UnknownColumn
	if !errors.As(err, &unknown) {
		return ""
	}
	known := column.Names(unknown.Table)
	hint := "\n"
	near := &cobra.Command{SuggestionsMinimumDistance: 2} // cobra's measure of nearness, as for commands
	for _, name := range known {
		near.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	if s := near.SuggestionsFor(unknown.Column); unknown.Column != "" && len(s) > 0 {
		hint += fmt.Sprintf("Did you mean %q? ", s[0])
	}
	return hint + "Columns: " + strings.Join(known, ", ") + "."
}

// exportLake is --lake or the plan's lake, and the plan; the lake must be there, or a
// mistyped folder would look like one without rows.
func (a *app) exportLake() (lake.Store, *plan.Plan, error) {
	p, err := a.loadPlan()
	if err != nil {
		return lake.Store{}, nil, err
	}
	dir := a.flags.lake
	if dir == "" {
		home, err := a.home()
		if err != nil {
			return lake.Store{}, nil, err
		}
		dir = under(home, p.Paths.Lake)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return lake.Store{}, nil, usagef("lake %s: not a folder; --lake names the folder that holds answers/", dir)
	}
	return lake.Store{Dir: dir, Version: Version}, p, nil
}

// runExport draws progress where it does not run into the rows.
func (a *app) runExport(ctx context.Context, e export.Export, w io.Writer) (int64, error) {
	if !isTerminal(w) {
		bar := a.progress(1, "exporting days")
		e.Progress = bar.at
		defer bar.done()
	}
	defer collectAt(rowsGarbage)()
	return e.Run(ctx, w)
}

func exportError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("export: %w", err)
}

// exportFile writes the file whole or not at all.
func (a *app) exportFile(ctx context.Context, e export.Export, path string) error {
	path, err := exportPath(path, e.Store.Dir)
	if err != nil {
		return err
	}
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would write %s of %s as %s to %s\n", e.Table, e.Store.Dir, e.Format, path)
		return err
	}
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	rows, err := a.runExport(ctx, e, file)
	if err == nil {
		err = file.CloseAtomicallyReplace()
	}
	if err != nil {
		return exportError(errors.Join(err, file.Cleanup()))
	}
	switch {
	case a.flags.json:
		return a.printJSON(map[string]any{"table": e.Table, "format": e.Format, "rows": rows, "file": path})
	case !a.flags.quiet:
		_, err = fmt.Fprintf(a.out, "%d rows of %s in %s\n", rows, e.Table, path)
	}
	return err
}

// exportPath refuses what must not be replaced: a device or pipe, which renaming
// would turn into a file, and whatever the lake's readers may glob.
func exportPath(path, lakeDir string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", usagef("--out %s: %w", path, err)
	}
	real := filepath.Join(dir, filepath.Base(path))
	if target, err := filepath.EvalSymlinks(real); err == nil {
		real = target
	}
	if info, err := os.Lstat(real); err == nil && !info.Mode().IsRegular() {
		return "", usagef("--out %s: is no regular file; without --out the rows go to stdout", path)
	}
	from, err := filepath.EvalSymlinks(lakeDir)
	if err != nil {
		return "", fmt.Errorf("lake: %w", err)
	}
	for _, p := range []*string{&from, &real} {
		if *p, err = filepath.Abs(*p); err != nil {
			return "", err
		}
	}
	if rel, err := filepath.Rel(from, real); err == nil && filepath.IsLocal(rel) {
		return "", usagef("--out %s: lies in the lake, which only ingest writes; choose another folder", path)
	}
	return real, nil
}
