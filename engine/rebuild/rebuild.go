// Package rebuild makes a lake again from the evidence: the originals, loose and packed,
// the archive of root zones with its records, and the plans. It runs what ingest runs, so
// that what it makes is what ingest made (docs/decisions/0020).
package rebuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/originals"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
)

// Rebuild is one rebuilding. The caller holds a lock of the lake that it makes.
type Rebuild struct {
	Plan    *plan.Plan        // of the collector, by which zones are believed and answers judged
	Anchors []rootzone.Anchor // by which the archive's zones are believed

	Originals string // folder with yyyymm/
	Zones     string // the archive of root zones
	Plans     string // folder of <plan_sha256>.json; empty: only what the originals have
	Serials   string // file of the table zone_serials, which nothing else says; empty: none

	Lake lake.Store // to be made; where one is there, what it lacks comes into it
	Now  func() time.Time

	Progress func(done int) // after each day

	// Step is called before every change to a file, named; an error ends the run there.
	// For tests.
	Step func(what string) error
}

// Result is what a Rebuild did.
type Result struct {
	Days    int      `json:"days"`
	Files   int      `json:"files"`
	Rows    int64    `json:"rows"`    // answers and routes that came into the lake
	Unnoted int      `json:"unnoted"` // files of answers of which no index says when they came
	Wrong   []string `json:"wrong"`   // what could not be used, with the reason
}

// Work is the folder below the lake that the files of a day go through, as through
// dropboxes. As long as it is there the lake is not whole.
const Work = "_rebuild"

// mostWrong bounds the lines of a result.
const mostWrong = 1000

// run is a Rebuild on its way.
type run struct {
	*Rebuild
	dir    string
	plans  []*plan.Plan
	noted  map[string]originals.Entry // of the day's files that an index knows
	early  map[string]time.Time       // of its others, those that came before their own interval
	now    time.Time                  // as ingest is told
	result Result
}

// Run makes the lake, a day after the other in the order of time: the order in which files
// came changes nothing, for only the first of each name became an original. Broken off, it
// begins again and takes what is there already for known. An error is of this machine; what
// is wrong with an original is in the result.
func (b *Rebuild) Run(ctx context.Context) (Result, error) {
	r := &run{Rebuild: b, dir: filepath.Join(b.Lake.Dir, Work), result: Result{Wrong: []string{}}}
	err := r.begin()
	if err == nil {
		err = r.readPlans()
	}
	if err == nil {
		err = r.copySerials()
	}
	if err == nil {
		err = (&originals.Store{Dir: b.Originals}).Days(func(d originals.Day) error { return r.day(ctx, d) })
	}
	if err == nil {
		r.now = b.Now() // what waited for a zone or a fetch is judged by all of them
		err = r.ingest(ctx)
	}
	if err != nil {
		return r.result, errors.Join(err, r.clear())
	}
	return r.result, r.end()
}

// step is where a test may end the run.
func (r *run) step(what string) error {
	if r.Step == nil {
		return nil
	}
	return r.Step(what)
}

// begin says that the lake is not whole, and forgets what an earlier run was about.
func (r *run) begin() error {
	if err := r.step("begin"); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if err := os.RemoveAll(r.backlog()); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return r.clear()
}

// end says that the lake is whole.
func (r *run) end() error {
	if err := r.step("end"); err != nil {
		return err
	}
	if err := os.RemoveAll(r.dir); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}

func (r *run) backlog() string { return filepath.Join(r.dir, "unchecked.json") }

func (r *run) wrong(format string, args ...any) {
	if len(r.result.Wrong) < mostWrong {
		r.result.Wrong = append(r.result.Wrong, fmt.Sprintf(format, args...))
	}
}

// readPlans keeps the plans in the new lake.
func (r *run) readPlans() error {
	if r.Plans == "" {
		return nil
	}
	entries, err := os.ReadDir(r.Plans)
	if err != nil {
		return fmt.Errorf("plans: %w", err)
	}
	for _, e := range entries {
		sum, is := strings.CutSuffix(e.Name(), ".json")
		if !is || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(r.Plans, e.Name())
		p, data, err := readPlan(path, sum)
		if err != nil {
			r.wrong("%s: %s", path, err)
			continue
		}
		r.plans = append(r.plans, p)
		if err := errors.Join(r.step("plan"), r.Lake.KeepPlan(data)); err != nil {
			return err
		}
	}
	return nil
}

// copySerials takes over what the collector itself saw at the sources of zones. A file that
// cannot be read is told, and the lake has no such table.
func (r *run) copySerials() error {
	if r.Serials == "" {
		return nil
	}
	rows, _, err := column.Read[measurement.ZoneSerial](r.Serials)
	if err != nil {
		r.wrong("%s", err)
		return nil
	}
	return errors.Join(r.step("serials"), r.Lake.SaveSerials(rows))
}

