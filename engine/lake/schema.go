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
// shows us the dictionary of its responses, which the library keeps to itself, and
// makes room for them.
func daySchema(dict *parquet.Dictionary, room int) *parquet.Schema {
	schema := parquet.SchemaOf(measurement.Answer{})
	fields := slices.Clone(schema.Fields())
	for i, f := range fields {
		switch {
		case f.Name() == "response":
			fields[i] = tappedField{f, tappedType{f.Type(), dict, room}}
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
	room int // bytes: grown by and by it would be copied, and its memory be touched, three times
}

func (t tappedType) NewDictionary(column, values int, data encoding.Values) parquet.Dictionary {
	if held, _ := data.ByteArray(); len(held) == 0 {
		data = encoding.ByteArrayValues(make([]byte, 0, t.room), nil)
	}
	d := tappedDictionary{t.Type.NewDictionary(column, values, data)}
	*t.dict = d
	return d
}

// tappedDictionary writes its page in one piece of memory, for the same reason.
type tappedDictionary struct{ parquet.Dictionary }

func (d tappedDictionary) Page() parquet.Page { return roomyPage{d.Dictionary.Page()} }

type roomyPage struct{ parquet.Page }

func (p roomyPage) Type() parquet.Type { return roomyType{p.Page.Type()} }

type roomyType struct{ parquet.Type }

func (t roomyType) Encode(to []byte, values encoding.Values, by encoding.Encoding) ([]byte, error) {
	held, offsets := values.ByteArray()
	return t.Type.Encode(slices.Grow(to[:0], len(held)+4*len(offsets)), values, by)
}
