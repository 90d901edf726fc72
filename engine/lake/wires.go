package lake

import (
	"bytes"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"

	"mtric.net/mtric/engine/column"
)

// wires is the dictionary of the responses of a day's file, which the library makes
// for each row group and keeps to itself. A row group's wires are told to it before
// its rows come; its page, which takes longest of all to compress, is compressed
// beside them.
type wires struct {
	dict parquet.Dictionary
	room int // bytes: grown by and by it would be copied, and its memory be touched, three times

	page   []byte      // of the dictionary as it was told, uncompressed; nil where it is not on its way
	packed chan packed // gets the page, compressed
}

type packed struct {
	data []byte
	err  error
}

// tell inserts the wires of a row group, in the order of what follows the header:
// first the question, then its answer.
func (w *wires) tell(all [][]byte) error {
	slices.SortFunc(all, func(a, b []byte) int {
		return bytes.Compare(a[min(dnsHeader, len(a)):], b[min(dnsHeader, len(b)):])
	})
	values := make([]parquet.Value, 0, 4096)
	places := make([]int32, cap(values))
	for part := range slices.Chunk(all, cap(values)) {
		values = values[:0]
		for _, v := range part {
			values = append(values, parquet.ByteArrayValue(v))
		}
		w.dict.Insert(places[:len(values)], values)
	}
	return w.begin()
}

const dnsHeader = 12

// begin has the page compressed.
func (w *wires) begin() error {
	w.page = nil
	if w.dict.Len() == 0 {
		return nil
	}
	page := w.dict.Page()
	plain, err := page.Type().Encode(nil, page.Data(), &parquet.Plain)
	if err != nil {
		return err
	}
	w.page, w.packed = plain, make(chan packed, 1) // nobody has to come for it
	go func(to chan<- packed) {
		data, err := column.DayCodec.Encode(nil, plain)
		to <- packed{data, err}
	}(w.packed)
	return nil
}

// wiresField is the column of responses.
type wiresField struct {
	parquet.Field
	wires *wires
}

func (f wiresField) Type() parquet.Type          { return wiresType{f.Field.Type(), f.wires} }
func (f wiresField) Compression() compress.Codec { return wiresCodec{&column.DayCodec, f.wires} }

type wiresType struct {
	parquet.Type
	wires *wires
}

func (t wiresType) NewDictionary(column, values int, data encoding.Values) parquet.Dictionary {
	if held, _ := data.ByteArray(); len(held) == 0 {
		data = encoding.ByteArrayValues(make([]byte, 0, t.wires.room), nil)
	}
	t.wires.dict = wiresDictionary{t.Type.NewDictionary(column, values, data), t.wires}
	return t.wires.dict
}

type wiresDictionary struct {
	parquet.Dictionary
	wires *wires
}

// Reset ends a row group, whose page must not be taken for one of the next.
func (d wiresDictionary) Reset() {
	d.wires.page = nil
	d.Dictionary.Reset()
}

func (d wiresDictionary) Page() parquet.Page { return wiresPage{d.Dictionary.Page(), d.wires} }

type wiresPage struct {
	parquet.Page
	wires *wires
}

func (p wiresPage) Type() parquet.Type { return pageType{p.Page.Type(), p.wires} }

type pageType struct {
	parquet.Type
	wires *wires
}

// Encode hands out the page that is being compressed where that is all of it: within
// a row group a dictionary only grows. Else it makes one, in one piece of memory.
func (t pageType) Encode(to []byte, values encoding.Values, by encoding.Encoding) ([]byte, error) {
	held, offsets := values.ByteArray()
	size := len(held) + 4*max(0, len(offsets)-1) // each value has its length before it
	if page := t.wires.page; page != nil && len(page) == size {
		return page, nil
	}
	return t.Type.Encode(slices.Grow(to[:0], size), values, by)
}

// wiresCodec compresses the pages of the column.
type wiresCodec struct {
	compress.Codec
	wires *wires
}

func (c wiresCodec) Encode(to, from []byte) ([]byte, error) {
	w := c.wires
	if w.page == nil || !bytes.Equal(from, w.page) {
		return c.Codec.Encode(to, from)
	}
	done := <-w.packed
	w.page = nil // it is the library's now
	return append(to[:0], done.data...), done.err
}
