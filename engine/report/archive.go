package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// Archive is what correctness rests on: since when root zones are kept, and which
// are missing that were in use in the period.
type Archive struct {
	Begins  *time.Time    `json:"begins"` // when its first zone was archived; null without any
	Missing []MissingZone `json:"missing"`
}

// MissingZone is a zone that answers show, that is proven to exist, and that is not
// archived.
type MissingZone struct {
	Serial        int64                      `json:"serial"`
	FirstSeen     *time.Time                 `json:"first_seen"`
	SignedAt      *time.Time                 `json:"signed_at"`      // null where no signature says so
	Proof         *measurement.ZoneProof     `json:"proof"`          // what proves that it exists
	RSIs          []measurement.RSI          `json:"rsis"`           // that showed it in the period
	VantagePoints []measurement.VantagePoint `json:"vantage_points"` // to whom
	Held          int64                      `json:"held"`           // answers of the period that wait for it
}

// Held counts answers of the period that have no verdict for the same reason.
type Held struct {
	Reason  string `json:"reason"`
	Answers int64  `json:"answers"`
}

// compare orders reasons, those of most answers first.
func (h Held) compare(o Held) int {
	return cmp.Or(cmp.Compare(o.Answers, h.Answers), cmp.Compare(h.Reason, o.Reason))
}

// maxHeld bounds the reasons that are told.
const maxHeld = 20

// hold fills in what the archive lacks, missed at least, and why answers have no verdict.
func (d *Document) hold(ctx context.Context, store lake.Store, zones []measurement.Zone, missed []MissingZone) error {
	d.Archive, d.Held = Archive{Missing: []MissingZone{}}, []Held{}
	reasons := map[string]int64{}
	if d.Unchecked > 0 {
		days, err := store.Days(column.Answers, d.From, d.end())
		if err != nil {
			return err
		}
		for _, f := range days {
			if err := d.heldIn(ctx, store, f, reasons); err != nil {
				return fmt.Errorf("answers without a verdict of %s: %w", f.Day.Format(time.DateOnly), err)
			}
		}
	}
	for reason, n := range reasons {
		d.Held = append(d.Held, Held{reason, n})
	}
	slices.SortFunc(d.Held, Held.compare)
	d.Held = d.Held[:min(len(d.Held), maxHeld)]
	for _, z := range zones {
		if z.ArchivedAt != nil && (d.Archive.Begins == nil || z.ArchivedAt.Before(*d.Archive.Begins)) {
			d.Archive.Begins = new(z.ArchivedAt.UTC())
		}
		held := reasons[notArchived(z.Serial)]
		if z.State == measurement.ZoneSeen && (d.inUse(z.FirstSeen) || held > 0 || missing(missed, z.Serial) != nil) {
			d.Archive.Missing = append(d.Archive.Missing, MissingZone{Serial: z.Serial, FirstSeen: z.FirstSeen, SignedAt: z.SignedAt, Proof: z.Proof, Held: held,
				RSIs: []measurement.RSI{}, VantagePoints: []measurement.VantagePoint{}})
		}
	}
	return d.showing(ctx, store)
}

// notArchived is the reason of answers that wait for a zone.
func notArchived(serial int64) string { return fmt.Sprintf("zone %d is not archived", serial) }

// inUse says whether a zone that was first seen then is one that the period lacks where it
// is not archived.
func (d *Document) inUse(firstSeen *time.Time) bool {
	return firstSeen != nil && firstSeen.Before(d.end()) && firstSeen.After(d.From.Add(-correctness.Window))
}

