// Package dispute judges the verdicts of a dossier again, by what lies in the dossier and
// nothing else: the judge is the one that ingest uses (package judge), over the dossier's own
// lake and archive. A dossier may come from anybody: what is in it is bounded, held against
// its manifest, and copied to a folder that goes away; zones must prove themselves.
package dispute

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/rootzone"
)

// Finding is what judging an incorrect answer again comes to.
type Finding string

// The findings.
const (
	Confirmed    Finding = "confirmed"
	NotConfirmed Finding = "not confirmed"
	Held         Finding = "held" // something is lacking by which it could be judged
)

// Answer is an answer that the report counts as incorrect.
type Answer struct {
	Interval     time.Time                `json:"interval"`
	SentAt       *time.Time               `json:"sent_at"`
	VantagePoint measurement.VantagePoint `json:"vantage_point"`
	Family       measurement.Family       `json:"family"`
	Transport    measurement.Transport    `json:"transport"`
	Address      string                   `json:"address"`
	QName        string                   `json:"qname"`
	QType        string                   `json:"qtype"`
	NSID         *string                  `json:"nsid"`
	Finding      Finding                  `json:"finding"`
	Reason       string                   `json:"reason"`
}

// Result is what disputing a dossier comes to.
type Result struct {
	Report       string             `json:"report"`
	Revision     int                `json:"revision"`
	RSI          measurement.RSI    `json:"rsi"`
	Version      string             `json:"version"` // of the program that made the dossier
	Files        int                `json:"files"`   // that are as the manifest has them
	Problems     []string           `json:"problems"`
	LeftOut      []report.File      `json:"left_out"` // and not here
	Unlisted     []string           `json:"unlisted"`
	Answers      []Answer           `json:"answers"`
	Confirmed    int                `json:"confirmed"`
	NotConfirmed int                `json:"not_confirmed"`
	Held         int                `json:"held"`
	Absent       int                `json:"absent"` // answers in files that were left out
	Counts       []report.Recounted `json:"counts"`
	NotCounted   []string           `json:"not_counted"`
}

// Differs says whether something of the report is not borne out by the dossier.
func (r *Result) Differs() bool {
	return r.NotConfirmed > 0 || len(r.Problems) > 0 || slices.ContainsFunc(r.Counts, func(c report.Recounted) bool { return c.Want != c.Got })
}

// job is one dispute.
type job struct {
	source *source
	dir    string // what was found good
	m      *report.Manifest
	plan   *plan.Plan
	result *Result

	mu sync.Mutex
}

// Run disputes the dossier in a folder or zip. It works in a folder that it makes below temp,
// and removes. The error is ErrNone where what was named is no dossier.
func Run(ctx context.Context, name, temp, version string) (result *Result, err error) {
	s, err := open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	m, err := s.manifest()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(temp, "mtric-dispute-")
	if err != nil {
		return nil, fmt.Errorf("dispute: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	j := &job{source: s, dir: dir, m: m, result: &Result{Report: m.Report, Revision: m.Revision, RSI: m.RSI, Version: m.Version, Problems: []string{},
		LeftOut: []report.File{}, Unlisted: []string{}, Answers: []Answer{}, Counts: []report.Recounted{}, NotCounted: []string{}}}
	for _, step := range []func(context.Context) error{j.stage, j.readPlan, j.prove} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := j.judge(ctx, version); err != nil {
		return nil, err
	}
	return j.result, j.count()
}

func (j *job) problem(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result.Problems = append(j.result.Problems, fmt.Sprintf(format, args...))
}

// stage copies what is as the manifest says, and tells what is not.
func (j *job) stage(ctx context.Context) error {
	for _, f := range j.m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err := j.source.stage(f, j.dir); {
		case err == nil:
			j.result.Files++
		case errors.Is(err, errMissing) && f.LeftOut != "":
			j.result.LeftOut = append(j.result.LeftOut, f)
		case errors.Is(err, errMissing), errors.Is(err, errAltered):
			j.problem("%s: %v", f.Path, err)
		default:
			return fmt.Errorf("dispute: %w", err)
		}
	}
	for _, name := range j.m.Needed() {
		if !slices.ContainsFunc(j.m.Files, func(f report.File) bool { return f.Path == name }) {
			j.problem("%s: the manifest does not name it", name)
		}
	}
	unlisted, err := j.source.unlisted(j.m)
	j.result.Unlisted = append(j.result.Unlisted, unlisted...)
	return err
}

