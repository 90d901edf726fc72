package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/engine/rootzone"
)

// adjtimex is the clock's state on a machine of the demo: the true one is often not
// synchronised, in a container.
func (w *demoWorld) adjtimex(machine string) func(*unix.Timex) (int, error) {
	return func(t *unix.Timex) (int, error) {
		t.Maxerror = 1000
		if machine == demoUnsynced && w.judges() && !w.healed {
			t.Status = unix.STA_UNSYNC
			return unix.TIME_ERROR, nil
		}
		return unix.TIME_OK, nil
	}
}

// setPresent takes the interval of now for the present or, where the demo would begin in the
// month before, the last of that month: its report is of one month.
func (w *demoWorld) setPresent(now time.Time) {
	w.present = interval.Of(now)
	if month := interval.Month(w.present); w.label(0).Before(month) {
		w.present = month.Add(-interval.Length)
	}
}

// label is the n-th interval of the demo; the last one is the present. The last with
// faults comes an hour after those before it, and an hour before those without.
func (w *demoWorld) label(n int) time.Time {
	if w.other.labels != nil {
		return w.other.labels[n]
	}
	label := w.present.Add(time.Duration(n+1-demoIntervals-demoRecovered) * interval.Length)
	if n < demoIntervals {
		label = label.Add(-time.Hour)
	}
	if n < demoIntervals-1 {
		label = label.Add(interval.Length - time.Hour)
	}
	return label
}

// times are when the vantage points measure: begin, begin and end of each hour that is
// skipped, end.
func (w *demoWorld) times() []time.Time {
	if all := w.other.labels; all != nil {
		return []time.Time{all[0], all[len(all)-1].Add(interval.Length)}
	}
	last := w.label(demoIntervals - 1)
	return []time.Time{w.label(0), w.label(demoIntervals - 2).Add(interval.Length), last,
		last.Add(interval.Length), w.label(demoIntervals), w.present.Add(interval.Length)}
}

// measured are the times in the form of the plan's variable.
func (w *demoWorld) measured() string {
	var times []string
	for _, t := range w.times() {
		times = append(times, t.Format(time.RFC3339))
	}
	return strings.Join(times, "/")
}

// after is when cron's ingest would have the last interval measured so far, and its
// rules are due; while the faults last, later: when it judges them.
func (w *demoWorld) after() time.Time {
	n := demoIntervals
	switch {
	case w.other.labels != nil:
		n = w.other.done
	case w.healed:
		n += demoRecovered
	case w.later:
		return w.label(n).Add(2 * time.Minute)
	}
	return w.label(n - 1).Add(interval.Length + 4*time.Minute)
}

// ingestLater comes an hour after what it judges.
func (w *demoWorld) ingestLater(ctx context.Context) error {
	w.later = true
	return w.ingest(ctx)
}

// ingest comes after another fetch, as cron has it.
func (w *demoWorld) ingest(ctx context.Context) error {
	c := w.command(collector, w.collector(), w.after())
	if err := c.zoneFetch(ctx, false); err != nil {
		return err
	}
	if err := w.date(); err != nil {
		return err
	}
	return c.ingest(ctx, nil)
}

// date gives the files in the dropboxes the times at which they would have come: those
// of the demo's clock.
func (w *demoWorld) date() error {
	files, err := filepath.Glob(filepath.Join(w.collector(), "sftp", "*", "incoming", "*"))
	if err != nil {
		return err
	}
	for _, f := range files {
		label, _, _ := strings.Cut(filepath.Base(f), "-")
		at, err := interval.Parse(label)
		if err != nil {
			continue // not a name of ours
		}
		at = at.Add(time.Minute)
		if err := os.Chtimes(f, at, at); err != nil {
			return err
		}
	}
	return nil
}

