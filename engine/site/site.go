package site

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

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics/correctness"
)

// Site writes the files of a site. The caller keeps the lake as it is while it runs.
type Site struct {
	Plan    *plan.Plan
	Lake    lake.Store
	State   string // what derive remembers: when zones were published; may be empty
	Logs    string // of the alert files; may be empty
	Reports string // may be empty
	Zones   []Folder
	Out     string
	Edition Edition
	Days    []time.Time // whose five minutes are made, however old they are
	Version string
	Now     func() time.Time

	DryRun   bool // count the days that are due, and write nothing
	Progress func(done, of int)
}

// Folder is where root zones may lie: <serial>.root.txt, and anchors.ds with their trust
// anchors where these are not the plan's.
type Folder struct {
	Dir  string
	Name string // of Dir, in commands that a reader may copy
}

// Result is what a run did.
type Result struct {
	Days  int   `json:"days"`  // made anew
	Files int   `json:"files"` // written
	Bytes int64 `json:"bytes"`

	Left []string `json:"left"` // errors of files that cannot be read: what rests on them stays as it was
}

// Run brings the files up to date. What is newer than the last whole hour is written each
// time, all else once an hour.
func (s *Site) Run(ctx context.Context) (result Result, err error) {
	result.Left = []string{}
	r := &job{Site: s, frame: newFrame(s.Plan, s.Edition), writer: &writer{out: s.Out, result: &result}, medians: map[string]*medians{}}
	err = r.all(ctx)
	return result, err
}

// job is a run under way.
type job struct {
	*Site
	*frame
	*writer
	made    *made
	last    time.Time     // the newest label of the lake
	until   time.Time     // end of the hours that are over
	keep    time.Duration // five minutes are kept for so long
	open    []Event       // that may go on
	zones   []measurement.Zone
	known   []correctness.Known // of zones
	fresh   bool                // an hour is over since the last run
	lacking bool                // the table hours does not have the last hour yet, or a file cannot be read
	lost    bool                // tiles lack the blocks of days that they should have
	medians map[string]*medians // by day; nil: there are none
	seen    map[string]*seen    // what RSIs showed, by day
}

