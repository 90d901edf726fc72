// Package column turns typed rows into files of Parquet that DuckDB, pandas, Spark and
// every other engine read, and back: whole and checked, or not at all.
//
// A file is zstd-compressed, sorted by its table's key, strings by dictionary,
// times in microseconds UTC; what made it stands in its key-value metadata.
package column

import (
	"cmp"
	"slices"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/measurement"
)

// Table names a kind of rows, and of files.
type Table string

// The tables. A vantage point writes answers and routes; the others are the
// collector's.
const (
	Answers       Table = "answers"
	Routes        Table = "routes"
	Runs          Table = "runs"
	Zones         Table = "zones"
	VantagePoints Table = "vantage_points"
	ZoneSerials   Table = "zone_serials"
	Hours         Table = "hours"
	Events        Table = "events"
)

// Tables lists the tables in the order of the documentation, and of tables.
var Tables = []Table{Answers, Routes, Runs, Zones, VantagePoints, ZoneSerials, Hours, Events}

// Derived reports whether the table is made of others and of the plan.
func (t Table) Derived() bool { return t == Hours || t == Events }

// Daily reports whether the table has a file a day; the others have one for all time.
func (t Table) Daily() bool { return t != Zones && t != VantagePoints && t != ZoneSerials }

// Row is a type of rows that has a table.
type Row interface {
	measurement.Answer | measurement.Route | measurement.Run | measurement.Zone | measurement.Site | measurement.ZoneSerial | measurement.Hour | measurement.Event
}

// tables are, of each table, its rows, the columns that it is sorted by, in order (no two
// rows share them all), and what compares rows by them.
var tables = []struct {
	table Table
	row   any
	key   []string
	order any
}{
	{Answers, measurement.Answer{}, []string{"interval", "vantage_point", "query", "rsi", "family", "transport"}, compareAnswers},
	{Routes, measurement.Route{}, []string{"interval", "vantage_point", "rsi", "family"}, compareRoutes},
	{Runs, measurement.Run{}, []string{"interval", "vantage_point"}, compareRuns},
	{Zones, measurement.Zone{}, []string{"serial"}, compareZones},
	{VantagePoints, measurement.Site{}, []string{"vantage_point", "from"}, compareSites},
	{ZoneSerials, measurement.ZoneSerial{}, []string{"zone", "serial"}, compareSerials},
	{Hours, measurement.Hour{}, []string{"hour", "vantage_point", "query", "rsi", "family", "transport"}, compareHours},
	{Events, measurement.Event{}, []string{"from", "id"}, compareEvents},
}

// TableOf is the table of a type of rows.
func TableOf[T Row]() Table { return Tables[placeOf[T]()] }

// placeOf is the place of a type of rows among the tables.
func placeOf[T Row]() int {
	for i, t := range tables {
		if _, is := t.row.(T); is {
			return i
		}
	}
	panic("column: rows of no table")
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

func compareSerials(a, b *measurement.ZoneSerial) int {
	return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Serial, b.Serial))
}

func compareHours(a, b *measurement.Hour) int {
	return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.VantagePoint, b.VantagePoint), cmp.Compare(a.Query, b.Query),
		cmp.Compare(a.RSI, b.RSI), compareNull(a.Family, b.Family), compareNull(a.Transport, b.Transport))
}

// compareNull has null first.
func compareNull[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

func compareEvents(a, b *measurement.Event) int {
	return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID))
}

// compareSites has an open beginning first.
func compareSites(a, b *measurement.Site) int {
	if c := cmp.Compare(a.VantagePoint, b.VantagePoint); c != 0 || a.From == b.From {
		return c
	}
	switch {
	case a.From == nil:
		return -1
	case b.From == nil:
		return 1
	}
	return a.From.Compare(*b.From)
}

// Order compares two rows by their table's key.
func Order[T Row]() func(a, b *T) int { return tables[placeOf[T]()].order.(func(a, b *T) int) }

// Sort brings rows into their table's order, in place.
func Sort[T Row](rows []T) {
	compare := Order[T]()
	slices.SortStableFunc(rows, func(a, b T) int { return compare(&a, &b) })
}

// Disorder returns the place of the first row that does not come after the one
// before it by the table's key, or 0: then rows are in order and no two share it.
func Disorder[T Row](rows []T) int {
	compare := Order[T]()
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
	for _, c := range tables[slices.Index(Tables, t)].key {
		by = append(by, parquet.Ascending(c))
	}
	return parquet.SortingColumns(by...)
}
