package lake

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"

	"mtric.net/mtric/engine/column"
)

// wires is the dictionary of the responses of a row group. The library keeps what is in a
// dictionary twice, and once more while it is written; a day of wires is most of what a
// merge holds. So the library is told a name of four bytes for each, and its page of the
// names is replaced by that of the wires, which is the only place where they are kept.
// They are told before the row group's rows come; compressing them, which takes longest
// of all, goes on beside.
type wires struct {
	dict   parquet.Dictionary // of names
	page   []byte             // each wire after its length, as the file has it
	ends   []int              // of each in the page
	names  []byte             // of each, four bytes
	places map[uint64]int     // of each, by a hash of what it says
	seed   maphash.Seed

	told       []byte          // what is being compressed of the page; nil where nothing is
	compressed chan compressed // gets it
}

type compressed struct {
	data []byte
	err  error
}

func newWires() *wires { return &wires{places: map[uint64]int{}, seed: maphash.MakeSeed()} }

// tell begins a row group of these wires, in the order of what follows the header: first
// the question, then its answer.
func (w *wires) tell(all [][]byte) {
	slices.SortFunc(all, func(a, b []byte) int {
		return cmp.Or(bytes.Compare(a[min(dnsHeader, len(a)):], b[min(dnsHeader, len(b)):]), bytes.Compare(a, b))
	})
	all = slices.CompactFunc(all, bytes.Equal)
	size := 0
	for _, wire := range all {
		size += 4 + len(wire)
	}
	w.page = make([]byte, 0, size) // grown by and by it would be copied
	values := make([]parquet.Value, len(all))
	for i, wire := range all {
		values[i] = parquet.ByteArrayValue(w.name(wire))
	}
	w.dict.Insert(make([]int32, len(values)), values)
	if len(all) == 0 {
		return
	}
	w.told, w.compressed = w.page, make(chan compressed, 1) // nobody has to come for it
	go func(plain []byte, to chan<- compressed) {
		data, err := column.DayCodec.Encode(nil, plain)
		to <- compressed{data, err}
	}(w.told, w.compressed)
}

const dnsHeader = 12

// name is what the library is told for a wire.
func (w *wires) name(wire []byte) []byte {
	h := maphash.Bytes(w.seed, wire)
	place, known := w.places[h]
	for known && !bytes.Equal(w.at(place), wire) { // another wire has the same hash
		h++
		place, known = w.places[h]
	}
	if !known {
		place = len(w.ends)
		w.places[h] = place
		w.page = append(binary.LittleEndian.AppendUint32(w.page, uint32(len(wire))), wire...)
		w.ends = append(w.ends, len(w.page))
		w.names = binary.LittleEndian.AppendUint32(w.names, uint32(place))
	}
	return w.names[4*place : 4*place+4 : 4*place+4]
}

func (w *wires) at(place int) []byte {
	from := 4
	if place > 0 {
		from += w.ends[place-1]
	}
	return w.page[from:w.ends[place]]
}

// reset ends a row group.
func (w *wires) reset() {
	w.page, w.told, w.ends, w.names = nil, nil, w.ends[:0], nil
	clear(w.places)
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
	t.wires.dict = wiresDictionary{t.Type.NewDictionary(column, values, data), t.wires}
	return t.wires.dict
}

type wiresDictionary struct {
	parquet.Dictionary
	wires *wires
}

func (d wiresDictionary) Reset() {
	d.wires.reset()
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

// Encode hands out the wires for their names, which the library has in the same order.
func (t pageType) Encode(_ []byte, values encoding.Values, _ encoding.Encoding) ([]byte, error) {
	if names, _ := values.ByteArray(); !bytes.Equal(names, t.wires.names) {
		return nil, errors.New("the dictionary of responses is not in their order")
	}
	return t.wires.page, nil
}

// wiresCodec compresses the pages of the column.
type wiresCodec struct {
	compress.Codec
	wires *wires
}

func (c wiresCodec) Encode(to, from []byte) ([]byte, error) {
	told := c.wires.told
	if told == nil || len(from) != len(told) || &from[0] != &told[0] {
		return c.Codec.Encode(to, from)
	}
	done := <-c.wires.compressed
	c.wires.told = nil
	return append(to[:0], done.data...), done.err
}
