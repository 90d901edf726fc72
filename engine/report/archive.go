package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
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
	scan := lake.Scan{Store: store, Table: column.Answers, From: f.Day, Until: f.Day.AddDate(0, 0, 1), Workers: 1,
		Columns: []string{"verdict", "vantage_point", "rsi", "family", "transport", "address", "outcome", "query"}}
	err := scan.Run(ctx, func(b *column.Batch) error {
		verdicts, labels := b.Column("verdict"), b.Column("interval")
		unchecked := verdicts.Place(string(measurement.Unchecked))
		for i, v := range verdicts.Index {
			label := time.UnixMicro(labels.Int[i]).UTC()
			if v < 0 || v != unchecked || label.Before(d.From) || !label.Before(d.end()) {
				continue
			}
			a := measurement.Answer{Interval: label, VantagePoint: measurement.VantagePoint(b.Column("vantage_point").Text(i)),
				RSI: measurement.RSI(b.Column("rsi").Text(i)), Family: measurement.Family(b.Column("family").Text(i)),
				Transport: measurement.Transport(b.Column("transport").Text(i)), Query: b.Column("query").Text(i),
				Address: b.Column("address").Text(i), Outcome: measurement.Outcome(b.Column("outcome").Text(i))}
			if a.Query == measurement.QueryCorrectness && d.measured(&a) {
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
	scan := lake.Scan{Store: store, Table: column.Answers, From: d.From, Until: d.end(), Workers: 1,
		Columns: []string{"query", "serial", "rsi", "vantage_point", "family", "address"}}
	err := scan.Run(ctx, func(b *column.Batch) error {
		queries, serials, rsis, vps := b.Column("query"), b.Column("serial"), b.Column("rsi"), b.Column("vantage_point")
		labels, families, addresses := b.Column("interval"), b.Column("family"), b.Column("address")
		soa := queries.Place(measurement.QuerySOA)
		for i := range b.Rows {
			if queries.Index[i] != soa || serials.Null != nil && serials.Null[i] {
				continue
			}
			z := at[serials.Int[i]]
			if z == nil {
				continue
			}
			a := measurement.Answer{Interval: time.UnixMicro(labels.Int[i]).UTC(), VantagePoint: measurement.VantagePoint(vps.Text(i)),
				RSI: measurement.RSI(rsis.Text(i)), Family: measurement.Family(families.Text(i)), Address: addresses.Text(i)}
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
	return err
}

// included puts a text into a list in order, once.
func included[T ~string](list []T, text T) []T {
	i, found := slices.BinarySearch(list, text)
	if found {
		return list
	}
	return slices.Insert(list, i, T(strings.Clone(string(text))))
}

// mostNoted bounds the reasons and zones that stand before the numbers.
const mostNoted = 5

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
			why = ": " + printable(inWords(d.Held[0].Reason))
		}
		add("%s without a verdict, which %s neither for nor against anybody%s.", plural(d.Unchecked, "correctness answer"), count, why)
	}
	for _, h := range d.Held[:min(len(d.Held), mostNoted)] {
		if h.Answers == d.Unchecked {
			break // told above
		}
		add("%s: %s.", plural(h.Answers, "answer"), printable(inWords(h.Reason)))
	}
	for _, z := range d.Archive.Missing[:min(len(d.Archive.Missing), mostNoted)] {
		add("Root zone %d is missing in the archive: shown by RSIs %s to vantage points %s%s.", z.Serial, dash(join(z.RSIs)), dash(join(z.VantagePoints)), z.proven())
	}
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
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
		return ", proven by a signature made " + clock(*z.SignedAt)
	case *z.Proof == measurement.ProofSignature:
		return ", proven by a signature"
	}
	return ", proven by these witnesses"
}
