package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
)

type snapshotFlags struct {
	from, until string
	tables      []string
}

func (a *app) snapshotCommand() *cobra.Command {
	var f snapshotFlags
	c := &cobra.Command{
		Use:   "snapshot DIR",
		Short: "Copy the lake as it is now, for readers of days that grow",
		Long: `Snapshot makes DIR a copy of the lake that ingest does not change: DuckDB, polars and
Spark open a file several times in one query and fail where ingest replaces it in between.
Its tables fit together: it waits for an ingest that is at work, which waits for it.

Files are hard links where that is allowed, so that it takes no time and no room; for other
users than the lake's owner, and on another file system, they are copies, and of a snapshot
that is made again only of what has changed. DIR is new, empty, or an earlier snapshot,
which is replaced at once; do not replace one that is being read.

Tables: ` + names(column.Tables) + `; all of them, and the plans, by default.`,
		Example: "  mtric snapshot ~/snapshot --lake /home/metrics/Lake --from 2026-11-01\n  mtric snapshot /tmp/snapshot --table answers --table zones",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.snapshot(c.Context(), args[0], f) },
	}
	c.Flags().StringVar(&f.from, "from", "", "days with interval labels from this `TIME` (RFC 3339) or day (2026-11-01) on")
	c.Flags().StringVar(&f.until, "until", "", "days with interval labels before this `TIME` or day")
	c.Flags().StringSliceVar(&f.tables, "table", nil, "`TABLE` to copy, repeatable: "+names(column.Tables))
	return c
}

func (a *app) snapshot(ctx context.Context, dir string, f snapshotFlags) (err error) {
	var what lake.Snapshot
	for _, name := range f.tables {
		table := column.Table(name)
		if !slices.Contains(column.Tables, table) {
			return usagef("--table %q: want one of %s", name, names(column.Tables))
		}
		what.Tables = append(what.Tables, table)
	}
	if what.From, err = exportTime("from", f.from); err != nil {
		return err
	}
	if what.Until, err = exportTime("until", f.until); err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	what.At = now()
	store, _, err := a.exportLake()
	if err != nil {
		return err
	}
	if _, err := store.SnapshotFolder(dir); err != nil {
		return usagef("snapshot: %w", err)
	}
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would make %s a snapshot of %s\n", dir, store.Dir)
		return err
	}
	release, err := a.keepLake(ctx, store)
	if err != nil {
		return err
	}
	done, err := store.Snapshot(ctx, dir, what)
	if err = errors.Join(err, release()); err != nil {
		return err
	}
	switch {
	case a.flags.json:
		return a.printJSON(done)
	case !a.flags.quiet:
		_, err = fmt.Fprintf(a.out, "%d files of %s in %s, %d of them links; %.1f MB copied\n", done.Files, store.Dir, dir, done.Linked, float64(done.CopiedBytes)/1e6)
	}
	return err
}
