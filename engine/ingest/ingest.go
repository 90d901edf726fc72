// Package ingest brings what vantage points sent into the lake, so that nothing
// is lost, nothing is counted twice and nothing hostile gets in.
//
// Each run also brings the table zones up to the archive, and the verdicts of
// answers up to both.
//
// A file's way: it is copied out of the dropbox (take), read and checked by what is
// made for files of strangers (contents), merged into the lake by key (lake.Merge), and
// then kept in Originals or, with its reason, in Quarantine; the original is unlinked
// last. Whenever that is broken off, the next run begins again from the dropbox
// and comes to the same lake.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/originals"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/serials"
)

// Bounds of what a vantage point may send: its file of an interval has 65 rows
// and some 30 KB.
const (
	MaxFileSize = 2 << 20 // four times MaxContent: padding costs our disk, Originals keeps files as they came
	MaxRows     = 10_000
	// Bytes of all its responses, texts and hops: those of a dictionary make thousands of
	// one small. With 288 files a day this is what one vantage point can add to a day of
	// the lake. A hostile root server makes some 200 KiB of a good vantage point's file.
	MaxContent = measurement.MaxContent

	maxAlerts  = 64 << 10  // of an alerts.json
	maxEntries = 100_000   // of a dropbox, looked at in one run
	maxCopied  = 512 << 20 // bytes of a dropbox, in one run: a month of what is measured
	// Files of a dropbox that do not belong there, dealt with in one run: each waits
	// for the disk, and the other vantage points for all of them.
	maxStrangers = 1000
)

// Ingester is one run of ingest. The caller holds a lock: there is one at a time.
type Ingester struct {
	Plan *plan.Plan
	Lake lake.Store

	Dropboxes  string // pattern with {vantage_point}, as plan.Paths has it
	Originals  string
	Quarantine string
	RootZones  string // the archive, for the table zones and for verdicts
	Backlog    string // file of the days whose answers wait for a verdict; it may be lost. Empty: every run looks at all days

	Anchors []rootzone.Anchor // by which the archive's zones are believed

	// Memory is how many bytes of responses the files may have that are merged at once, about;
	// 0 is 72 MiB. A day of twenty vantage points takes less; a backlog of two hundred, or
	// files that are made to be large, come in by several merges.
	Memory int64

	// Alerts is given each alerts.json that came, with the vantage point whose dropbox
	// it lay in, of each day the oldest interval first. It returns why a file is refused, or the error
	// that ends the run. A file may be given again after a run that was broken off.
	// Nil takes every JSON.
	Alerts func(vp measurement.VantagePoint, label time.Time, data []byte) (refused string, err error)

	// Tell is given each file that goes to Quarantine, once it is kept there and before
	// it leaves its dropbox: a run that is broken off loses none, and may tell one again.
	Tell func(Rejected) error

	// Keys is given the keys of DNSKEY answers that no zone of the archive explains, one
	// call at a time. Nil takes none.
	Keys func(keys []rootzone.Key, rsi measurement.RSI, vp measurement.VantagePoint, at time.Time)

	// Came says when a sidecar arrived; nil goes by its file's times, of which the kernel
	// sets one. For a rehearsal, whose clock the kernel does not share.
	Came func(sidecar os.FileInfo) time.Time

	// Ingested says when a file of answers came into the lake, for one that is made again;
	// nil is now. A nil time is one that nobody noted.
	Ingested func(file string) *time.Time

	// Sights are serials that sources of zones showed just now, for the table zone_serials.
	Sights []serials.Sight

	// Plans are others by which files were accepted before: their timeouts and RSIs hold too.
	Plans []*plan.Plan

	Now      func() time.Time // nil is time.Now
	Log      *slog.Logger     // nil is silent
	Progress func(done, of int)

	// Rejudge is intervals whose answers are judged again whatever their verdict:
	// a rule was mended, or a zone was added that nobody had.
	Rejudge []judge.Span
	AllDue  bool // days that others' plans have judged again: all of them, and not one a run

	// Step is called before every change to a file, named; an error ends the run
	// there, as a kill would. For tests.
	Step func(what string) error
}

// Result is what a run did.
type Result struct {
	Files       int        `json:"files"`      // that came into the lake or were there already
	Added       int64      `json:"rows_added"` // answers and routes
	Known       int64      `json:"rows_known"` // that the lake had already
	Quarantined []Rejected `json:"quarantined"`
	Left        []string   `json:"left"` // as it is, with the reason, for a person to look at
	Newer       bool       `json:"-"`    // a newer program writes the lake: nothing was done

	Differing map[measurement.VantagePoint]Differing `json:"-"` // what vantage points said of what is expected, and was put right

	judge.Result
}

// Rejected is a file that went to Quarantine.
type Rejected struct {
	VantagePoint measurement.VantagePoint `json:"vantage_point"` // of the dropbox
	File         string                   `json:"file"`
	Reason       string                   `json:"reason"`
}

// filesAtOnce bounds how many files are on their way at a time: disk for their
// copies, and memory for their runs rows.
const filesAtOnce = 20_000

