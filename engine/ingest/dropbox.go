package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// dropbox is the folder that one vantage point may write into while we read it:
// nothing in it is what it was a moment ago.
type dropbox struct {
	vp     measurement.VantagePoint
	path   string
	root   *os.Root
	copied atomic.Int64 // bytes, in this run
	shut   bool         // told
}

// alerts is the kind of an alerts.json; it has no table in the lake.
const alerts column.Table = "alerts"

// waiting is a complete file in a dropbox: its sidecar is there.
type waiting struct {
	box   *dropbox
	name  string
	vp    measurement.VantagePoint // of the name
	label time.Time
	table column.Table
}

const placeholder = "{vantage_point}"

// open opens every dropbox of the pattern.
func (r *run) open() ([]*dropbox, error) {
	before, after, found := strings.Cut(r.Dropboxes, placeholder)
	if !found {
		return nil, fmt.Errorf("dropboxes %q: want a path with %s in it", r.Dropboxes, placeholder)
	}
	paths, err := filepath.Glob(escapeGlob(before) + "[0-9][0-9][0-9]" + escapeGlob(after))
	if err != nil {
		return nil, fmt.Errorf("dropboxes %s: %w", r.Dropboxes, err)
	}
	var boxes []*dropbox
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err == nil && !info.IsDir() {
			r.left(path, "is not a folder")
			continue
		}
		root, err := os.OpenRoot(path)
		if err != nil {
			r.left(path, "cannot be opened: "+err.Error())
			continue
		}
		vp := measurement.VantagePoint(path[len(before) : len(before)+3])
		boxes = append(boxes, &dropbox{vp: vp, path: path, root: root})
	}
	return boxes, nil
}

func escapeGlob(s string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(s, `\$0`)
}

func closeAll(boxes []*dropbox) error {
	var errs []error
	for _, b := range boxes {
		errs = append(errs, b.root.Close())
	}
	return errors.Join(errs...)
}

// errShut is a dropbox that does not let us do our work: the vantage point may
// take away our rights in it at any time, and must not stop the others by that.
type errShut struct{ error }

func (e errShut) Unwrap() error { return e.error }

// tolerate notes a dropbox that is shut, once, for a person to open; its files wait.
// Any other error is given back.
func (r *run) tolerate(b *dropbox, err error) error {
	var shut errShut
	if errors.As(err, &shut) {
		if !b.shut {
			b.shut = true
			r.left(b.path, "does not let ingest work: "+shut.Error())
		}
		return nil
	}
	return err
}

var errFolder = errors.New("is a folder; look at it and remove it")

// Arrived names the complete files in the dropboxes and touches nothing.
func (in *Ingester) Arrived() ([]string, error) {
	r := &run{Ingester: in, log: slog.New(slog.DiscardHandler)}
	boxes, err := r.open()
	if err != nil {
		return nil, err
	}
	var all []string
	for _, b := range boxes {
		names, err := r.names(b)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("dropbox %s: %w", b.path, err), closeAll(boxes))
		}
		for name := range names {
			if _, ours := parse(b, name); ours && names[name+sidecarSuffix] {
				all = append(all, filepath.Join(b.path, name))
			}
		}
	}
	slices.Sort(all)
	return all, closeAll(boxes)
}

// list finds the complete files of all dropboxes, the newest day first and each day
// in order of time, and moves to Quarantine what no vantage point of ours would have sent.
func (r *run) list(boxes []*dropbox) ([]waiting, error) {
	var all []waiting
	for _, b := range boxes {
		files, err := r.listOne(b)
		if err := r.tolerate(b, err); err != nil {
			return nil, fmt.Errorf("dropbox %s: %w", b.path, err)
		}
		all = append(all, files...)
	}
	slices.SortFunc(all, func(a, b waiting) int {
		return cmp.Or(interval.Day(b.label).Compare(interval.Day(a.label)), a.label.Compare(b.label), cmp.Compare(a.box.vp, b.box.vp), cmp.Compare(a.name, b.name))
	})
	return r.affordable(all), nil
}

// mostDays of one dropbox are dealt with in a run, the newest: each costs the writing
// of a day of the lake, whatever little comes into it, while others wait.
const mostDays = 31

// affordable leaves the days beyond mostDays for the next runs.
func (r *run) affordable(all []waiting) []waiting {
	last, days, before := map[*dropbox]time.Time{}, map[*dropbox]int{}, len(all)
	all = slices.DeleteFunc(all, func(w waiting) bool {
		if day := interval.Day(w.label); !day.Equal(last[w.box]) { // days are in order
			last[w.box] = day
			days[w.box]++
		}
		return days[w.box] > mostDays
	})
	if later := before - len(all); later > 0 {
		r.log.Info("older days wait for the next run", "files", later)
	}
	return all
}

