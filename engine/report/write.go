package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// Names in a report's folder.
const (
	publicJSON   = "report.json"
	internalJSON = "internal/full.json"
)

// Job makes one report. Progress, where it is set, hears what is being done.
type Job struct {
	Plan     *plan.Plan
	Store    lake.Store
	Out      string // the folder that holds monthly-2026-11/
	Version  string
	Force    bool // also when the report in place has the same status
	Progress func(step string)

	// Second compares what a crowd saw with a report that is filled; nil asks nobody.
	Second func(ctx context.Context, d *Document) (*comparison.Document, error)

	RootZones string // the archive, whose zones go into dossiers; empty: they name the zones only
	MaxZip    int64  // bytes of a dossier's zip; 0 is 50,000,000
}

// Existing returns the report that is in place; nil where there is none.
func (j Job) Existing(folder string) (*Document, error) {
	path := filepath.Join(j.Out, folder, filepath.FromSlash(internalJSON))
	text, err := edition.ReadFile(path)
	if text == nil {
		return nil, err
	}
	d, err := read(text)
	if errors.Is(err, ErrOldRules) {
		d, err = readOld(text)
	}
	if err != nil {
		return nil, fmt.Errorf("report %s: %w; move the folder away to have it made anew", path, err)
	}
	return d, nil
}

// Run computes the frame and puts the report's folder in place, whole or not at
// all. A report that was there becomes revisions/N of the new one.
func (j Job) Run(ctx context.Context, d *Document, old *Document) error {
	if err := d.halfMerged(ctx, j.Store); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	j.say("measurements")
	result, err := d.Fill(ctx, j.Store)
	if err != nil {
		return err
	}
	if old != nil {
		// A provisional one gives way to a provisional one when the look-ahead is over.
		early := !old.Complete() && d.Complete()
		if !j.Force && (old.Status == Final || old.Status == d.Status && !early) {
			if old.Schema != Schema {
				return fmt.Errorf("%w; it was %w", edition.ErrThere, ErrOldRules)
			}
			return fmt.Errorf("%s report, revision %d, %w", old.Status, old.Revision, edition.ErrThere)
		}
	}
	if err := j.secondly(ctx, d); err != nil {
		return err
	}
	if old != nil {
		d.succeed(old)
	}
	replaced := 0
	if old != nil {
		replaced = old.Revision
	}
	return edition.Put(j.Out, Folder(d.Style, d.From), replaced, func(dir string) error {
		if err := j.files(ctx, d, result, dir); err != nil {
			return err
		}
		return j.keepPlan()
	})
}

// keepPlan keeps the plan in the lake, so that the report can be held to it. A lake that
// may only be read goes without.
func (j Job) keepPlan() error {
	err := j.Store.KeepPlan(j.Plan.JSON())
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return nil
	}
	return fmt.Errorf("report: %w", err)
}

func (j Job) say(step string) {
	if j.Progress != nil {
		j.Progress(step)
	}
}

