package cli

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/site"
)

// makePages writes the site of what was measured so far.
func (w *demoWorld) makePages(ctx context.Context) error {
	return w.command(collector, w.collector(), w.after()).site(ctx, siteFlags{out: w.pages(), edition: string(site.Internal)})
}

// pages is the folder of the site.
func (w *demoWorld) pages() string {
	return filepath.Join(w.collector(), "Site", string(site.Internal))
}

// printPages says where the site is.
func (w *demoWorld) printPages() {
	w.say("\nLook at it, in a browser:\n  file://%s/index.html\n", w.pages())
}

// goOnFor is how long a demo that serves has planned to measure.
const goOnFor = 30 * 24 * time.Hour

// goOn measures each interval as cron would, and brings lake and site up to date, until it
// is interrupted.
func (w *demoWorld) goOn(ctx context.Context) error {
	times := strings.Split(w.measured(), "/")
	until := len(times) - 1
	times[until] = w.present.Add(goOnFor).Format(time.RFC3339)
	for i, v := range w.vars {
		if strings.HasPrefix(v, "measured=") {
			w.vars[i] = "measured=" + strings.Join(times, "/")
		}
	}
	reader := &app{out: w.app.out, err: w.app.err, flags: w.flags()}
	var err error
	if w.plan, err = reader.loadPlan(); err != nil {
		return err
	}
	for label := w.present.Add(interval.Length); ; label = interval.Of(w.app.clock()).Add(interval.Length) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(label.Sub(w.app.clock()) + time.Second):
		}
		if err := w.goOnAt(ctx, label); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// goOnAt measures one interval.
func (w *demoWorld) goOnAt(ctx context.Context, label time.Time) error {
	seeds := func(n int) (uint64, error) { return uint64(label.Unix()) + uint64(n), nil }
	if err := w.measureAt(ctx, label, seeds); err != nil {
		return err
	}
	c := w.command(collector, w.collector(), w.app.clock())
	if err := known(c.zoneFetch(ctx, false)); err != nil {
		return err
	}
	if err := known(c.ingest(ctx, nil)); err != nil {
		return err
	}
	if err := c.site(ctx, siteFlags{out: w.pages(), edition: string(site.Internal)}); err != nil {
		return err
	}
	w.say("%s measured\n", label.Format("15:04 UTC"))
	return nil
}