// heldIn adds the reasons of a day.
func (d *Document) heldIn(ctx context.Context, store lake.Store, f lake.DayFile, reasons map[string]int64) error {
	rows := map[int64]bool{}
	var row int64
	scan := lake.Scan{Store: store, From: f.Day, Until: f.Day.AddDate(0, 0, 1), Workers: 1}
	columns := []column.Name{column.Verdict, column.VantagePoint, column.RSI, column.Family, column.Transport, column.Address, column.Outcome, column.Query}
	err := scan.Answers(ctx, columns, func(b *column.AnswerBatch) error {
		unchecked := b.Verdict.Place(measurement.Unchecked)
		for i, v := range b.Verdict.Index {
			if v != unchecked {
				continue
			}
			a := b.Answer(i)
			if a.Query == measurement.QueryCorrectness && !a.Interval.Before(d.From) && a.Interval.Before(d.end()) && d.measured(&a) {
				rows[row+int64(i)] = true
			}
		}
		row += int64(b.Rows)
		return nil
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	err = lake.Failures(f.Path, func(row int64, failures []string) {
		if reason, is := strings.CutPrefix(failures[0], "hold: "); is && rows[row] {
			reasons[strings.Clone(reason)]++
			delete(rows, row)
		}
	})
	if n := int64(len(rows)); n > 0 {
		reasons["judged by an earlier version of mtric, which gave no reason"] += n
	}
	return err
}

// witnesses are those who show a zone in runs that count and are trusted.
type witnesses struct {
	rsis []measurement.RSI
	vps  []measurement.VantagePoint
}

// prove says whether ingest took the zone for proven by what they show.
func (w witnesses) prove() bool { return len(w.rsis) > 1 && len(w.vps) > 1 }

// showing finds who showed the missing zones in the period.
func (d *Document) showing(ctx context.Context, store lake.Store) error {
	if len(d.Archive.Missing) == 0 {
		return nil
	}
	at := map[int64]*MissingZone{}
	d.sighted = map[int64]witnesses{}
	for i := range d.Archive.Missing {
		at[d.Archive.Missing[i].Serial] = &d.Archive.Missing[i]
	}
	scan := lake.Scan{Store: store, From: d.From, Until: d.end(), Workers: 1}
	columns := []column.Name{column.Query, column.Serial, column.RSI, column.VantagePoint, column.Family, column.Address}
	return scan.Answers(ctx, columns, func(b *column.AnswerBatch) error {
		soa := b.Query.Place(measurement.QuerySOA)
		for i := range b.Rows {
			if b.Query.Index[i] != soa || !b.Serial.Has(i) {
				continue
			}
			z := at[b.Serial.Int[i]]
			if z == nil {
				continue
			}
			a := b.Answer(i)
			if !d.late(a.VantagePoint, a.Interval) && d.onPlan(&a) {
				z.RSIs = included(z.RSIs, a.RSI)
				z.VantagePoints = included(z.VantagePoints, a.VantagePoint)
				if w := d.sighted[z.Serial]; d.trusted(a.VantagePoint, a.Interval) {
					d.sighted[z.Serial] = witnesses{included(w.rsis, a.RSI), included(w.vps, a.VantagePoint)}
				}
			}
		}
		return nil
	})
}

// included puts a text into a list in order, once.
func included[T ~string](list []T, text T) []T {
	i, found := slices.BinarySearch(list, text)
	if found {
		return list
	}
	return slices.Insert(list, i, text)
}

// maxNoted bounds the reasons and zones that stand before the numbers.
const maxNoted = 5

// lacking says before the numbers why answers have no verdict, and which zones are
// missing.
func (d *Document) lacking(add func(format string, args ...any)) {
	if d.Unchecked > 0 {
		count := "count"
		if d.Unchecked == 1 {
			count = "counts"
		}
		why := ""
		if len(d.Held) == 1 && d.Held[0].Answers == d.Unchecked {
			why = ": " + diag.Printable(inWords(d.Held[0].Reason))
		}
		add("%s without a verdict, which %s neither for nor against anybody%s.", edition.Plural(d.Unchecked, "correctness answer"), count, why)
	}
	for _, h := range d.Held[:min(len(d.Held), maxNoted)] {
		if h.Answers == d.Unchecked {
			break // told above
		}
		add("%s: %s.", edition.Plural(h.Answers, "answer"), diag.Printable(inWords(h.Reason)))
	}
	for _, z := range d.Archive.Missing[:min(len(d.Archive.Missing), maxNoted)] {
		add("Root zone %d is missing in the archive: shown by RSIs %s to vantage points %s%s.", z.Serial, edition.Dash(edition.Join(z.RSIs)), edition.Dash(edition.Join(z.VantagePoints)), z.proven())
	}
}

// inWords is a reason as people read it.
func inWords(reason string) string {
	if reason == "clock" {
		return "the clock of the vantage point is in doubt"
	}
	return reason
}

// proven says in words what proves that the zone exists.
func (z MissingZone) proven() string {
	switch {
	case z.Proof == nil:
		return ""
	case *z.Proof == measurement.ProofSignature && z.SignedAt != nil:
		return ", proven by a signature made " + edition.Clock(*z.SignedAt)
	case *z.Proof == measurement.ProofSignature:
		return ", proven by a signature"
	}
	return ", proven by these witnesses"
}