// succeed makes the document the next revision of old, and says what changed.
func (d *Document) succeed(old *Document) {
	d.Revision = old.Revision + 1
	change := Change{Revision: d.Revision, Replaces: old.Digest, What: []string{}}
	say := func(format string, args ...any) { change.What = append(change.What, fmt.Sprintf(format, args...)) }
	if old.Schema != d.Schema {
		say("rules of %s after those of %s: docs/method.md says what missing measurements mean now", d.Schema, old.Schema)
	}
	if old.Status != d.Status {
		say("%s after %s", d.Status, old.Status)
	}
	if !old.DataUntil.Equal(d.DataUntil) {
		say("data until %s after %s", edition.Clock(d.DataUntil), edition.Clock(old.DataUntil))
	}
	if old.PlanSHA256 != d.PlanSHA256 {
		say("plan %s after %s", d.PlanSHA256, old.PlanSHA256)
	}
	if old.Version != d.Version {
		say("mtric %s after %s", d.Version, old.Version)
	}
	for _, n := range noteChanges("exclusion", old.Exclusions, d.Exclusions) {
		say("%s", n)
	}
	for _, n := range noteChanges("annotation", old.Annotations, d.Annotations) {
		say("%s", n)
	}
	was, is := old.runs(), d.runs()
	switch more := is - was; {
	case more > 0 && old.DataUntil.Equal(d.DataUntil):
		say("%s came late", edition.Plural(more, "run"))
	case more != 0:
		say("%s counted, %s before", edition.Plural(is, "run"), edition.Thousands(was))
	}
	if old.Unchecked != d.Unchecked {
		say("%s without a verdict, %s before", edition.Plural(d.Unchecked, "correctness answer"), edition.Thousands(old.Unchecked))
	}
	if what := opinionChange(old.SecondOpinion, d.SecondOpinion); what != "" {
		say("%s", what)
	}
	verdicts, numbers := 0, 0
	before := map[string]Value{}
	for _, v := range old.Values {
		before[v.Name()] = v
	}
	for _, v := range d.Values {
		b, there := before[v.Name()]
		switch {
		case !there:
			say("new: %s", v.Name())
		case b.Verdict != v.Verdict:
			verdicts++
			say("%s: %s after %s", v.Name(), verdictWords[v.Verdict], verdictWords[b.Verdict])
		case integer(b.Numerator) != integer(v.Numerator) || integer(b.Denominator) != integer(v.Denominator) || b.Count != v.Count:
			numbers++
		}
	}
	say("%s changed; %s changed with the same verdict", edition.Plural(int64(verdicts), "verdict"), edition.Plural(int64(numbers), "value"))
	d.Changes = append(append([]Change{}, old.Changes...), change)
}

// runs is how many runs of the period came.
func (d *Document) runs() (n int64) {
	for _, v := range d.VantagePoints {
		n += v.Received
	}
	return n
}

// Name is the value's metric, RSI and path, as far as it has them.
func (v Value) Name() string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", v.Metric, v.RSI, v.Path())), " ")
}

func noteChanges(kind string, old, now []plan.Note) (list []string) {
	index := func(notes []plan.Note) map[string]string {
		m := map[string]string{}
		for _, n := range notes {
			m[n.Label] = fmt.Sprintf("%s to %s, %s: %s", edition.Clock(n.From), edition.Clock(n.Until), Where(n), diag.Printable(n.Reason))
		}
		return m
	}
	a, b := index(old), index(now)
	for _, n := range old {
		if b[n.Label] == "" {
			list = append(list, fmt.Sprintf("%s %s withdrawn", kind, n.Label))
		}
	}
	for _, n := range now {
		switch {
		case a[n.Label] == "":
			list = append(list, fmt.Sprintf("%s %s added: %s", kind, n.Label, b[n.Label]))
		case a[n.Label] != b[n.Label]:
			list = append(list, fmt.Sprintf("%s %s changed: %s", kind, n.Label, b[n.Label]))
		}
	}
	return list
}

// files writes the whole folder.
func (j Job) files(ctx context.Context, d *Document, r *metrics.Result, dir string) error {
	var err error
	if d.links, err = j.linksOf(d); err != nil {
		return err
	}
	public := d.Public()
	publish := j.publish(d.Style)
	for _, f := range []struct {
		path  string
		kind  string
		write func(io.Writer) error
	}{
		{"report.txt", "text", public.WriteText},
		{publicJSON, "json", public.WriteJSON},
		{"report.html", "html", func(w io.Writer) error { return public.WriteHTML(w, r) }},
		{"internal/full.txt", "", d.WriteText},
		{internalJSON, "", d.WriteJSON},
		{"internal/full.html", "", func(w io.Writer) error { return d.WriteHTML(w, r) }},
	} {
		if f.kind != "" && !publish[f.kind] {
			continue
		}
		if err := edition.WriteFile(filepath.Join(dir, filepath.FromSlash(f.path)), f.write); err != nil {
			return err
		}
	}
	return j.dossiers(ctx, d, r, filepath.Join(dir, "rsi"))
}

// publish is what the plan's report block of the style wants; everything where
// it has none.
func (j Job) publish(s Style) map[string]bool {
	want := map[string]bool{}
	period := map[Style]string{Monthly: "month", Weekly: "week"}[s]
	for _, r := range j.Plan.Reports {
		if r.Period == period {
			for _, k := range r.Publish {
				want[k] = true
			}
		}
	}
	if len(want) == 0 {
		return map[string]bool{"text": true, "json": true, "html": true}
	}
	return want
}
