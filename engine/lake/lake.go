// Package lake keeps rows as Parquet: typed rows to files that DuckDB, pandas,
// Spark and every other engine read, and back, whole and checked or not at all.
//
// A file is zstd-compressed, sorted by its table's key, strings by dictionary,
// times in microseconds UTC; what made it stands in its key-value metadata.
package lake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Schema is the version of the columns; it changes when a column does.
const Schema = "1"

// Table names a kind of rows, and of files.
type Table string

// The tables. A vantage point writes answers and routes; runs and zones are the
// collector's.
const (
	Answers Table = "answers"
	Routes  Table = "routes"
	Runs    Table = "runs"
	Zones   Table = "zones"
)

// Row is a type of rows that has a table.
type Row interface {
	measurement.Answer | measurement.Route | measurement.Run | measurement.Zone
}

// Metadata is what a file says of itself: keys mtric.version, mtric.schema,
// mtric.plan, mtric.plan_sha256 and mtric.run (the runs row as JSON). Plan,
// PlanSHA256 and Run are a vantage point's; files of the lake leave them out.
type Metadata struct {
	Version    string
	Schema     string // set by Write
	Plan       string
	PlanSHA256 string
	Run        *measurement.Run
}

const (
	keyVersion    = "mtric.version"
	keySchema     = "mtric.schema"
	keyPlan       = "mtric.plan"
	keyPlanSHA256 = "mtric.plan_sha256"
	keyRun        = "mtric.run"
)

// pairs is the metadata as a file holds it.
func (m Metadata) pairs() ([][2]string, error) {
	p := [][2]string{{keyVersion, m.Version}, {keySchema, Schema}}
	if m.Plan != "" {
		p = append(p, [2]string{keyPlan, m.Plan}, [2]string{keyPlanSHA256, m.PlanSHA256})
	}
	if m.Run != nil {
		run, err := json.Marshal(m.Run)
		if err != nil {
			return nil, fmt.Errorf("metadata %s: %w", keyRun, err)
		}
		p = append(p, [2]string{keyRun, string(run)})
	}
	return p, nil
}

// parseMetadata reads what pairs wrote. A file of the lake may have lost it: others keep
// it or do not.
func parseMetadata(lookup func(string) (string, bool), lossy bool) (Metadata, error) {
	var m Metadata
	var has bool
	m.Version, _ = lookup(keyVersion)
	if m.Schema, has = lookup(keySchema); !has && lossy {
		m.Schema = Schema
	}
	m.Plan, _ = lookup(keyPlan)
	m.PlanSHA256, _ = lookup(keyPlanSHA256)
	if m.Schema != Schema {
		return m, fmt.Errorf("metadata %s: %q, want %q; this file was written by another version of mtric (%s %q)",
			keySchema, m.Schema, Schema, keyVersion, m.Version)
	}
	if run, ok := lookup(keyRun); ok {
		m.Run = new(measurement.Run)
		if err := json.Unmarshal([]byte(run), m.Run); err != nil {
			return m, fmt.Errorf("metadata %s: %w", keyRun, err)
		}
	}
	return m, nil
}

// Name is the file name of a vantage point's table for an interval,
// "202611222240-101.answers.parquet".
func Name(label time.Time, vp measurement.VantagePoint, table Table) string {
	return fmt.Sprintf("%s-%s.%s.parquet", interval.Format(label), vp, table)
}

// ParseName reads what Name writes.
func ParseName(name string) (label time.Time, vp measurement.VantagePoint, table Table, err error) {
	stamp, rest, _ := strings.Cut(name, "-")
	number, rest, _ := strings.Cut(rest, ".")
	kind, ending, _ := strings.Cut(rest, ".")
	label, err = interval.Parse(stamp)
	vp, table = measurement.VantagePoint(number), Table(kind)
	if err != nil || !vp.Valid() || ending != "parquet" || (table != Answers && table != Routes) {
		return time.Time{}, "", "", fmt.Errorf("file name %q: want YYYYMMDDhhmm-nnn.answers.parquet or .routes.parquet", name)
	}
	return label, vp, table, nil
}

// keys are the columns a table is sorted by, in order; no two rows share them all.
var keys = map[Table][]string{
	Answers: {"interval", "vantage_point", "query", "rsi", "family", "transport"},
	Routes:  {"interval", "vantage_point", "rsi", "family"},
	Runs:    {"interval", "vantage_point"},
	Zones:   {"serial"},
}

// tableOf is the table of a type of rows.
func tableOf[T Row]() Table {
	switch any((*T)(nil)).(type) {
	case *measurement.Answer:
		return Answers
	case *measurement.Route:
		return Routes
	case *measurement.Run:
		return Runs
	default:
		return Zones
	}
}

func compareAnswers(a, b *measurement.Answer) int {
	return cmp.Or(a.Interval.Compare(b.Interval), cmp.Compare(a.VantagePoint, b.VantagePoint), cmp.Compare(a.Query, b.Query),
		cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Transport, b.Transport))
}

func compareRoutes(a, b *measurement.Route) int {
	return cmp.Or(a.Interval.Compare(b.Interval), cmp.Compare(a.VantagePoint, b.VantagePoint),
		cmp.Compare(a.RSI, b.RSI), cmp.Compare(a.Family, b.Family))
}

func compareRuns(a, b *measurement.Run) int {
	return cmp.Or(a.Interval.Compare(b.Interval), cmp.Compare(a.VantagePoint, b.VantagePoint))
}

func compareZones(a, b *measurement.Zone) int { return cmp.Compare(a.Serial, b.Serial) }

// order compares two rows by their table's key.
func order[T Row]() func(a, b *T) int {
	var f any = compareZones
	switch tableOf[T]() {
	case Answers:
		f = compareAnswers
	case Routes:
		f = compareRoutes
	case Runs:
		f = compareRuns
	}
	return f.(func(a, b *T) int)
}

// sortRows brings rows into their table's order, in place.
func sortRows[T Row](rows []T) {
	compare := order[T]()
	slices.SortStableFunc(rows, func(a, b T) int { return compare(&a, &b) })
}

// Disorder returns the place of the first row that does not come after the one
// before it by the table's key, or 0: then rows are in order and no two share it.
func Disorder[T Row](rows []T) int {
	compare := order[T]()
	for i := 1; i < len(rows); i++ {
		if compare(&rows[i-1], &rows[i]) >= 0 {
			return i
		}
	}
	return 0
}

// sorting says in the file by what it is sorted.
func sorting(t Table) parquet.SortingOption {
	var by []parquet.SortingColumn
	for _, c := range keys[t] {
		by = append(by, parquet.Ascending(c))
	}
	return parquet.SortingColumns(by...)
}