func (r *job) all(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	if r.DryRun {
		all, err := r.due()
		r.result.Days = len(all)
		return err
	}
	if err := errors.Join(r.writer.begin(), r.withhold()); err != nil {
		return err
	}
	steps := []func(context.Context) error{r.events, r.now, r.months, r.feed, r.page, r.index, r.removeEvents}
	derived, err := r.derived()
	if err != nil {
		return err
	}
	if r.fresh = !r.made.Until.Equal(r.until) || len(r.Days) > 0; r.fresh {
		steps = slices.Insert(steps, 1, r.usuals, r.days, r.zoneFiles)
		steps = append(steps, r.removeOld)
	} else if r.made.Derived != derived {
		steps = slices.Insert(steps, 1, r.zoneFiles)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if !r.lacking { // else it is looked at again in the next run
		r.made.Until = r.until
	}
	r.made.Derived = derived
	return r.writer.made(r.made)
}

// begin learns what is there.
func (r *job) begin(ctx context.Context) error {
	basis, err := r.basis()
	if err != nil {
		return err
	}
	r.made, r.keep = r.readMade(basis), time.Duration(r.says.FiveMinutes)
	days, err := r.Lake.Days(column.Runs, time.Time{}, time.Time{})
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if len(days) > 0 {
		if err := r.findLast(ctx, days); err != nil {
			return err
		}
	}
	r.until = until(r.last)
	if r.zones, err = r.Lake.Zones(); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	for _, z := range r.zones {
		if k, accepted := correctness.KnownOf(z); accepted {
			r.known = append(r.known, k)
		}
	}
	r.gatherVantagePoints()
	return nil
}

// findLast finds the newest label of the newest day whose runs can be read.
func (r *job) findLast(ctx context.Context, days []lake.DayFile) (first error) {
	for _, d := range slices.Backward(days) {
		last, err := r.lastLabel(ctx, d.Day)
		if err == nil && !last.IsZero() {
			r.last = last
			return nil
		}
		if first == nil {
			first = err
		}
		if err := r.leave(ctx, ofLake(err)); err != nil {
			return err
		}
	}
	return first
}

// lastLabel is the newest label of a day's runs.
func (r *job) lastLabel(ctx context.Context, day time.Time) (last time.Time, err error) {
	scan := lake.Scan{Store: r.Lake, From: day, Until: day.AddDate(0, 0, 1), Workers: 1}
	err = scan.Runs(ctx, []column.Name{column.VantagePoint}, func(b *column.RunBatch) error {
		for i := range b.Rows {
			last = later(last, b.Interval.At(i))
		}
		return nil
	})
	return last, err
}

// linkTexts are what the plan's links are called.
var linkTexts = map[string]string{"data": "Data", "method": "Method", "plan": "Plan", "reports": "Reports"}

// index writes what all else is found by.
func (r *job) index(context.Context) error {
	i := Index{Edition: r.Edition, Title: r.title(), Feed: r.says.URL != "", Version: r.Version, PlanSHA256: r.Plan.SHA256(), Generated: r.Now().UTC().Truncate(time.Second), Last: r.last,
		Step: int64(interval.Length / time.Second), RSIs: r.rsis, VantagePoints: []VantagePoint{}, Paths: []string{}, Events: r.eventKeys(), Zones: []string{}, Links: []Link{}, Without: r.without()}
	for _, name := range plan.SiteLinks {
		if url := r.says.Links[name]; url != "" {
			i.Links = append(i.Links, Link{Text: linkTexts[name], URL: url})
		}
	}
	for _, p := range r.paths {
		i.Paths = append(i.Paths, pathName(p))
	}
	for _, id := range r.vps {
		v := VantagePoint{Name: string(id)}
		for _, of := range r.plan.VantagePoints {
			if of.ID == id {
				v.Metro, v.Region = of.Metro, of.Region
			}
		}
		i.VantagePoints = append(i.VantagePoints, v)
	}
	var errs [5]error
	i.Years, errs[0] = r.have(Year)
	i.Months, errs[1] = r.have(Month)
	i.Days, errs[2] = r.have(Day)
	i.Details, errs[3] = r.have("details")
	gone := func(name string) bool {
		day, err := time.Parse("20060102", name)
		return err != nil || !r.fiveMinutes(day)
	}
	i.Days, i.Details = slices.DeleteFunc(i.Days, gone), slices.DeleteFunc(i.Details, gone)
	var zones []string
	zones, errs[4] = r.have("zones")
	for _, name := range zones {
		i.Zones = append(i.Zones, "zones/"+trimJS(name))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	// An index that says the same of the same files stays.
	var old Index
	if known, err := r.read("index", &old); err != nil {
		return err
	} else if known && r.result.Files == 0 {
		was := i
		was.Generated = old.Generated
		return r.data("index", was)
	}
	return r.data("index", i)
}

// without is what the site lacks since nobody said where it is.
func (r *job) without() []string {
	all := []string{}
	if r.Reports == "" {
		all = append(all, "reports")
	}
	if r.Logs == "" && r.edition == Internal {
		all = append(all, "alerts")
	}
	if entries, err := os.ReadDir(r.State); err != nil || len(entries) == 0 {
		all = append(all, "publication")
	}
	return all
}

// derived is a hash of the names of what derive remembers.
func (r *job) derived() (string, error) {
	entries, err := os.ReadDir(r.State)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("site: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return hashOf(names)
}

// trimJS is the last part of a data file's key.
func trimJS(name string) string { return strings.TrimSuffix(name, ".js") }

// have lists what there is of a level.
func (r *job) have(l Level) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(r.Out, "data", string(l)))
	all := []string{}
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all, nil
}

// removeOld removes tiles of five minutes that are kept no longer. The index no longer names
// them.
func (r *job) removeOld(context.Context) error {
	for _, level := range []string{string(Day), "details"} {
		all, err := r.have(Level(level))
		if err != nil {
			return err
		}
		for _, name := range all {
			if day, err := time.Parse("20060102", name); err == nil && !r.fiveMinutes(day) {
				if err := os.RemoveAll(filepath.Join(r.Out, "data", level, name)); err != nil {
					return fmt.Errorf("site: %w", err)
				}
			}
		}
	}
	return nil
}
