package alert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/clock"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/originals"
	"mtric.net/mtric/engine/plan"
)

// collector is the machine that is no vantage point.
const collector = "c00"

// Names of what watch remembers for the next one.
const (
	factFirst = "watch_first" // the first watch of this machine
	factLast  = "watch_last"
)

// between is how long ago the last watch must be for "nothing since" to mean
// anything: one by hand right after cron's would find nothing.
const between = 10 * time.Minute

// silence is how long a vantage point may send nothing before it is named.
const silence = 30 * time.Minute

// lastPlan is how long the plan of a vantage point's last run is that of the vantage
// point.
const lastPlan = 24 * time.Hour

// Inspector finds out how a machine does.
type Inspector struct {
	Plan    *plan.Plan
	Machine string // 101 or c00
	Store   lake.Store
	Now     time.Time
	Before  map[string]string // what the last watch remembered (Book.Facts)

	// Folders; those that only the collector has may be missing.
	Home, Output, Logs, State, Originals, Quarantine string

	Clock   clock.Kernel                       // the zero value asks the kernel
	Statfs  func(string, *unix.Statfs_t) error // nil is unix.Statfs
	Sysinfo func(*unix.Sysinfo_t) error        // nil is unix.Sysinfo
}

// After is what the next watch is to find.
func (l *Inspector) After() map[string]string {
	now := l.Now.Format(time.RFC3339Nano)
	after := map[string]string{}
	if last := l.time(factLast); last == nil || l.Now.Sub(*last) >= between {
		after[factLast] = now
	}
	if l.time(factFirst) == nil {
		after[factFirst] = now
	}
	return after
}

// Where is the kind of the machine, as rules name it.
func (l *Inspector) Where() string {
	if l.Machine == collector {
		return "collector"
	}
	return "vantage_point"
}

// time is a remembered time, nil where there is none or it lies ahead: then the
// clock was wrong, and nothing can be said since.
func (l *Inspector) time(name string) *time.Time {
	t, err := time.Parse(time.RFC3339Nano, l.Before[name])
	if err != nil || t.After(l.Now) {
		return nil
	}
	return &t
}

// Inspect finds it out.
func (l *Inspector) Inspect(ctx context.Context) (Machine, error) {
	if l.Statfs == nil {
		l.Statfs = unix.Statfs
	}
	if l.Sysinfo == nil {
		l.Sysinfo = unix.Sysinfo
	}
	var m Machine
	var info unix.Sysinfo_t
	if err := l.Sysinfo(&info); err != nil {
		return m, fmt.Errorf("uptime: %w", err)
	}
	m.Uptime = time.Duration(info.Uptime) * time.Second
	if err := l.disk(&m, l.Home, l.Output, l.Logs, l.Originals, l.Store.Dir); err != nil {
		return m, err
	}
	clock := l.Clock.State()
	m.Clock.Synchronized = clock.Synchronized
	if clock.ErrorUS != nil {
		m.Clock.Error = new(time.Duration(*clock.ErrorUS) * time.Microsecond)
	}
	if err := l.output(&m, l.Output); err != nil {
		return m, err
	}
	if err := l.keys(&m); err != nil {
		return m, err
	}
	if l.Machine != collector {
		return m, nil
	}
	return m, errors.Join(l.received(&m), l.zones(ctx, &m), l.vantagePoints(ctx, &m))
}

// disk finds the fullest of the file systems; used and free as df has it, so
// that what only root may use counts as used.
func (l *Inspector) disk(m *Machine, dirs ...string) error {
	for _, dir := range dirs {
		var s unix.Statfs_t
		err := l.Statfs(dir, &s)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("disk of %s: %w", dir, err)
		}
		used := s.Blocks - s.Bfree
		if used+s.Bavail == 0 {
			continue
		}
		percent := float64(100*used) / float64(used+s.Bavail)
		if m.Disk.UsedPercent == nil || percent > *m.Disk.UsedPercent {
			m.Disk.UsedPercent = &percent
		}
	}
	return nil
}

