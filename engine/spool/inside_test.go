package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/measurement"
)

// What only mtric would read is refused: a page of no values in places of 207 bits, and a
// dictionary that says a text, or a wire, twice.
func TestSentIsWhatOthersRead(t *testing.T) {
	dictionary := func(d *decoder, l leaf, texts ...string) error {
		var plain []byte
		for _, s := range texts {
			plain = append(binary.LittleEndian.AppendUint32(plain, uint32(len(s))), s...)
		}
		return d.dictionary(new(leafCells), l, len(texts), plain)
	}
	nulls := func(width byte) func(*decoder, leaf) error {
		return func(d *decoder, l leaf) error {
			return d.page(new(leafCells), l, 2, []byte{2, 0, 0, 0, 2 << 1, 0, width}) // two levels of 0
		}
	}
	for name, c := range map[string]struct {
		leaf string
		read func(*decoder, leaf) error
		want error
	}{
		"no values":  {"nsid", nulls(1), nil},
		"bit width":  {"nsid", nulls(207), column.ErrDamaged},
		"texts":      {"address", func(d *decoder, l leaf) error { return dictionary(d, l, "192.0.2.1", "192.0.2.2") }, nil},
		"text twice": {"address", func(d *decoder, l leaf) error { return dictionary(d, l, "192.0.2.1", "192.0.2.1") }, column.ErrTwice},
		"wires":      {"response", func(d *decoder, l leaf) error { return dictionary(d, l, "first wire", "other wire") }, nil},
		"wire twice": {"response", func(d *decoder, l leaf) error { return dictionary(d, l, "first wire", "first wire") }, column.ErrTwice},
	} {
		leaves := shapeOf(column.Answers, column.Schema()).leaves
		i := slices.IndexFunc(leaves, func(l leaf) bool { return l.path == c.leaf })
		if err := c.read(&decoder{rows: 2}, leaves[i]); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// What the footer says of a column is what its pages are: it lies nowhere else, nor over
// another's, and ends where it says.
func TestChunksThatLie(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := column.Write(path, sample.Group("101", 1, 5, 7), column.Metadata{Version: "1"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	of := shapeOf(column.Answers, column.Schema())
	for name, edit := range map[string]func(all []chunk, i int){
		"a value more":       func(all []chunk, i int) { all[i].values++ },
		"a value fewer":      func(all []chunk, i int) { all[i].values-- },
		"a byte more":        func(all []chunk, i int) { all[i].size++ },
		"a byte fewer":       func(all []chunk, i int) { all[i].size-- },
		"no bytes":           func(all []chunk, i int) { all[i].size = 0 },
		"more than there is": func(all []chunk, i int) { all[i].size = 1 << 62 },
		"fewer than none":    func(all []chunk, i int) { all[i].size = -1 },
		"over another": func(all []chunk, i int) {
			o := all[(i+1)%len(all)]
			o.path, o.physical = all[i].path, all[i].physical
			all[i] = o
		},
		"over the one before": func(all []chunk, i int) { all[i].dictionary, all[i].data = 4, 4 },
		"before the file":     func(all []chunk, i int) { all[i].dictionary, all[i].data = -1, -1 },
		"behind the file":     func(all []chunk, i int) { all[i].dictionary, all[i].data = 1<<62, 1<<62 },
		"in another file":     func(all []chunk, i int) { all[i].elsewhere = true },
		"another's name":      func(all []chunk, i int) { all[i].path = all[(i+1)%len(all)].path },
		"another type":        func(all []chunk, i int) { all[i].physical = format.Float },
		"another codec":       func(all []chunk, i int) { all[i].codec = format.Uncompressed },
	} {
		for i := range of.leaves {
			f := new(footer)
			body, err := f.read(data)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rowsOf[measurement.Answer](body, f.group, of); err != nil {
				t.Fatal(err)
			}
			edit(f.group.columns, i)
			if name == "over the one before" && i == 0 {
				continue // there is none
			}
			if _, err := rowsOf[measurement.Answer](body, f.group, of); err == nil {
				t.Errorf("%s: %s is read", of.leaves[i].path, name)
			}
		}
	}
	f := new(footer)
	if _, err := f.read(data); err != nil {
		t.Fatal(err)
	}
	f.group.columns = append(f.group.columns, f.group.columns[0])
	if _, err := rowsOf[measurement.Answer](data, f.group, of); err == nil {
		t.Error("a column more is read")
	}
}

// pageOf is a page as a file has it.
func pageOf(t *testing.T, plain []byte, head format.PageHeader) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := w.EncodeAll(plain, nil)
	head.CompressedPageSize, head.CRC = int32(len(body)), int32(crc32.ChecksumIEEE(body))
	if head.UncompressedPageSize == 0 {
		head.UncompressedPageSize = int32(len(plain))
	}
	b, err := thrift.Marshal(new(thrift.CompactProtocol), &head)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, body...)
}

// Pages come in their order, a dictionary first, and are what they claim.
func TestPagesThatLie(t *testing.T) {
	of := shapeOf(column.Answers, column.Schema())
	i := slices.IndexFunc(of.leaves, func(l leaf) bool { return l.path == "address" })
	l := of.leaves[i]
	dictionary := func(claimed int32, texts ...string) []byte {
		var plain []byte
		for _, s := range texts {
			plain = append(binary.LittleEndian.AppendUint32(plain, uint32(len(s))), s...)
		}
		return pageOf(t, plain, format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.Null[format.DictionaryPageHeader]{Valid: true, V: format.DictionaryPageHeader{NumValues: int32(len(texts)), Encoding: format.Plain}}, UncompressedPageSize: claimed})
	}
	places := func(values int32, plain ...byte) []byte {
		return pageOf(t, plain, format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.Null[format.DataPageHeader]{Valid: true, V: format.DataPageHeader{NumValues: values, Encoding: format.RLEDictionary, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}}})
	}
	both, first, second := places(2, 1, 2, 0, 2, 1), places(1, 1, 2, 0), places(1, 1, 2, 1)
	two := dictionary(0, "x", "y")
	for name, c := range map[string]struct {
		pages [][]byte
		good  bool
	}{
		"one page":                    {[][]byte{two, both}, true},
		"two pages":                   {[][]byte{two, first, second}, true},
		"a text that no row has":      {[][]byte{two, first, first}, false},
		"a place that is no text's":   {[][]byte{dictionary(0, "x"), both}, false},
		"a text that is not UTF-8":    {[][]byte{dictionary(0, "x", "\xff"), both}, false},
		"more texts than rows":        {[][]byte{dictionary(0, "x", "y", "z"), both}, false},
		"no dictionary":               {[][]byte{both}, false},
		"two dictionaries":            {[][]byte{two, two, both}, false},
		"a dictionary at the end":     {[][]byte{two, both, two}, false},
		"a page too many":             {[][]byte{two, both, first}, false},
		"a page too few":              {[][]byte{two, first}, false},
		"a page without values":       {[][]byte{two, both, places(0, 1)}, false},
		"more than it claims":         {[][]byte{dictionary(9, "x", "y"), both}, false},
		"less than it claims":         {[][]byte{dictionary(11, "x", "y"), both}, false},
		"more than a file may claim":  {[][]byte{dictionary(maxSentBytes+1, "x", "y"), both}, false},
		"a page of fewer than it has": {[][]byte{two, places(2, 1, 2, 0)}, false},
	} {
		body := slices.Concat(c.pages...)
		from := &chunk{path: l.names, physical: l.physical, codec: format.Zstd, values: 2, size: int64(len(body)), data: 4, dictionary: 4}
		d := &decoder{rows: 2, room: maxSentBytes}
		err := d.leaf(new(leafCells), l, from, append([]byte("PAR1"), body...), 4)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
