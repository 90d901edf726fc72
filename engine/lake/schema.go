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

// daySchema is the schema of answers as a day of the lake stores them. Its writer
// shows us the dictionary of its responses, which the library keeps to itself.
func daySchema(dict *parquet.Dictionary) *parquet.Schema {
	schema := parquet.SchemaOf(measurement.Answer{})
	fields := slices.Clone(schema.Fields())
	for i, f := range fields {
		switch {
		case f.Name() == "response":
			fields[i] = tappedField{f, tappedType{f.Type(), dict}}
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

type tappedField struct {
	parquet.Field
	of tappedType
}

func (f tappedField) Type() parquet.Type { return f.of }

type tappedType struct {
	parquet.Type
	dict *parquet.Dictionary
}

func (t tappedType) NewDictionary(column, values int, data encoding.Values) parquet.Dictionary {
	*t.dict = t.Type.NewDictionary(column, values, data)
	return *t.dict
}
