package report

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// Recounted is a number of failed rows that was counted again.
type Recounted struct {
	What string `json:"what"` // of which value
	Want int64  `json:"want"` // what the report says
	Got  int64  `json:"got"`
}

// Recount counts the failed rows of an unpacked dossier again, by its rows alone: those of
// missed availabilities and correctness against the report's fractions, those of latencies
// against what the dossier says, and those of failed.csv. Not is what cannot be counted, and
// why. The files are not believed, only bounded.
func Recount(dir string, m *Manifest) (all []Recounted, not []string, err error) {
	x, own, err := readDossier(dir, m)
	if err != nil {
		return nil, nil, err
	}
	listed, err := countListed(filepath.Join(dir, failedFile))
	if err != nil {
		return nil, nil, err
	}
	for _, a := range own.FailedRows {
		all = append(all, Recounted{fmt.Sprintf("%s: lines of %s", a.Metric, failedFile), a.Rows, listed[a.Metric]})
	}
	if slices.ContainsFunc(m.Files, func(f File) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		return filepath.Dir(f.Path) == DossierAnswers && err != nil
	}) {
		return all, []string{"the rows: not all files of answers/ are here"}, nil
	}
	counted, err := x.countRows(filepath.Join(dir, DossierAnswers))
	if err != nil {
		return nil, nil, err
	}
	for _, v := range x.values(true) {
		key := rowsOf{v.Metric, measurement.Path{Family: v.Family, Transport: v.Transport}}
		switch v.Metric {
		case measurement.RSIAvailability:
			all = append(all, Recounted{v.Name() + ": rows without a good answer", fraction(v), counted[key]})
		case measurement.RSICorrectness:
			all = append(all, Recounted{v.Name() + ": incorrect answers", fraction(v), counted[rowsOf{metric: v.Metric}]})
		case measurement.RSILatency:
			not = append(not, v.Name()+fmt.Sprintf(": the median, which rests on the rows of the other days too; %s are above the threshold", edition.Plural(counted[key], "row")))
		case measurement.RSIPublication:
			not = append(not, v.Name()+": the waits, which rest on when others first showed a zone; mtric verify computes them from the public data")
		case measurement.RSSAvailability, measurement.RSSLatency, measurement.RSSCorrectness, measurement.RSSPublication: // no RSI's
		}
	}
	return all, not, nil
}

// fraction is how many rows a value's fraction says have failed.
func fraction(v Value) int64 {
	if v.Numerator == nil || v.Denominator == nil {
		return 0
	}
	return *v.Denominator - *v.Numerator
}

// rowsOf is what failed rows are counted by.
type rowsOf struct {
	metric measurement.Metric
	path   measurement.Path // of metrics that have one
}

// readDossier reads what rows are held against: the published report, and the RSI's values.
func readDossier(dir string, m *Manifest) (*dossier, *Own, error) {
	f, err := os.Open(filepath.Join(dir, DossierReport))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	d, err := Read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", DossierReport, err)
	}
	text, err := edition.ReadFile(filepath.Join(dir, valuesFile))
	if err != nil {
		return nil, nil, err
	}
	var own Own
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&own); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", valuesFile, err)
	}
	if slices.Contains(own.FailedRows, nil) || own.RSI != m.RSI {
		return nil, nil, fmt.Errorf("%s: is not of %s", valuesFile, m.RSI)
	}
	if err := tied(d, &own, m); err != nil {
		return nil, nil, err
	}
	d.Values = slices.DeleteFunc(d.Values, func(v Value) bool { return v.RSI == m.RSI })
	d.Values = append(d.Values, own.Values...)
	d.trusted = func(measurement.VantagePoint, time.Time) bool { return true } // of no matter: no waits are counted
	x := &dossier{d: d, rsi: m.RSI, result: &metrics.Result{}}
	x.against = x.criteria()
	return x, &own, nil
}

// tied holds the parts of a dossier to each other: the manifest to the report, the RSI's
// values to the report's verdicts, and the incorrect answers to the value. Nobody signed them.
func tied(d *Document, own *Own, m *Manifest) error {
	if Folder(d.Style, d.From) != m.Report || d.Revision != m.Revision || d.PlanSHA256 != m.PlanSHA256 {
		return fmt.Errorf("%s: is %s, revision %d, of plan %.12s: not what %s names", DossierReport, Folder(d.Style, d.From), d.Revision, d.PlanSHA256, ManifestFile)
	}
	published := map[string]Value{}
	for _, v := range d.Values {
		if v.RSI == m.RSI {
			published[v.Name()] = v
		}
	}
	incorrect := int64(0)
	for _, v := range own.Values {
		p, there := published[v.Name()]
		if delete(published, v.Name()); !there || p.Verdict != v.Verdict || p.Count != v.Count {
			return fmt.Errorf("%s: says of %s what %s does not", valuesFile, v.Name(), DossierReport)
		}
		if v.Metric == measurement.RSICorrectness && v.Verdict == metrics.Fail {
			incorrect = fraction(v)
		}
	}
	if len(published) > 0 {
		return fmt.Errorf("%s: lacks values of %s", valuesFile, DossierReport)
	}
	if incorrect != int64(m.Incorrect) {
		return fmt.Errorf("%s: names %d incorrect answers, %s has %d", ManifestFile, m.Incorrect, valuesFile, incorrect)
	}
	return nil
}

// Needed are the files that no dossier goes without; more where answers were incorrect.
func (m *Manifest) Needed() []string {
	needed := []string{DossierReport, valuesFile, failedFile}
	if m.Incorrect > 0 {
		needed = append(needed, anchorsFile)
	}
	return needed
}

// mostRows bounds the rows of a file: a day of a thousand vantage points.
const mostRows = 2_000_000

// countRows counts the rows that count against a missed threshold.
func (x *dossier) countRows(dir string) (map[rowsOf]int64, error) {
	counted := make(map[rowsOf]int64)
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		for rows, err := range column.RowsUpTo[measurement.Answer](f, mostRows) {
			if err != nil {
				return nil, err
			}
			for i := range rows {
				r := &rows[i]
				for _, c := range x.breaches(r) {
					key := rowsOf{metric: c.metric}
					if c.metric != measurement.RSICorrectness {
						key.path = measurement.Path{Family: r.Family, Transport: r.Transport}
					}
					counted[key]++
				}
			}
		}
	}
	return counted, nil
}

// mostText bounds the text of failed.csv.
const mostText = 4 << 30

// countListed counts the lines of failed.csv by the metric that they count against.
func countListed(path string) (map[measurement.Metric]int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	counted := make(map[measurement.Metric]int64)
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", failedFile, err)
	}
	r := csv.NewReader(io.LimitReader(z, mostText))
	r.ReuseRecord, r.FieldsPerRecord = true, len(failedHeader)
	for first := true; ; first = false {
		line, err := r.Read()
		if errors.Is(err, io.EOF) {
			return counted, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", failedFile, err)
		}
		if metric := measurement.Metric(line[0]); !first && slices.Contains(measurement.Metrics, metric) {
			counted[metric]++
		}
	}
}
