package report

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/export"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/metrics"
)

// criteria says which missed thresholds a row counts against.
type criteria struct {
	unavailable map[measurement.Path]bool
	slow        map[measurement.Path]int64 // µs that a latency must not exceed
	incorrect   bool
	waiting     map[measurement.VantagePoint][]wait // for a late zone, by its publication
	accepted    map[int64]bool                      // serials of root zones
	trusted     func(measurement.VantagePoint, time.Time) bool
}

// wait is the time in which a vantage point had not seen a zone from the RSI.
type wait struct {
	from, until time.Time
	serial      uint32
}

func (x *dossier) criteria() criteria {
	a := criteria{unavailable: map[measurement.Path]bool{}, slow: map[measurement.Path]int64{}, waiting: map[measurement.VantagePoint][]wait{},
		accepted: map[int64]bool{}, trusted: x.d.trusted}
	for _, s := range x.d.Accepted {
		a.accepted[s] = true
	}
	for _, v := range x.values(true) {
		path := measurement.Path{Family: v.Family, Transport: v.Transport}
		switch v.Metric {
		case measurement.RSIAvailability:
			a.unavailable[path] = true
		case measurement.RSILatency:
			ms, _ := v.Threshold.Float64()
			a.slow[path] = int64(ms * 1000)
		case measurement.RSICorrectness:
			a.incorrect = true
		case measurement.RSIPublication: // by what was waited for, below
		case measurement.RSSAvailability, measurement.RSSLatency, measurement.RSSCorrectness, measurement.RSSPublication: // no RSI is accused by the system's
		}
	}
	if limit, missed := x.waitLimit(); missed {
		for _, l := range x.result.Lags {
			if l.RSI == x.rsi && (l.Minutes > limit || l.Censored) {
				a.waiting[l.VantagePoint] = append(a.waiting[l.VantagePoint], wait{l.Published, l.Published.Add(time.Duration(l.Minutes) * time.Minute), l.Serial})
			}
		}
	}
	return a
}

// breach is a missed threshold that a row counts against, and what the row shows.
type breach struct {
	metric  measurement.Metric
	what    string
	awaited *uint32 // the serial that was waited for, of publication latency
}

// What rows that count against publication latency show. One without a serial is
// no cause of its own, but time runs on in which the RSI shows nothing (A11).
const (
	olderZone = "older zone"
	noSerial  = "no serial: "
)

// breaches are those of a row; only publication latency looks past the period.
func (a criteria) breaches(r *measurement.Answer, inPeriod bool) (list []breach) {
	path := measurement.Path{Family: r.Family, Transport: r.Transport}
	switch r.Query {
	case measurement.QueryCorrectness:
		if inPeriod && a.incorrect && r.Verdict != nil && *r.Verdict == measurement.Incorrect {
			list = append(list, breach{metric: measurement.RSICorrectness, what: string(measurement.Incorrect)})
		}
	case measurement.QuerySOA:
		if r.Outcome == measurement.LocalError {
			return nil
		}
		how, good := shown(r)
		if inPeriod && !good && a.unavailable[path] {
			list = append(list, breach{metric: measurement.RSIAvailability, what: how})
		}
		if most, missed := a.slow[path]; inPeriod && good && missed && *r.LatencyUS > most {
			list = append(list, breach{metric: measurement.RSILatency, what: fmt.Sprintf("over %d ms", most/1000)})
		}
		if !a.trusted(r.VantagePoint, r.Interval) || good && r.Serial != nil && !a.accepted[*r.Serial] {
			return list // dates nothing: a wrong clock, or a serial of no root zone
		}
		for _, w := range a.waiting[r.VantagePoint] {
			if r.Interval.Before(w.from) || !r.Interval.Before(w.until) || good && r.Serial != nil && metrics.Reaches(uint32(*r.Serial), w.serial) {
				continue
			}
			what := olderZone
			if !good || r.Serial == nil {
				what = noSerial + how
			}
			return append(list, breach{measurement.RSIPublication, what, &w.serial}) // once, for the zone awaited longest
		}
	}
	return list
}

