package cli

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

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Names of what watch remembers for the next one.
const (
	factFirst = "watch_first" // the first watch of this machine
	factLast  = "watch_last"
)

// silence is how long a vantage point may send nothing before it is named.
const silence = 30 * time.Minute

// looker finds out how a machine does.
type looker struct {
	app     *app
	home    string
	plan    *plan.Plan
	machine string
	now     time.Time
	before  map[string]string // what the last watch remembered
	after   map[string]string

	statfs  func(string, *unix.Statfs_t) error
	sysinfo func(*unix.Sysinfo_t) error
}

func (a *app) looker(home string, p *plan.Plan, machine string, before map[string]string, now time.Time) *looker {
	l := &looker{app: a, home: home, plan: p, machine: machine, now: now, before: before, statfs: unix.Statfs, sysinfo: unix.Sysinfo}
	l.after = map[string]string{factLast: now.Format(time.RFC3339Nano)}
	if l.time(factFirst) == nil {
		l.after[factFirst] = l.after[factLast]
	}
	return l
}

// where is the kind of the machine, as rules name it.
func (l *looker) where() string {
	if l.machine == collector {
		return "collector"
	}
	return "vantage_point"
}

// time is a remembered time, nil where there is none or it lies ahead: then the
// clock was wrong, and nothing can be said since.
func (l *looker) time(name string) *time.Time {
	t, err := time.Parse(time.RFC3339Nano, l.before[name])
	if err != nil || t.After(l.now) {
		return nil
	}
	return &t
}

func (l *looker) look(ctx context.Context) (alert.Machine, error) {
	var m alert.Machine
	var info unix.Sysinfo_t
	if err := l.sysinfo(&info); err != nil {
		return m, fmt.Errorf("uptime: %w", err)
	}
	m.Uptime = time.Duration(info.Uptime) * time.Second
	paths := l.plan.Paths
	if err := l.disk(&m, l.home, under(l.home, paths.Output), under(l.home, paths.Logs), under(l.home, paths.Originals), l.app.lakeDir(l.home, l.plan)); err != nil {
		return m, err
	}
	clock := l.app.adjtimex.State()
	m.Clock.Synchronized = clock.Synchronized
	if clock.ErrorUS != nil {
		m.Clock.Error = new(time.Duration(*clock.ErrorUS) * time.Microsecond)
	}
	if err := l.output(&m, under(l.home, paths.Output)); err != nil {
		return m, err
	}
	if l.machine != collector {
		return m, nil
	}
	return m, errors.Join(l.received(&m), l.zones(&m), l.silent(ctx, &m))
}

// disk finds the fullest of the file systems; used and free as df has it, so
// that what only root may use counts as used.
func (l *looker) disk(m *alert.Machine, dirs ...string) error {
	for _, dir := range dirs {
		var s unix.Statfs_t
		err := l.statfs(dir, &s)
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
func (l *looker) output(m *alert.Machine, dir string) error {
	newest := time.Time{}
	for _, d := range []string{dir, filepath.Join(dir, "Sent")} {
		err := files(d, func(path string, info fs.FileInfo) {
			stamp, rest, _ := strings.Cut(info.Name(), "-")
			label, err := interval.Parse(stamp)
			if err != nil || strings.HasSuffix(rest, ".sha256") {
				return
			}
			if strings.HasSuffix(rest, ".answers.parquet") && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
			if d == dir && label.Before(interval.Of(l.now)) {
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
		m.Output.NewestAge = max(0, l.now.Sub(newest))
	}
	return nil
}

// received counts by receive times, so that retention never fires a rule.
func (l *looker) received(m *alert.Machine) error {
	if last := l.time(factLast); last != nil {
		m.Originals.Received = new(int64)
		dir := under(l.home, l.plan.Paths.Originals)
		months, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("originals: %w", err)
		}
		for _, month := range months {
			if !month.IsDir() || strings.HasPrefix(month.Name(), ".") {
				continue
			}
			err := files(filepath.Join(dir, month.Name()), func(_ string, info fs.FileInfo) {
				if !strings.HasSuffix(info.Name(), ".sha256") && info.ModTime().After(*last) {
					*m.Originals.Received++
				}
			})
			if err != nil {
				return err
			}
		}
	}
	return files(under(l.home, l.plan.Paths.Quarantine), func(_ string, info fs.FileInfo) {
		if !strings.HasSuffix(info.Name(), ".reason.txt") {
			m.Quarantine.Count++
		}
	})
}

func (l *looker) zones(m *alert.Machine) error {
	if first := l.time(factFirst); first != nil && l.now.Sub(*first) >= 24*time.Hour {
		m.Zones.Added24h = new(int64)
		err := files(filepath.Join(under(l.home, l.plan.Paths.Output), "RootZones"), func(_ string, info fs.FileInfo) {
			if strings.HasSuffix(info.Name(), ".root.txt") && l.now.Sub(info.ModTime()) < 24*time.Hour {
				*m.Zones.Added24h++
			}
		})
		if err != nil {
			return err
		}
	}
	rows, err := l.store().Zones()
	if err != nil {
		return err
	}
	for _, z := range rows {
		if z.State == measurement.ZoneSeen && z.ArchivedAt == nil && z.FirstSeen != nil {
			if age := l.now.Sub(*z.FirstSeen); age > 2*time.Hour && age < 7*24*time.Hour {
				m.Zones.Gaps++
			}
		}
	}
	return nil
}

func (l *looker) store() lake.Store {
	return lake.Store{Dir: l.app.lakeDir(l.home, l.plan), Version: Version}
}

// silent names the vantage points of the plan of which no interval of the last
// half hour arrived. An interval has until its end, and 5 minutes, to arrive.
func (l *looker) silent(ctx context.Context, m *alert.Machine) error {
	heard := map[string]bool{}
	from := interval.Of(l.now.Add(-silence - 2*interval.Length))
	scan := lake.Scan{Store: l.store(), Table: lake.Runs, From: from, Columns: []string{"vantage_point"}, Workers: 1}
	err := scan.Run(ctx, func(b *lake.Batch) error {
		for i := range b.Rows {
			heard[b.Column("vantage_point").Text(i)] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("vantage points heard of: %w", err)
	}
	m.VantagePoints.Silent = []string{}
	for _, v := range l.plan.VantagePoints {
		due := (v.From == nil || !v.From.After(from)) && (v.Until == nil || v.Until.After(l.now))
		if due && !heard[string(v.ID)] {
			m.VantagePoints.Silent = append(m.VantagePoints.Silent, string(v.ID))
		}
	}
	slices.Sort(m.VantagePoints.Silent)
	return nil
}

// files calls use with every file of a folder, which need not be there; files
// being written begin with a dot.
func files(dir string, use func(path string, info fs.FileInfo)) error {
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

// printFacts is the dry run: what rules would see.
func (a *app) printFacts(ctx context.Context, p *plan.Plan, machine string) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	book := &alert.Book{Machine: machine, State: under(home, p.Paths.State), Now: now}
	before, err := book.Facts()
	if err != nil {
		return err
	}
	facts, err := a.looker(home, p, machine, before, now()).look(ctx)
	if err != nil {
		return err
	}
	values := alert.Describe(facts)
	if a.flags.json {
		return a.printJSON(values)
	}
	return writeTable(a.out, "FIELD VALUE", values, func(v alert.Described) []string { return []string{v.Field, v.Value} })
}
