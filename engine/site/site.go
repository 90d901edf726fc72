package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/derive"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Site writes the files of a site. The caller keeps the lake as it is while it runs.
type Site struct {
	Plan    *plan.Plan
	Lake    lake.Store
	Out     string
	Edition Edition
	Days    []time.Time // whose five minutes are made, however old they are
	Version string
	Now     func() time.Time

	Progress func(done, of int)
}

// Result is what a run did.
type Result struct {
	Days  int   `json:"days"`  // made anew
	Files int   `json:"files"` // written
	Bytes int64 `json:"bytes"`
}

// Run brings the files up to date. What is newer than the last whole hour is written each
// time, all else once an hour.
func (s *Site) Run(ctx context.Context) (result Result, err error) {
	r := &job{Site: s, frame: newFrame(s.Plan, s.Edition), writer: &writer{out: s.Out, result: &result, dirs: map[string]bool{}}}
	return result, r.all(ctx)
}

// job is a run under way.
type job struct {
	*Site
	*frame
	*writer
	made  *made
	last  time.Time // the newest label of the lake
	until time.Time // end of the hours that are over
	own   *own
}

func (r *job) all(ctx context.Context) error {
	basis, err := r.basis()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	r.made = r.readMade(basis)
	days, err := r.Lake.Days(column.Runs, time.Time{}, time.Time{})
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if len(days) > 0 {
		if r.last, err = r.lastLabel(ctx, days[len(days)-1].Day); err != nil {
			return err
		}
	}
	r.until = until(r.last)
	r.own = &own{}
	if !r.made.Until.Equal(r.until) || len(r.Days) > 0 {
		if err := r.days(ctx, days); err != nil {
			return err
		}
		r.made.Until = r.until
	}
	if err := r.now(ctx); err != nil {
		return err
	}
	if err := r.page(); err != nil {
		return err
	}
	if err := r.index(); err != nil {
		return err
	}
	return r.writer.made(r.made)
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

// days makes the tiles of the days that changed.
func (r *job) days(ctx context.Context, all []lake.DayFile) error {
	var due []time.Time
	for _, d := range all {
		of, err := r.of(d.Day)
		if err != nil {
			return err
		}
		if d.Day.Before(r.until) && (r.made.Days[dayKey(d.Day)].Of != of || slices.Contains(r.Days, d.Day)) {
			due = append(due, d.Day)
		}
	}
	if err := r.knowVantagePoints(ctx, due); err != nil {
		return err
	}
	done := 0
	for len(due) > 0 {
		n := 1
		for n < len(due) && interval.Partition(due[n]) == interval.Partition(due[0]) {
			n++
		}
		if err := r.month(ctx, due[:n], func() { done++; r.progress(done, done+len(due)-n) }); err != nil {
			return err
		}
		due = due[n:]
		if err := r.writer.made(r.made); err != nil {
			return err
		}
	}
	return nil
}

func (r *job) progress(done, of int) {
	r.result.Days = done
	if r.Progress != nil {
		r.Progress(done, of)
	}
}

// of is a hash of what a day is made of.
func (r *job) of(day time.Time) (string, error) {
	files, err := r.identities(day, column.Answers, column.Runs, column.Hours)
	if err != nil {
		return "", err
	}
	return hashOf(files, r.own.of(day).spans, earlier(r.until, day.AddDate(0, 0, 1)), r.fiveMinutes(day))
}

// fiveMinutes says whether a day has tiles of five minutes.
func (r *job) fiveMinutes(day time.Time) bool {
	return day.After(r.last.AddDate(0, 0, -400)) || slices.Contains(r.Days, day)
}

// knowVantagePoints takes those of the days where the plan names none.
func (r *job) knowVantagePoints(ctx context.Context, due []time.Time) error {
	if len(r.plan.VantagePoints) > 0 {
		return nil
	}
	met := map[string]bool{}
	for _, d := range due {
		day, err := derive.ReadDay(ctx, r.plan, r.Lake, d)
		if err != nil {
			return err
		}
		var vps []string
		for _, vp := range day.VantagePoints() {
			vps = append(vps, string(vp))
		}
		m := r.made.Days[dayKey(d)]
		m.VantagePoints = vps
		r.made.Days[dayKey(d)] = m
	}
	for _, m := range r.made.Days {
		for _, vp := range m.VantagePoints {
			met[vp] = true
		}
	}
	r.vps = nil
	for vp := range met {
		r.vps = append(r.vps, measurement.VantagePoint(vp))
	}
	slices.Sort(r.vps)
	return nil
}

// month makes the days of one month.
func (r *job) month(ctx context.Context, days []time.Time, done func()) error {
	byHour, ofDays := map[string][]block{}, map[string][]block{} // by the last part of the key
	for _, day := range days {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.day(ctx, day, byHour, ofDays); err != nil {
			return err
		}
		done()
	}
	month, year := interval.Partition(days[0]), days[0].Format("2006")
	for name, blocks := range byHour {
		if err := r.renew(string(Month)+"/"+month+"/"+name, blocks); err != nil {
			return err
		}
	}
	for name, blocks := range ofDays {
		if err := r.renew(string(Year)+"/"+year+"/"+name, blocks); err != nil {
			return err
		}
	}
	for _, day := range days {
		of, err := r.of(day)
		if err != nil {
			return err
		}
		m := r.made.Days[dayKey(day)]
		m.Of = of
		r.made.Days[dayKey(day)] = m
	}
	return nil
}

// day makes the tiles of a day, and its blocks of the month's and the year's.
func (r *job) day(ctx context.Context, day time.Time, byHour, ofDays map[string][]block) error {
	labels := int(earlier(r.until, day.AddDate(0, 0, 1)).Sub(day) / interval.Length)
	f, err := r.fold(ctx, r.Lake, day, 0, labels, r.own)
	if err != nil {
		return err
	}
	h, err := r.frame.hours(r.Lake, day, r.until, f.vps, r.own)
	if err != nil {
		return err
	}
	for server := range r.servers {
		for _, path := range r.paths {
			for part, b := range f.blocks(server, path) {
				if err := r.tile(string(Day)+"/"+dayKey(day)+"/"+r.name(server, path, part), []block{b}, r.edition, 0); err != nil {
					return err
				}
			}
			if h == nil {
				continue
			}
			hour, whole := h.blocks(server, path)
			for part := range hour {
				name := r.name(server, path, part)
				byHour[name], ofDays[name] = append(byHour[name], hour[part]), append(ofDays[name], whole[part])
			}
		}
	}
	return nil
}

func (r *job) name(server, path, part int) string {
	return fmt.Sprintf("%s-%s-%d", r.rsis[server], pathName(path), part)
}

// renew replaces the blocks of days in a tile. A column that the others lack is left off.
func (r *job) renew(key string, blocks []block) error {
	var old Tile
	if _, err := r.read(key, &old); err != nil {
		return err
	}
	kept, err := old.blocks()
	if err != nil { // no file of ours, or damaged: its days are made anew when it is gone
		kept, old = nil, Tile{}
	}
	for _, b := range blocks {
		kept = slices.DeleteFunc(kept, func(k block) bool { return k.from == b.from })
	}
	without := 0
	if len(kept) > 0 {
		without = len(old.LeftOff)
	}
	kept = append(kept, blocks...)
	slices.SortFunc(kept, func(a, b block) int { return int(a.from - b.from) })
	return r.tile(key, kept, r.edition, without)
}

// index writes what all else is found by.
func (r *job) index() error {
	i := Index{Edition: r.Edition, Title: r.Plan.Name, Version: r.Version, PlanSHA256: r.Plan.SHA256(), Generated: r.Now().UTC().Truncate(time.Second), Last: r.last,
		Step: int64(interval.Length / time.Second), RSIs: r.rsis, VantagePoints: []VantagePoint{}, Paths: []string{}, Events: []string{}, Zones: []string{}, Links: []Link{}, Details: []string{}}
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
	var errs [3]error
	i.Years, errs[0] = r.have(Year)
	i.Months, errs[1] = r.have(Month)
	i.Days, errs[2] = r.have(Day)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	return r.data("index", i)
}

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