// measureFaults has a new zone published after the first interval; one RSI takes it
// an interval late, and another not in an hour.
func (w *demoWorld) measureFaults(ctx context.Context) error {
	for i := range demoIntervals {
		switch i {
		case 1:
			if err := w.publish(w.newest(), demoLate); err != nil {
				return err
			}
		case 2:
			if err := w.publish(w.newest()); err != nil {
				return err
			}
			if _, err := w.fetch(ctx, w.label(1).Add(6*time.Minute)); err != nil {
				return err
			}
		case demoIntervals - 1:
			if _, err := w.fetch(ctx, w.label(2).Add(30*time.Minute)); err != nil {
				return err
			}
		}
		if err := w.measure(ctx, i, i+1); err != nil {
			return err
		}
	}
	return nil
}

// recover lets the faults end and goes on until the alerts have ended too.
func (w *demoWorld) recover(ctx context.Context) error {
	if err := w.system.SetFaults(); err != nil {
		return err
	}
	w.healed = true
	if err := w.measure(ctx, demoIntervals, demoIntervals+demoRecovered); err != nil {
		return err
	}
	if err := w.ingest(ctx); err != nil {
		return err
	}
	all, err := w.received()
	if err != nil {
		return err
	}
	w.all = len(all)
	return w.readAlerts()
}

// measure measures the demo's intervals [from, until).
func (w *demoWorld) measure(ctx context.Context, from, until int) error {
	for i := from; i < until; i++ {
		label := w.label(i)
		err := w.measureAt(ctx, label, func(n int) (uint64, error) {
			seed := uint64(demoSeed + i*len(w.plan.VantagePoints) + n)
			if !w.judges() || !w.asks(demoStale) || i >= demoIntervals {
				return seed, nil
			}
			return w.telling(label, seed, i == demoIntervals-1 && w.plan.VantagePoints[n].ID != demoUnsynced)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// measureAt runs the commands themselves, as cron does: measure at the beginning of an
// interval and watch four minutes later, at each vantage point.
func (w *demoWorld) measureAt(ctx context.Context, label time.Time, seedOf func(n int) (uint64, error)) error {
	g, ctx := errgroup.WithContext(ctx)
	for n, vp := range w.plan.VantagePoints {
		seed, err := seedOf(n)
		if err != nil {
			return err
		}
		g.Go(func() error {
			err := w.command(string(vp.ID), w.home(vp.ID), label.Add(time.Second)).measure(ctx, measureOptions{noWait: true, seeded: true, seed: seed})
			if err == nil {
				err = w.watch(ctx, vp, label.Add(4*time.Minute))
			}
			if err != nil {
				return fmt.Errorf("vantage point %s: %w", vp.ID, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// telling is a seed by which the stale RSI is asked for what carries the serial, or is not:
// one in ten questions is such a one, and the demo has few.
func (w *demoWorld) telling(label time.Time, seed uint64, want bool) (uint64, error) {
	zone, err := rootzone.Newest(filepath.Join(w.home(w.plan.VantagePoints[0].ID), w.plan.Paths.Output, "RootZones"))
	if err != nil {
		return 0, err
	}
	for range 1000 {
		seed += 1000
		r, err := measureOptions{seeded: true, seed: seed}.rand()
		if err != nil {
			return 0, err
		}
		tells := slices.ContainsFunc(probe.Draw(w.plan, label, zone, r), func(q measurement.Query) bool {
			return q.Label == measurement.QueryCorrectness && q.RSI == demoStale && q.Type != "NS" && q.Type != "DS" && q.Type != "DNSKEY"
		})
		if tells == want {
			return seed, nil
		}
	}
	return 0, errors.New("no seed asks the stale RSI as the demo wants it")
}

// watch takes the alerts that fire for what they are: planted.
func (w *demoWorld) watch(ctx context.Context, vp plan.VantagePoint, now time.Time) error {
	err := w.command(string(vp.ID), w.home(vp.ID), now).watch(ctx)
	var exit *exitError
	if errors.As(err, &exit) && exit.code == exitFindings {
		return nil
	}
	return err
}

// readAlerts reads what the collector tells of all machines.
func (w *demoWorld) readAlerts() error {
	files, err := filepath.Glob(filepath.Join(w.collector(), w.plan.Paths.Logs, "*-alerts.txt"))
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		w.alerts = append(w.alerts, strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })...)
	}
	slices.Sort(w.alerts) // lines begin with their time
	return nil
}