// readPlan reads a plan that must be the one of its name.
func readPlan(path, sum string) (*plan.Plan, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, plan.MaxJSON+1)) // ReadJSON refuses what is larger
	if err != nil {
		return nil, nil, err
	}
	p, err := plan.ReadJSON(data)
	if err != nil {
		return nil, nil, err
	}
	if have := sha256.Sum256(data); hex.EncodeToString(have[:]) != sum {
		return nil, nil, fmt.Errorf("its sha256 is %x, not its name", have)
	}
	return p, data, nil
}

// day brings the files of a day into the lake.
func (r *run) day(ctx context.Context, d originals.Day) error {
	r.noted, r.early = map[string]originals.Entry{}, map[string]time.Time{}
	staged := 0
	err := d.Each(func(f originals.File) error {
		n, _ := originals.ParseName(f.Name)
		if n.Kind == originals.Alerts {
			return ctx.Err() // nothing of it is in the lake
		}
		if f.Indexed && f.ReceivedAt != nil {
			r.noted[f.Name] = f.Entry
		} else if n.Kind == originals.Answers {
			r.result.Unnoted++
		}
		if !f.Indexed && f.Sidecar.Before(n.Label) {
			r.early[f.Name] = f.Sidecar
		}
		staged++
		return errors.Join(ctx.Err(), r.stage(n, f))
	}, func(err error) { r.wrong("%s", err) })
	if err != nil {
		return err
	}
	// Ingest writes the day before its own as one.
	r.now = d.Day.AddDate(0, 0, 1).Add(2 * time.Hour)
	if now := r.Now(); r.now.After(now) {
		r.now = now
	}
	for staged > 0 { // no dropbox gives all at once that it may have been made to hold
		before := r.result.Files
		if err := r.ingest(ctx); err != nil {
			return err
		}
		if staged -= r.result.Files - before; r.result.Files == before {
			break
		}
	}
	r.result.Days++
	if r.Progress != nil {
		r.Progress(r.result.Days)
	}
	return r.clear()
}

// stage puts a file and its sidecar where ingest finds them.
func (r *run) stage(n originals.Name, f originals.File) error {
	if err := r.step("stage"); err != nil {
		return err
	}
	path := filepath.Join(r.dir, "sftp", string(n.VantagePoint), f.Name)
	err := os.WriteFile(path, f.Data, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, f.Data, 0o644)
		}
	}
	if err == nil {
		err = os.WriteFile(files.Sidecar(path), []byte(f.SHA256+"  "+f.Name+"\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}

// clear removes what the files of a day have left.
func (r *run) clear() error {
	if err := r.step("clear"); err != nil {
		return err
	}
	for _, name := range []string{"sftp", "Originals", "Quarantine"} {
		if err := os.RemoveAll(filepath.Join(r.dir, name)); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	return nil
}

// ingest does what mtric ingest does, with the times of then.
func (r *run) ingest(ctx context.Context) error {
	in := &ingest.Ingester{
		Plan: r.Plan, Plans: r.plans, Lake: r.Lake, RootZones: r.Zones, Anchors: r.Anchors,
		Dropboxes: filepath.Join(r.dir, "sftp", "{vantage_point}"), Originals: filepath.Join(r.dir, "Originals"),
		Quarantine: filepath.Join(r.dir, "Quarantine"), Backlog: r.backlog(),
		Came: r.came, Ingested: r.ingested, Now: func() time.Time { return r.now }, Step: r.Step, AllDue: true,
	}
	if err := os.MkdirAll(in.Quarantine, 0o755); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	done, err := in.Run(ctx)
	r.result.Files += done.Files
	r.result.Rows += done.Added
	for _, q := range done.Quarantined {
		r.wrong("%s: %s", q.File, q.Reason)
	}
	for _, line := range done.Left {
		if !slices.Contains(r.result.Wrong, line) {
			r.wrong("%s", line)
		}
	}
	return err
}

// came is when a file arrived. Where no index knows, it is the label of its interval, at
// which none can have come. One that came before that is not believed in all it says,
// and a missing index must not change that.
func (r *run) came(sidecar os.FileInfo) time.Time {
	name := strings.TrimSuffix(sidecar.Name(), filepath.Base(files.Sidecar("")))
	if e, known := r.noted[name]; known {
		return *e.ReceivedAt
	}
	if at, early := r.early[name]; early {
		return at
	}
	n, _ := originals.ParseName(name)
	return n.Label
}

func (r *run) ingested(file string) *time.Time { return r.noted[file].IngestedAt }