func (r *run) listOne(b *dropbox) ([]waiting, error) {
	names, err := r.names(b)
	if err != nil {
		return nil, errShut{err}
	}
	var files []waiting
	strangers, ahead, old := 0, 0, 0
	for name := range names {
		var err error
		base, isSidecar := strings.CutSuffix(name, sidecarSuffix)
		switch w, ours := parse(b, base); {
		case isSidecar && ours && names[base]:
			// goes with its file
		case isSidecar && ours:
			err = r.orphan(w)
		case !isSidecar && ours && names[name+sidecarSuffix] && w.label.After(r.started.Add(maxAhead)):
			ahead++
		case !isSidecar && ours && names[name+sidecarSuffix] && w.label.Before(r.started.Add(-maxAge)):
			old++
		case !isSidecar && ours && names[name+sidecarSuffix]:
			files = append(files, w)
		case !isSidecar && ours:
			err = r.overdue(b, name, 7*24*time.Hour, "its sidecar never came")
		case strings.HasSuffix(name, partSuffix):
			err = r.overdue(b, name, 24*time.Hour, "an upload that was never finished")
		case strangers == maxStrangers:
			r.left(b.path, fmt.Sprintf("has more than %d files that do not belong there; the others wait", maxStrangers))
		default:
			strangers++
			err = r.quarantineForeign(b, name, "no vantage point writes a file of this name")
		}
		if err := r.tolerate(b, err); err != nil {
			return nil, err
		}
	}
	if ahead > 0 {
		r.left(b.path, fmt.Sprintf("has %d files of intervals in the future, which wait; are the clocks of vantage point %s and of the collector right?", ahead, b.vp))
	}
	if old > 0 {
		r.left(b.path, fmt.Sprintf("has %d files of intervals older than %d days, which wait; are the clocks of vantage point %s and of the collector right? If so, remove them", old, maxAge/(24*time.Hour), b.vp))
	}
	return files, nil
}

const (
	sidecarSuffix = ".sha256"
	partSuffix    = ".part"
)

// names is what lies in the dropbox, up to a bound: a vantage point may make any
// number of entries, but not cost us any memory.
func (r *run) names(b *dropbox) (map[string]bool, error) {
	d, err := b.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names := map[string]bool{}
	for {
		batch, err := d.Readdirnames(1000)
		for _, name := range batch {
			names[name] = true
		}
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		if len(names) > maxEntries {
			r.left(b.path, fmt.Sprintf("has more than %d entries; the others wait", maxEntries))
			return names, nil
		}
	}
}

// parse reads a file's name; ours is false where no vantage point of ours writes
// such a name.
func parse(b *dropbox, name string) (w waiting, ours bool) {
	w = waiting{box: b, name: name}
	var err error
	if w.label, w.vp, w.table, err = spool.ParseName(name); err == nil {
		return w, true
	}
	stem, kind, _ := strings.Cut(name, ".")
	stamp, vp, _ := strings.Cut(stem, "-")
	w.vp, w.table = measurement.VantagePoint(vp), alerts
	if kind == "plan.json" {
		w.table = plans
	}
	w.label, err = interval.Parse(stamp)
	return w, kind == string(w.table)+".json" && err == nil && w.vp.Machine()
}

// orphan deals with a sidecar without its file: a run that was killed after it
// unlinked the file leaves one, then the file is in Originals or Quarantine.
func (r *run) orphan(w waiting) error {
	text, _, err := w.box.small(w.name + sidecarSuffix)
	if err != nil {
		return r.quarantineForeign(w.box, w.name+sidecarSuffix, err.Error())
	}
	if sum, err := files.ParseSidecar(text, w.name); err == nil && (r.kept(w.name, sum) || r.saysSum(w.box, r.quarantinePlace(w.box, w.name, sum), sum)) {
		return r.unlink(w.box, w.name+sidecarSuffix)
	}
	return r.overdue(w.box, w.name+sidecarSuffix, 24*time.Hour, "a sidecar without its file")
}

// overdue leaves what may still be on its way, and rejects it after a while. The
// time is the folder's own record of change, which a vantage point cannot set.
func (r *run) overdue(b *dropbox, name string, after time.Duration, why string) error {
	info, err := b.root.Lstat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errShut{err}
	}
	if r.started.Sub(changed(info)) < after {
		return nil
	}
	return r.quarantineForeign(b, name, why)
}
