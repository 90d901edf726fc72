package export_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/export"
)

const micro = "2006-01-02T15:04:05.000000Z"

// drawEach draws a row for each slot, any value in any column.
func drawEach[T any](t *rapid.T, slots []int, label func(*T, int)) []T {
	var rows []T
	for _, slot := range slots {
		var row T
		draw(t, reflect.ValueOf(&row).Elem())
		label(&row, slot)
		rows = append(rows, row)
	}
	return rows
}

var anyText = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", " ", `"`, ",", "a\r\nb", "null", `\N`, "\x00", "é<&>\u2028"}))

func draw(t *rapid.T, v reflect.Value) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC()
		return
	case *[]byte:
		if *at = nil; rapid.Bool().Draw(t, "binary") {
			*at = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "some") {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 3).Draw(t, "length"), 3))
		for i := range v.Len() {
			draw(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f, nullable := v.Field(i), strings.Contains(v.Type().Field(i).Tag.Get("parquet"), "optional")
			draw(t, f)
			switch bytes, isBytes := f.Interface().([]byte); {
			case isBytes && bytes == nil && !nullable:
				f.SetBytes([]byte{})
			case f.Kind() == reflect.Slice && nullable && rapid.Bool().Draw(t, "no list"):
				f.SetZero()
			}
		}
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(-180, 180).Draw(t, "float64"))
	case reflect.String:
		v.SetString(anyText.Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, "int32")))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int64"))
	default:
		t.Fatalf("no way to draw %s", v.Type())
	}
}

// expected is a row as JSON would say it: numbers as json.Number, times and
// binary as texts. No columns is all of them.
func expected(row any, columns []string) map[string]any {
	all := expect(reflect.ValueOf(row)).(map[string]any)
	if len(columns) > 0 {
		for name := range all {
			if !slices.Contains(columns, name) {
				delete(all, name)
			}
		}
	}
	return all
}

func expect(v reflect.Value) any {
	switch at := v.Interface().(type) {
	case time.Time:
		return at.UTC().Format(micro)
	case []byte:
		if at == nil {
			return nil
		}
		return hex.EncodeToString(at)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return expect(v.Elem())
	case reflect.Slice:
		return expectList(v)
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("parquet"), ",")
			fields[name] = expect(v.Field(i))
			if f := v.Field(i); f.Kind() == reflect.Slice && f.IsNil() && strings.Contains(v.Type().Field(i).Tag.Get("parquet"), "optional") {
				fields[name] = nil
			}
		}
		return fields
	case reflect.Float64:
		return json.Number(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	default:
		return json.Number(fmt.Sprint(v.Int()))
	}
}

func expectList(v reflect.Value) any {
	list := []any{}
	for i := range v.Len() {
		list = append(list, expect(v.Index(i)))
	}
	return list
}

// parseExport reads an export back, each format by a reader of its own.
func parseExport(t fataler, e export.Export, out []byte) []map[string]any {
	switch e.Format {
	case export.CSV:
		return parseCSV(t, e, string(out))
	case export.NDJSON:
		var rows []map[string]any
		for d := newDecoder(out); ; {
			var row map[string]any
			err := d.Decode(&row)
			if err == io.EOF {
				if lines := bytes.Count(out, []byte("\n")); lines != len(rows) {
					t.Fatal("lines", lines, "rows", len(rows))
				}
				return rows
			}
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
	case export.ArrowStream:
		r, err := ipc.NewReader(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		var rows []map[string]any
		for r.Next() {
			rows = append(rows, recordRows(r.Record())...)
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		return rows
	default:
		r, err := ipc.NewFileReader(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		var rows []map[string]any
		for i := range r.NumRecords() {
			record, err := r.Record(i)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, recordRows(record)...)
		}
		return rows
	}
}

func newDecoder(out []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(out))
	d.UseNumber()
	return d
}

// cell is a CSV field; encoding/csv does not tell "" from nothing.
type cell struct {
	text   string
	quoted bool
}

func readCSV(t fataler, in string) [][]cell {
	var lines [][]cell
	var line []cell
	for len(in) > 0 {
		var c cell
		if c.quoted = in[0] == '"'; c.quoted {
			in = in[1:]
			for {
				end := strings.IndexByte(in, '"')
				if end < 0 {
					t.Fatal("a quote without end")
				}
				c.text, in = c.text+in[:end], in[end+1:]
				if !strings.HasPrefix(in, `"`) {
					break
				}
				c.text, in = c.text+`"`, in[1:]
			}
		} else {
			end := strings.IndexAny(in, ",\n")
			c.text, in = in[:end], in[end:]
		}
		line = append(line, c)
		if in[0] == '\n' {
			lines, line = append(lines, line), nil
		} else if in[0] != ',' {
			t.Fatal("text after a quote")
		}
		in = in[1:]
	}
	return lines
}

func parseCSV(t fataler, e export.Export, out string) []map[string]any {
	lines := readCSV(t, out)
	types := columnTypes(e.Table)
	var rows []map[string]any
	for _, line := range lines[1:] {
		row := map[string]any{}
		if len(line) != len(lines[0]) {
			t.Fatal("fields", len(line), "of", len(lines[0]))
		}
		for i, c := range line {
			name := lines[0][i].text
			switch kind := types[name]; {
			case c.text == "" && !c.quoted:
				row[name] = nil
			case kind == column.Bool:
				row[name] = c.text == "true"
			case kind == column.Int64 || kind == column.Int32 || kind == column.Double:
				row[name] = json.Number(c.text)
			case kind == column.Text:
				row[name] = strings.TrimPrefix(c.text, "'") // as docs/data.md says
			case kind == column.List:
				var v any
				if err := newDecoder([]byte(c.text)).Decode(&v); err != nil {
					t.Fatal(err)
				}
				row[name] = v
			default:
				row[name] = c.text
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func tableRows(t arrow.Table) []map[string]any {
	var rows []map[string]any
	for r := array.NewTableReader(t, 1000); r.Next(); {
		rows = append(rows, recordRows(r.Record())...)
	}
	return rows
}

func recordRows(r arrow.Record) []map[string]any {
	rows := make([]map[string]any, r.NumRows())
	for i := range rows {
		rows[i] = map[string]any{}
		for j, c := range r.Columns() {
			rows[i][r.ColumnName(j)] = arrowValue(c, i)
		}
	}
	return rows
}

func arrowValue(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return strings.Clone(a.Value(i))
	case *array.Binary:
		return hex.EncodeToString(a.Value(i))
	case *array.Boolean:
		return a.Value(i)
	case *array.Int32:
		return json.Number(fmt.Sprint(a.Value(i)))
	case *array.Int64:
		return json.Number(fmt.Sprint(a.Value(i)))
	case *array.Float64:
		return json.Number(strconv.FormatFloat(a.Value(i), 'g', -1, 64))
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(i))).UTC().Format(micro)
	case *array.List:
		from, until := a.ValueOffsets(i)
		list := []any{}
		for j := from; j < until; j++ {
			list = append(list, arrowValue(a.ListValues(), int(j)))
		}
		return list
	case *array.Struct:
		fields := map[string]any{}
		for j := range a.NumField() {
			fields[a.DataType().(*arrow.StructType).Field(j).Name] = arrowValue(a.Field(j), i)
		}
		return fields
	}
	panic(fmt.Sprintf("no value of %T", a))
}
