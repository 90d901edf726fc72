package export

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
)

// micro writes times with six places, all of them, so that they sort as texts.
const micro = "2006-01-02T15:04:05.000000Z"

// textEncoder writes CSV or NDJSON. A line is built in memory and goes out with
// its run.
type textEncoder struct {
	w      io.Writer
	fields []column.Field
	line   func(e *textEncoder, columns []printed, row int)
	keys   [][]byte // NDJSON: `{"name":`, `,"name":`, …
	buffer []byte
}

// printed is a run's column with its texts written once for all rows.
type printed struct {
	column.Cells
	texts [][]byte // by place in Dict
	time  int64    // that stamp is of
	stamp []byte
	lists [][][]byte // of a list: each element part's texts, as JSON
}

func newCSVEncoder(w io.Writer, fields []column.Field) (*textEncoder, error) {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	_, err := io.WriteString(w, strings.Join(names, ",")+"\n")
	return &textEncoder{w: w, fields: fields, line: (*textEncoder).csvLine}, err
}

func newJSONEncoder(w io.Writer, fields []column.Field) *textEncoder {
	e := &textEncoder{w: w, fields: fields, line: (*textEncoder).jsonLine}
	for i, f := range fields {
		open := ","
		if i == 0 {
			open = "{"
		}
		e.keys = append(e.keys, []byte(open+string(jsonText(f.Name))+":"))
	}
	return e
}

func (e *textEncoder) close() error { return nil }

func (e *textEncoder) write(columns []column.Cells, rows int) error {
	texts := jsonText
	if e.keys == nil {
		texts = csvText
	}
	ready := make([]printed, len(columns))
	for i := range columns {
		ready[i] = printed{Cells: columns[i], texts: each(columns[i].Dict, texts)}
		for j := range columns[i].Elements {
			ready[i].lists = append(ready[i].lists, each(columns[i].Elements[j].Dict, jsonText))
		}
	}
	for row := range rows {
		e.line(e, ready, row)
		if len(e.buffer) >= 1<<18 || row == rows-1 {
			if _, err := e.w.Write(e.buffer); err != nil {
				return err
			}
			e.buffer = e.buffer[:0]
		}
	}
	return nil
}

func each(texts []string, f func(string) []byte) [][]byte {
	out := make([][]byte, len(texts))
	for i, t := range texts {
		out[i] = f(t)
	}
	return out
}

// CSVText is a text as a field of our CSV has it: with an apostrophe before what a
// spreadsheet would run as a formula (a text that begins with =, +, -, @, a tab or a
// carriage return), and before an apostrophe. So taking away the first apostrophe of a
// text gives what was measured; numbers and times have none (docs/data.md).
func CSVText(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r'", rune(text[0])) {
		return "'" + text
	}
	return text
}

// csvText quotes a text where RFC 4180 asks for it, and the empty one, which
// without quotes would be null.
func csvText(s string) []byte {
	s = CSVText(s)
	if s != "" && !strings.ContainsAny(s, ",\"\r\n") && s[0] != ' ' && s[len(s)-1] != ' ' {
		return []byte(s)
	}
	return []byte(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
}

// jsonText quotes a text as JSON does, without the escapes for HTML.
func jsonText(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string into memory
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (e *textEncoder) csvLine(columns []printed, row int) {
	for i, f := range e.fields {
		if i > 0 {
			e.buffer = append(e.buffer, ',')
		}
		c := &columns[i]
		switch {
		case !c.Has(row):
		case f.Kind == column.List:
			e.buffer = append(e.buffer, csvText(string(c.appendList(nil, f, row)))...)
		case f.Kind == column.Text:
			e.buffer = append(e.buffer, c.texts[c.Index[row]]...)
		case f.Kind == column.Binary && len(c.Bytes[row]) == 0:
			e.buffer = append(e.buffer, `""`...)
		default:
			e.buffer = c.appendPlain(e.buffer, f.Kind, row)
		}
	}
	e.buffer = append(e.buffer, '\n')
}

func (e *textEncoder) jsonLine(columns []printed, row int) {
	for i, f := range e.fields {
		e.buffer = append(e.buffer, e.keys[i]...)
		c := &columns[i]
		quoted := f.Kind == column.Time || f.Kind == column.Binary
		switch {
		case !c.Has(row):
			e.buffer = append(e.buffer, "null"...)
		case f.Kind == column.List:
			e.buffer = c.appendList(e.buffer, f, row)
		case f.Kind == column.Text:
			e.buffer = append(e.buffer, c.texts[c.Index[row]]...)
		case quoted:
			e.buffer = append(c.appendPlain(append(e.buffer, '"'), f.Kind, row), '"')
		default:
			e.buffer = c.appendPlain(e.buffer, f.Kind, row)
		}
	}
	e.buffer = append(e.buffer, '}', '\n')
}

// appendPlain appends a value that needs no quotes in CSV.
func (c *printed) appendPlain(to []byte, k column.Kind, row int) []byte {
	switch k {
	case column.Binary:
		return hex.AppendEncode(to, c.Bytes[row])
	case column.Double:
		return strconv.AppendFloat(to, math.Float64frombits(uint64(c.Int[row])), 'g', -1, 64)
	case column.Bool:
		return strconv.AppendBool(to, c.Int[row] != 0)
	case column.Time:
		if at := c.Int[row]; c.stamp == nil || c.time != at { // most rows share their interval
			c.time, c.stamp = at, time.UnixMicro(at).UTC().AppendFormat(c.stamp[:0], micro)
		}
		return append(to, c.stamp...)
	default:
		return strconv.AppendInt(to, c.Int[row], 10)
	}
}

// appendList appends a row's list as JSON, elements that are structs as objects.
func (c *printed) appendList(to []byte, f column.Field, row int) []byte {
	to = append(to, '[')
	for at := c.Offsets[row]; at < c.Offsets[row+1]; at++ {
		if at > c.Offsets[row] {
			to = append(to, ',')
		}
		if f.Elem[0].Name == "" {
			to = c.appendElement(to, 0, at)
			continue
		}
		for i, part := range f.Elem {
			open := byte(',')
			if i == 0 {
				open = '{'
			}
			to = append(append(append(to, open, '"'), part.Name...), '"', ':')
			to = c.appendElement(to, i, at)
		}
		to = append(to, '}')
	}
	return append(to, ']')
}

// appendElement appends a part of an element.
func (c *printed) appendElement(to []byte, part int, at int32) []byte {
	e := &c.Elements[part]
	switch {
	case e.Null[at]:
		return append(to, "null"...)
	case e.Bytes != nil:
		return append(hex.AppendEncode(append(to, '"'), e.Bytes[at]), '"')
	case e.Index != nil:
		return append(to, c.lists[part][e.Index[at]]...)
	default:
		return strconv.AppendInt(to, e.Int[at], 10)
	}
}
