package lake

import (
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// byDifference are the columns of numbers that a day of answers stores as the
// differences of neighbours: as eight bytes each they are what a report would
// spend most of its time on expanding (docs/decisions/0012).
var byDifference = []string{"interval", "sent_at", "latency_us", "connect_us", "serial", "source_port"}

// daySchema is the schema of answers as a day of the lake stores them, its responses
// in a dictionary that we know of.
func daySchema(w *wires) *parquet.Schema {
	schema := column.SchemaOf(column.Answers, column.Schema())
	fields := slices.Clone(schema.Fields())
	for i, f := range fields {
		switch {
		case f.Name() == "response":
			fields[i] = wiresField{f, w}
		case slices.Contains(byDifference, f.Name()):
			fields[i] = differenceField{f}
		}
	}
	return parquet.NewSchema(schema.Name(), dayRoot{schema, fields})
}

// hourByDifference are those of a day of the table hours: most of its bytes are latencies.
var hourByDifference = []string{"latency_median_us", "latency_max_us", "latency_histogram.list.element.count"}

// hourSchema is the schema of hours as a day of the lake stores them.
func hourSchema() *parquet.Schema {
	schema := column.SchemaOf(column.Hours, column.Schema())
	fields := slices.Clone(schema.Fields())
	for i, f := range fields {
		fields[i] = differing(f, f.Name())
	}
	return parquet.NewSchema(schema.Name(), dayRoot{schema, fields})
}

// differing is a field whose parts of hourByDifference are stored so; path is its name.
func differing(f parquet.Field, path string) parquet.Field {
	if slices.Contains(hourByDifference, path) {
		return differenceField{f}
	}
	if f.Leaf() || !slices.ContainsFunc(hourByDifference, func(name string) bool { return strings.HasPrefix(name, path+".") }) {
		return f
	}
	fields := slices.Clone(f.Fields())
	for i, part := range fields {
		fields[i] = differing(part, path+"."+part.Name())
	}
	return groupField{f, fields}
}

type dayRoot struct {
	parquet.Node
	fields []parquet.Field
}

func (r dayRoot) Fields() []parquet.Field { return r.fields }

type groupField struct {
	parquet.Field
	fields []parquet.Field
}

func (g groupField) Fields() []parquet.Field { return g.fields }

type differenceField struct{ parquet.Field }

func (differenceField) Encoding() encoding.Encoding { return &parquet.DeltaBinaryPacked }

// Writer makes a day's file of rows that come in the order of their table's key. Of the
// responses of a row group it has one copy, and the library none.
type Writer[T column.Row] struct {
	*column.Writer[T]
	wires *wires // nil but for answers
	rows  int    // of the row group
	most  int
}

// CreateDay begins the file of a day, whose folder must exist.
func CreateDay[T column.Row](s Store, day time.Time) (*Writer[T], error) {
	return create[T](s, s.Path(column.TableOf[T](), day))
}

func create[T column.Row](s Store, path string) (*Writer[T], error) {
	w, form := &Writer[T]{most: s.limits().rows}, column.Form{Group: s.limits().rows}
	switch column.TableOf[T]() {
	case column.Answers:
		w.wires = newWires()
		form.Day = daySchema(w.wires)
	case column.Hours:
		form.Day = hourSchema()
	default:
	}
	var err error
	w.Writer, err = column.Create[T](path, column.Metadata{Version: s.Version}, form)
	return w, err
}

// Flush ends the row group.
func (w *Writer[T]) Flush() error {
	w.rows = 0
	return w.Writer.Flush()
}

// Write appends rows. It ends a row group itself where that is full: the library would do
// so in the middle of rows whose responses have their names from another.
func (w *Writer[T]) Write(rows []T) error {
	for len(rows) > 0 {
		if w.rows == w.most {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		n := min(len(rows), w.most-w.rows)
		if err := w.write(rows[:n]); err != nil {
			return err
		}
		w.rows, rows = w.rows+n, rows[n:]
	}
	return nil
}

// write has the names of responses in their place while the library has the rows.
func (w *Writer[T]) write(rows []T) error {
	answers, _ := any(rows).([]measurement.Answer)
	wires := make([][]byte, len(answers))
	for i := range answers {
		if wires[i] = answers[i].Response; wires[i] != nil {
			answers[i].Response = w.wires.name(wires[i])
		}
	}
	err := w.Writer.Write(rows)
	for i := range answers {
		answers[i].Response = wires[i]
	}
	return err
}
