package lake

import (
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"mtric.net/mtric/engine/measurement"
)

// byDifference are the columns of numbers that a day of answers stores as the
// differences of neighbours: as eight bytes each they are what a report would
// spend most of its time on expanding (docs/decisions/0012).
var byDifference = []string{"interval", "sent_at", "latency_us", "connect_us", "serial"}

// daySchema is the schema of answers as a day of the lake stores them, its responses
// in a dictionary that we know of.
func daySchema(w *wires) *parquet.Schema {
	schema := parquet.SchemaOf(measurement.Answer{})
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