// Run ingests what lies complete in the dropboxes, newest day first: what is measured
// now must not wait for what was. What is
// wrong with a file is in the result; an error is of this machine, and then what
// is not finished is still in its dropbox. A DaysError is of some days only.
func (in *Ingester) Run(ctx context.Context) (result Result, err error) {
	r := &run{Ingester: in, now: time.Now, log: in.Log, sentPlans: map[measurement.VantagePoint]map[string]bool{}, originals: &originals.Store{Dir: in.Originals}}
	r.checker.rsis, r.checker.timeouts = known(append([]*plan.Plan{in.Plan}, in.Plans...))
	if in.Now != nil {
		r.now = in.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.started = r.now().UTC()
	r.judge = &judge.Judge{Plan: in.Plan, Lake: in.Lake, RootZones: in.RootZones, Anchors: in.Anchors, Backlog: in.Backlog, Started: r.started,
		Rejudge: in.Rejudge, Keys: in.Keys, Log: r.log, Step: r.step, Left: r.left, Failed: r.pass}
	r.intake = filepath.Join(in.Originals, ".intake")
	defer func() {
		r.result.Quarantined = append([]Rejected{}, r.result.Quarantined...)
		r.result.Left = r.lines.sorted()
		r.result.Result = r.judge.Result()
		result = r.result
		err = errors.Join(err, r.halves(), os.RemoveAll(r.intake))
	}()
	if err := r.prepare(); err != nil {
		return r.result, err
	}
	if err := errors.Join(ctx.Err(), r.judge.Open()); err != nil {
		return r.result, err
	}
	if !r.knows() {
		r.result.Newer = true
		return r.result, nil
	}
	if err := errors.Join(r.keepOwnPlan(), r.keepSites()); err != nil {
		return r.result, err
	}
	if err := r.keepSights(ctx); err != nil {
		return r.result, err
	}
	if err := r.takeIn(ctx); err != nil {
		return r.result, err
	}
	if err := r.evaluateAgain(ctx); err != nil {
		return r.result, err
	}
	_, save, err := r.judge.Update(ctx, true)
	if err == nil {
		err = save()
	}
	if err != nil {
		return r.result, err
	}
	if err := r.pass(ctx, r.compact(ctx)); err != nil {
		return r.result, err
	}
	if err := r.forget(); err != nil {
		return r.result, err
	}
	return r.result, r.failed()
}

// takeIn brings what lies in the dropboxes into the lake.
func (r *run) takeIn(ctx context.Context) (err error) {
	boxes, err := r.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll(boxes)) }()
	waiting, err := r.list(boxes)
	if err != nil {
		return err
	}
	r.total = len(waiting)
	for len(waiting) > 0 { // what is wrong with some files does not stop the others
		n, err := r.day(ctx, waiting)
		if err := r.pass(ctx, err); err != nil {
			return err
		}
		waiting = waiting[n:]
	}
	return nil
}

// run is a run on its way.
type run struct {
	*Ingester
	now     func() time.Time
	log     *slog.Logger
	started time.Time
	intake  string // copies; whatever a killed run left there is of no use

	originals *originals.Store // those of Originals, packed ones too

	checker checker // of any file
	lines   leftovers

	copies      int // names of copies that are taken
	total, done int
	stepping    sync.Mutex
	judge       *judge.Judge
	broken      bool                                         // off by a test, at a step
	failures    []error                                      // of days
	usage       map[string]usage                             // of Quarantine, by dropbox; nil until one is needed
	sentPlans   map[measurement.VantagePoint]map[string]bool // sums of those that were counted
	expected    evaluations
	bogus       int // answers, of this run
	result      Result
}

func (r *run) prepare() error {
	if err := r.halves(); err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	if err := os.RemoveAll(r.intake); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	for _, dir := range []string{r.intake, r.Originals, r.Quarantine} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
	}
	half, err := filepath.Glob(filepath.Join(escapeGlob(r.Quarantine), ".*"))
	for _, path := range half {
		err = errors.Join(err, os.Remove(path))
	}
	return errors.Join(err, r.Lake.Sweep())
}

// step is where a test may end the run.
func (r *run) step(format string, args ...any) error {
	if r.Step == nil {
		return nil
	}
	r.stepping.Lock()
	defer r.stepping.Unlock()
	err := r.Step(fmt.Sprintf(format, args...))
	r.broken = r.broken || err != nil
	return err
}

func (r *run) progress() {
	r.done++
	if r.Progress != nil {
		r.Progress(r.done, r.total)
	}
}

// day brings files of one day into the lake and keeps or rejects each: as many of
// those at the head, where a day's lie together, as fit into memory, which are n.
func (r *run) day(ctx context.Context, files []waiting) (n int, err error) {
	day := interval.Day(files[0].label)
	if other := slices.IndexFunc(files, func(w waiting) bool { return !interval.Day(w.label).Equal(day) }); other > 0 {
		files = files[:other]
	}
	files = files[:min(len(files), filesAtOnce)]
	if r.newer(day) {
		return len(files), nil
	}
	taken, n, err := r.takeAll(ctx, files)
	if err != nil {
		return n, err
	}
	if err := r.firstWins(ctx, day, taken); err != nil {
		return n, err
	}
	for _, t := range taken {
		if t.reason == "" {
			r.judge.Sight(t.vp, t.label, t.trusted(), t.sightings)
		}
		t.sightings = nil
	}
	// What these files say of zones comes first: their own answers are judged on
	// their way into the lake, and a day is written once.
	answers, save, err := r.judge.Update(ctx, false)
	if err != nil {
		return n, err
	}
	if err := r.judge.Expect(day); err != nil {
		return n, err
	}
	// The table and the copies reach the disk beside the merge, before a copy gets its name
	// in Originals: a name without its data would outlive a loss of power, and the file in
	// the dropbox be taken for another.
	durable := make(chan error, 1)
	go func() {
		err := save()
		if err == nil {
			err = r.sync("copies", r.intake)
		}
		durable <- err
	}()
	err = r.keepPlans(taken) // by which the answers are evaluated
	if err == nil {
		err = r.learn(day, taken)
	}
	if err != nil {
		return n, errors.Join(err, <-durable)
	}
	err = r.merge(ctx, day, taken, answers)
	if err := errors.Join(err, <-durable); err != nil {
		return n, err
	}
	return n, r.settle(taken)
}