// output looks at what measure wrote, sent or not.
func (l *Inspector) output(m *Machine, dir string) error {
	newest := time.Time{}
	for _, d := range []string{dir, filepath.Join(dir, "Sent")} {
		err := eachFile(d, func(path string, info fs.FileInfo) {
			stamp, rest, _ := strings.Cut(info.Name(), "-")
			label, err := interval.Parse(stamp)
			if err != nil || strings.HasSuffix(rest, ".sha256") {
				return
			}
			if strings.HasSuffix(rest, ".answers.parquet") && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
			if d == dir && label.Before(interval.Of(l.Now)) {
				m.Output.Unsent++
			}
		})
		if err != nil {
			return err
		}
	}
	m.Output.Exists = !newest.IsZero()
	m.Output.NewestAge = m.Uptime + 24*time.Hour
	if m.Output.Exists {
		m.Output.NewestAge = max(0, l.Now.Sub(newest))
	}
	return nil
}

// received counts by receive times, so that neither retention nor packing fires a rule.
func (l *Inspector) received(m *Machine) error {
	if last := l.time(factLast); last != nil && l.Now.Sub(*last) >= between {
		n, err := (&originals.Store{Dir: l.Originals}).Since(*last)
		if err != nil {
			return err
		}
		m.Originals.Received = &n
	}
	return eachFile(l.Quarantine, func(_ string, info fs.FileInfo) {
		if !strings.HasSuffix(info.Name(), ".reason.txt") {
			m.Quarantine.Count++
		}
	})
}

// lastRun is the newest run of a vantage point that arrived.
type lastRun struct {
	label int64 // of its interval, µs
	plan  string
}

// vantagePoints names those of the plan of which no interval of the last half hour
// arrived, and those that measure by another plan. An interval has until its end, and
// 5 minutes, to arrive. One that is silent keeps the plan of its last run for a day:
// that nothing came does not say that it was mended.
func (l *Inspector) vantagePoints(ctx context.Context, m *Machine) error {
	newest := map[measurement.VantagePoint]lastRun{}
	from := interval.Of(l.Now.Add(-silence - 2*interval.Length))
	scan := lake.Scan{Store: l.Store, From: l.Now.Add(-lastPlan), Workers: 1}
	err := scan.Runs(ctx, []column.Name{column.VantagePoint, column.PlanSHA256}, func(b *column.RunBatch) error {
		for i, label := range b.Interval.Int {
			if old, found := newest[b.VantagePoint.At(i)]; !found || label >= old.label {
				newest[b.VantagePoint.At(i)] = lastRun{label, b.PlanSHA256.At(i)}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("vantage points heard of: %w", err)
	}
	m.VantagePoints.Silent, m.VantagePoints.OtherPlan = []string{}, []string{}
	own := l.Plan.SHA256()
	for _, v := range l.Plan.VantagePoints {
		if (v.From != nil && v.From.After(from)) || (v.Until != nil && !v.Until.After(l.Now)) {
			continue
		}
		last, found := newest[v.ID]
		if !found || last.label < from.UnixMicro() {
			m.VantagePoints.Silent = append(m.VantagePoints.Silent, string(v.ID))
		}
		if found && last.plan != own {
			m.VantagePoints.OtherPlan = append(m.VantagePoints.OtherPlan, string(v.ID))
		}
	}
	slices.Sort(m.VantagePoints.Silent)
	slices.Sort(m.VantagePoints.OtherPlan)
	return nil
}

// eachFile calls use with every file of a folder, which need not be there; files
// being written begin with a dot.
func eachFile(dir string, use func(path string, info fs.FileInfo)) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // sent or ingested meanwhile
		}
		if err != nil {
			return fmt.Errorf("folder %s: %w", dir, err)
		}
		use(filepath.Join(dir, e.Name()), info)
	}
	return nil
}