// shown says what became of an SOA query, and whether it is available by 4.2.
func shown(r *measurement.Answer) (how string, good bool) {
	switch {
	case r.Outcome != measurement.Answered:
		return string(r.Outcome), false
	case text(r.RCode) != measurement.NoError:
		return text(r.RCode), false
	case r.LatencyUS == nil || *r.LatencyUS > metrics.Deadline.Microseconds():
		return "late", false
	}
	return measurement.NoError, true
}

// counts says whether the row is of the RSI and not left out.
func (x *dossier) counts(r *measurement.Answer) bool {
	if r.RSI != x.rsi || r.Interval.Before(x.d.From) || !r.Interval.Before(x.d.DataUntil) {
		return false
	}
	return x.d.measured(r)
}

// covers says whether a note covers a row.
func covers(n plan.Note, r *measurement.Answer) bool {
	return !r.Interval.Before(n.From) && r.Interval.Before(n.Until) &&
		(len(n.VantagePoints) == 0 || slices.Contains(n.VantagePoints, r.VantagePoint)) &&
		(len(n.RSIs) == 0 || slices.Contains(n.RSIs, r.RSI)) &&
		(len(n.Paths) == 0 || slices.Contains(n.Paths, measurement.Path{Family: r.Family, Transport: r.Transport}.String()))
}

// failedFile has a line for each row and threshold that the row counts against.
const failedFile = "failed.csv.gz"

// failedRows writes it.
type failedRows struct {
	file *os.File // nil once it is closed
	gzip *gzip.Writer
	csv  *csv.Writer
}

func newFailedRows(path string) (*failedRows, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &failedRows{file: f, gzip: gzip.NewWriter(f)}
	w.csv = csv.NewWriter(w.gzip)
	if err := w.write(failedHeader); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *failedRows) write(cells []string) error { return w.csv.Write(cells) }

func (w *failedRows) close() error {
	if w.file == nil {
		return nil
	}
	w.csv.Flush()
	err := errors.Join(w.csv.Error(), w.gzip.Close(), w.file.Close())
	w.file = nil
	return err
}

// failedHeader are the columns of failed.csv.
var failedHeader = []string{"counts_against", "interval", "vantage_point", "query", "family", "transport", "address", "qname", "qtype",
	"sent_at", "outcome", "error", "latency_us", "rcode", "serial", "awaited_serial", "nsid", "verdict", "verdict_serial", "failures", "attributed_to"}

func failedCells(c breach, r *measurement.Answer) []string {
	at, verdict, awaited := "", "", ""
	if c.awaited != nil {
		awaited = fmt.Sprint(*c.awaited)
	}
	if r.SentAt != nil {
		at = micro(*r.SentAt)
	}
	if r.Verdict != nil {
		verdict = string(*r.Verdict)
	}
	failures := make([]string, len(r.Failures))
	for i, f := range r.Failures {
		failures[i] = diag.Printable(f)
	}
	return []string{string(c.metric), r.Interval.UTC().Format(time.RFC3339), csvSafe(string(r.VantagePoint)), csvSafe(r.Query), csvSafe(string(r.Family)), csvSafe(string(r.Transport)),
		csvSafe(r.Address), csvSafe(r.QName), csvSafe(r.QType), at, csvSafe(string(r.Outcome)), csvSafe(text(r.Error)), integer(r.LatencyUS), csvSafe(text(r.RCode)),
		integer(r.Serial), awaited, csvSafe(text(r.NSID)), verdict, integer(r.VerdictSerial), export.CSVText(strings.Join(failures, "; "))}
}

// csvSafe is a text of others as failed.csv has it: neither a terminal nor a spreadsheet
// may obey it.
func csvSafe(s string) string {
	if strings.HasPrefix(s, `"`) {
		return strconv.Quote(s) // what is quoted is told from what only looks so
	}
	return export.CSVText(diag.Printable(s))
}

// breaches are the missed thresholds that the row counts against.
func (x *dossier) breaches(r *measurement.Answer) []breach {
	if !x.counts(r) {
		return nil
	}
	return x.against.breaches(r, r.Interval.Before(x.d.Until))
}
