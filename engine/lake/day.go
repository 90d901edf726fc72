package lake

import (
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"mtric.net/mtric/engine/column"
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

type dayRoot struct {
	parquet.Node
	fields []parquet.Field
}

func (r dayRoot) Fields() []parquet.Field { return r.fields }

type differenceField struct{ parquet.Field }

func (differenceField) Encoding() encoding.Encoding { return &parquet.DeltaBinaryPacked }

// writer makes a day's file.
type writer[T column.Row] struct {
	*column.Writer[T]
	wires *wires // nil but for answers
}

// create begins a day's file, of which about so many bytes of wires are to come.
func create[T column.Row](s Store, path string, room int) (*writer[T], error) {
	w, form := &writer[T]{}, column.Form{Group: s.limits().rows}
	if column.TableOf[T]() == column.Answers {
		w.wires = &wires{room: room}
		form.Day = daySchema(w.wires)
	}
	var err error
	w.Writer, err = column.Create[T](path, column.Metadata{Version: s.Version}, form)
	return w, err
}

// CreateDay begins the file of a day, whose folder must exist, of rows that come in the
// order of their table's key.
func CreateDay[T column.Row](s Store, day time.Time) (*column.Writer[T], error) {
	w, err := create[T](s, s.Path(column.TableOf[T](), day), 0)
	if err != nil {
		return nil, err
	}
	return w.Writer, nil
}
