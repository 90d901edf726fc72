package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// Names in a dossier's folder.
const (
	ManifestFile    = "manifest.json"
	DossierReport   = "report.json" // the public report
	DossierLake     = "lake"        // what the judge needs of the lake
	DossierZones    = "rootzones"   // and of the archive
	DossierPlans    = "plan"        // the plan by its hash
	DossierAnswers  = "answers"     // all that was measured of the RSI on days with failed rows
	DossierEvidence = "evidence"
	valuesFile      = "values.json"
	anchorsFile     = "anchors.ds"
	scriptFile      = "dispute.sh"
)

// script lets anybody dispute the verdicts; what it does stands in it.
const script = `#!/bin/sh
# Judges every incorrect answer of this dossier again and counts the failed rows again, by
# what lies in this folder alone: nothing is downloaded, and nothing is written here.
#   sh dispute.sh            with the mtric that the shell finds
#   sh dispute.sh ./mtric    with another one
set -eu
exec "${1:-mtric}" dispute "$(dirname -- "$0")"
`

// proof is what the judge needs to judge the incorrect answers of a dossier again.
type proof struct {
	*judge.Evidence
	rows        []measurement.Answer // incorrect, of the day that is being read
	zones       map[uint32]bool
	candidates  map[string]bool    // files of zones that an answer may be of
	days        map[time.Time]bool // of the lake
	first, last time.Time          // queries
}

// evidence finds what the judge needs in the lake and in the archive.
func (j Job) evidence() (*judge.Evidence, error) {
	by := &judge.Judge{Plan: j.Plan, Lake: j.Store, RootZones: j.RootZones, Log: slog.New(slog.DiscardHandler),
		Left: func(path, why string) { j.say(path + ": " + why) }}
	return by.Evidence()
}

// need notes an incorrect answer.
func (p *proof) need(r *measurement.Answer) {
	sent := sentAt(r)
	p.rows = append(p.rows, *r)
	for _, serial := range p.Zones(r) {
		p.zones[serial] = true
	}
	for _, day := range p.Days(sent, r.Interval.Add(interval.Length)) {
		p.days[day] = true
	}
	if p.first.IsZero() || sent.Before(p.first) {
		p.first = sent
	}
	if sent.After(p.last) {
		p.last = sent
	}
}

func sentAt(r *measurement.Answer) time.Time {
	if r.SentAt != nil {
		return *r.SentAt
	}
	return r.Interval
}

// lake is the folder's own.
func (x *dossier) lake() lake.Store {
	return lake.Store{Dir: filepath.Join(x.dir, DossierLake), Version: x.Version}
}

// keepIncorrect writes the incorrect answers of a day.
func (x *dossier) keepIncorrect(day time.Time) error {
	rows := x.proof.rows
	x.proof.rows = nil
	return x.keepDay(day, rows)
}

func (x *dossier) keepDay(day time.Time, rows []measurement.Answer) error {
	return writeDay(x.lake(), day, rows)
}

// writeDay writes rows of a day into a dossier's lake; without any there is no file.
func writeDay[T column.Row](store lake.Store, day time.Time, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	path := store.Path(column.TableOf[T](), day)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return column.Write(path, rows, column.Metadata{Version: store.Version})
}

// prove puts beside the incorrect answers of the dossiers which zones others saw about
// then, and the runs that these rows are of.
func prove(ctx context.Context, all []*dossier) error {
	needed := map[time.Time]bool{}
	for _, x := range all {
		for day := range x.proof.days {
			needed[day] = true
		}
	}
	for _, day := range slices.SortedFunc(maps.Keys(needed), time.Time.Compare) {
		shown, err := all[0].proof.Shown(ctx, day)
		if err != nil {
			return fmt.Errorf("sightings of %s: %w", day.Format(time.DateOnly), err)
		}
		for _, x := range all {
			if !x.proof.days[day] {
				continue
			}
			if err := x.proveDay(day, shown); err != nil {
				return fmt.Errorf("dossier of %s: %s: %w", x.rsi, day.Format(time.DateOnly), err)
			}
		}
	}
	return nil
}

// proveDay joins the sightings of a day with its incorrect answers.
func (x *dossier) proveDay(day time.Time, shown []measurement.Answer) error {
	rows, _, err := column.Read[measurement.Answer](x.lake().Path(column.Answers, day))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	rows = append(rows, shown...)
	if err := x.keepDay(day, rows); err != nil {
		return err
	}
	type key struct {
		vp measurement.VantagePoint
		at int64
	}
	of := map[key]bool{}
	for i := range rows {
		of[key{rows[i].VantagePoint, rows[i].Interval.UnixMicro()}] = true
	}
	var runs []measurement.Run
	for some, err := range column.Rows[measurement.Run](x.Store.Path(column.Runs, day)) {
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		for _, r := range some {
			if of[key{r.VantagePoint, r.Interval.UnixMicro()}] {
				runs = append(runs, r)
			}
		}
	}
	return writeDay(x.lake(), day, runs)
}

// writeProof writes all by which the dossier can be disputed but the rows.
func (x *dossier) writeProof() error {
	public := x.d.Public()
	files := map[string]func(io.Writer) error{
		DossierReport: public.WriteJSON,
		filepath.Join(DossierPlans, x.d.PlanSHA256+".json"): func(w io.Writer) error { _, err := w.Write(x.Plan.JSON()); return err },
		scriptFile: func(w io.Writer) error { _, err := io.WriteString(w, script); return err },
	}
	if x.incorrect > 0 {
		files[anchorsFile] = x.writeAnchors
	}
	if err := edition.WriteFiles(x.dir, files); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(x.dir, scriptFile), 0o755); err != nil {
		return err
	}
	if x.incorrect == 0 {
		return nil
	}
	zones, err := x.Store.Zones()
	if err == nil {
		err = x.lake().SaveZones(zones)
	}
	if err != nil {
		return err
	}
	return x.keepZones()
}

// writeAnchors writes the plan's trust anchors, with the time in which each is believed.
func (x *dossier) writeAnchors(w io.Writer) error {
	var b strings.Builder
	for _, a := range x.Plan.Anchors {
		b.WriteString("; believed")
		if a.From != nil {
			b.WriteString(" from " + edition.Clock(*a.From))
		}
		if a.Until != nil {
			b.WriteString(" until " + edition.Clock(*a.Until))
		}
		fmt.Fprintf(&b, "\n. IN DS %s\n", a.DS)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// keepZones puts the zones that the judge needs into the folder, as far as the archive has
// them, and the records of how they came there.
func (x *dossier) keepZones() error {
	dir := filepath.Join(x.dir, DossierZones)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for serial := range x.proof.zones {
		name := rootzone.FileName(serial)
		if err := linkOrCopy(filepath.Join(x.RootZones, name), filepath.Join(dir, name)); err != nil {
			x.say(fmt.Sprintf("zone %d: %v", serial, err)) // the manifest names it; a report must not wait for it
		}
	}
	return rootzone.WriteRecords(dir, x.proof.Fetches(x.proof.first, x.proof.last))
}

// linkOrCopy gives a file that never changes a second name; on another file system it is
// copied.
func linkOrCopy(from, to string) error {
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(to)) // half a zone is none
	}
	return nil
}

// candidates are the serials of the zones that an answer may be of, the newest first.
func candidates(uses []correctness.Known, r *measurement.Answer) (all []uint32) {
	for _, k := range correctness.Candidates(uses, sentAt(r), r.Interval) {
		all = append(all, k.Serial)
	}
	return all
}