// maxPlan bounds a plan in its JSON form.
const maxPlan = 1 << 20

// readPlan reads the plan that the report was made by, whose name is its hash.
func (j *job) readPlan(context.Context) error {
	name := filepath.Join(report.DossierPlans, j.m.PlanSHA256+".json")
	if len(j.m.PlanSHA256) != 2*sha256.Size || !filepath.IsLocal(name) {
		return none("%s names a plan %.80q", report.ManifestFile, j.m.PlanSHA256)
	}
	f, err := os.Open(filepath.Join(j.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // told already
	}
	if err != nil {
		return fmt.Errorf("dispute: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPlan))
	if err != nil {
		return fmt.Errorf("dispute: %w", err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != j.m.PlanSHA256 {
		j.problem("%s: is not the plan of that hash", filepath.ToSlash(name))
		return nil
	}
	if j.plan, err = plan.ReadJSON(text); err != nil {
		j.problem("%s: %v", filepath.ToSlash(name), err)
		j.plan = nil
	}
	return nil
}

// prove takes zones away that do not prove themselves by the plan's anchors.
func (j *job) prove(ctx context.Context) error {
	if j.plan == nil {
		return nil
	}
	dir := filepath.Join(j.dir, report.DossierZones)
	serials, err := rootzone.Serials(dir)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, serial := range serials {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			path := filepath.Join(dir, rootzone.FileName(serial))
			if _, err := rootzone.Proved(path, j.anchors()); err != nil {
				j.problem("zone %d does not prove itself by the plan's anchors: %v", serial, plainly(err, j.dir))
				return os.Remove(path)
			}
			return nil
		})
	}
	err = group.Wait()
	slices.Sort(j.result.Problems)
	return err
}

// plainly takes the folder that goes away out of a message.
func plainly(err error, dir string) string {
	return strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
}

func (j *job) anchors() (all []rootzone.Anchor) {
	for _, a := range j.plan.Anchors {
		all = append(all, rootzone.Anchor{DS: a.DS, From: a.From, Until: a.Until})
	}
	return all
}

// mostRows bounds the rows of a file of the dossier's lake.
const mostRows = 1_000_000

// judge has the judge look at each incorrect answer.
func (j *job) judge(ctx context.Context, version string) error {
	store := lake.Store{Dir: filepath.Join(j.dir, report.DossierLake), Version: version}
	days, err := store.Days(column.Answers, time.Time{}, time.Time{})
	if err != nil {
		return none("%s", plainly(err, j.dir))
	}
	rows := map[place]measurement.Answer{} // without responses
	twice := map[string]bool{}
	for _, d := range days {
		if err := j.incorrect(d, rows); err != nil {
			j.problem("lake of %s: %s", d.Day.Format(time.DateOnly), plainly(err, j.dir))
			return nil
		}
	}
	for _, r := range rows {
		name := fmt.Sprint(r.Interval.UnixMicro(), r.VantagePoint, r.Family, r.Transport, r.Address, r.QName, r.QType, r.SentAt)
		if r.SentAt != nil {
			name = fmt.Sprint(r.VantagePoint, r.Family, r.Transport, r.Address, r.QName, r.QType, r.SentAt.UnixMicro())
		}
		if twice[name] {
			j.problem("lake: an answer of %s to VP %s stands twice", r.Interval.UTC().Format(time.RFC3339), r.VantagePoint)
			break
		}
		twice[name] = true
	}
	lacking := slices.ContainsFunc(j.result.LeftOut, func(f report.File) bool { return strings.HasPrefix(f.Path, report.DossierLake+"/") })
	switch {
	case len(rows) < j.m.Incorrect && lacking:
		j.result.Absent = j.m.Incorrect - len(rows)
	case len(rows) < j.m.Incorrect:
		j.problem("lake: %d incorrect answers are here of %d", len(rows), j.m.Incorrect)
	case len(rows) > j.m.Incorrect:
		j.problem("lake: %d incorrect answers are here, the report counts %d", len(rows), j.m.Incorrect)
	}
	if len(rows) == 0 || j.plan == nil {
		return nil
	}
	found, err := j.review(ctx, store)
	if err != nil {
		j.problem("lake: %s", plainly(err, j.dir))
		return nil
	}
	for _, f := range found {
		if r, asked := rows[place{f.Day, f.Row}]; asked {
			j.note(&r, f)
		}
	}
	slices.SortStableFunc(j.result.Answers, func(a, b Answer) int {
		return cmp.Or(a.Interval.Compare(b.Interval), cmp.Compare(a.VantagePoint, b.VantagePoint))
	})
	return nil
}

// place is a row of the dossier's lake.
type place struct {
	day time.Time
	row int64
}

// incorrect finds the rows of a day that are to be judged again.
func (j *job) incorrect(d lake.DayFile, to map[place]measurement.Answer) error {
	at := int64(0)
	for some, err := range column.RowsUpTo[measurement.Answer](d.Path, mostRows) {
		if err != nil {
			return err
		}
		for _, r := range some {
			if r.Verdict != nil && *r.Verdict == measurement.Incorrect && r.RSI == j.m.RSI {
				r.Response, r.FirstResponse, r.Failures = nil, nil, nil
				to[place{d.Day, at}] = r
			}
			at++
		}
	}
	return nil
}

// review is the judge of ingest over the dossier's lake and archive.
func (j *job) review(ctx context.Context, store lake.Store) ([]judge.Reviewed, error) {
	by := &judge.Judge{Plan: j.plan, Lake: store, RootZones: filepath.Join(j.dir, report.DossierZones), Anchors: j.anchors(),
		Started: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
		Log:     slog.New(slog.DiscardHandler),
		Left:    func(string, string) {}, // that zones are missing is told by what it holds
		Failed:  func(_ context.Context, err error) error { return err },
		Step:    func(string, ...any) error { return errors.New("the judge wants to change the dossier") },
	}
	if err := by.Open(); err != nil {
		return nil, err
	}
	return by.Review(ctx)
}

// note says what became of an answer.
func (j *job) note(r *measurement.Answer, f judge.Reviewed) {
	a := Answer{Interval: r.Interval.UTC(), SentAt: r.SentAt, VantagePoint: r.VantagePoint, Family: r.Family, Transport: r.Transport, Address: r.Address,
		QName: r.QName, QType: r.QType, NSID: r.NSID}
	switch f.Verdict {
	case measurement.Incorrect:
		a.Finding, a.Reason = Confirmed, strings.Join(f.Failures, "; ")
		j.result.Confirmed++
	case measurement.Correct:
		a.Finding, a.Reason = NotConfirmed, string(measurement.Correct)
		if f.Serial != nil {
			a.Reason = fmt.Sprintf("correct by zone %d, which may answer it", *f.Serial)
		}
		j.result.NotConfirmed++
	case measurement.Unchecked:
		a.Finding, a.Reason = Held, j.where(strings.TrimPrefix(strings.Join(f.Failures, "; "), "hold: "))
		j.result.Held++
	}
	j.result.Answers = append(j.result.Answers, a)
}

// where adds to a reason where a zone is that it names and that was left out.
func (j *job) where(reason string) string {
	for _, f := range j.result.LeftOut {
		serial, _, _ := strings.Cut(filepath.Base(f.Path), ".")
		if filepath.Dir(f.Path) == report.DossierZones && strings.Contains(reason, "zone "+serial+" ") {
			return fmt.Sprintf("%s; %s is not here (%s)", reason, f.Path, cmp.Or(f.Address, f.LeftOut))
		}
	}
	return reason
}

// count counts the failed rows again.
func (j *job) count() error {
	counts, not, err := report.Recount(j.dir, j.m)
	if err != nil {
		j.result.NotCounted = append(j.result.NotCounted, "the failed rows: "+plainly(err, j.dir))
		if !errors.Is(err, fs.ErrNotExist) { // what is missing was told
			j.problem("the failed rows cannot be counted: %s", plainly(err, j.dir))
		}
		return nil
	}
	j.result.Counts, j.result.NotCounted = append(j.result.Counts, counts...), append(j.result.NotCounted, not...)
	return nil
}
