package spool

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// Two columns that differ are never told by the same words.
func TestSchemaSaysWhatDiffers(t *testing.T) {
	for _, table := range []*shape{newShape[measurement.Answer](2), newShape[measurement.Route](2)} {
		want := table.elements
		for i := range want {
			for name, change := range map[string]func(e *element){
				"logical":   func(e *element) { e.logical += "x" },
				"none":      func(e *element) { e.logical = "" },
				"converted": func(e *element) { e.converted = 77 },
				"children":  func(e *element) { e.children++ },
			} {
				had := want[i]
				other := had
				change(&other)
				if other == had {
					continue
				}
				if a, b := other.detail(want[i]), want[i].detail(other); a == b {
					t.Errorf("%s of %s: %s", name, had.name, a)
				}
			}
		}
	}
}

// What only mtric would read is refused: a page of no values in places of 207 bits, and a
// dictionary that says a text, or a wire, twice.
func TestSentIsWhatOthersRead(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	row := measurement.Answer{VantagePoint: "101", Interval: at, Query: "soa", Outcome: "timeout", RSI: "a", Address: "192.0.2.1", Response: []byte("first wire"), Failures: []string{}}
	other := row
	other.RSI, other.Address, other.Response = "b", "192.0.2.2", []byte("other wire")
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := column.Write(path, []measurement.Answer{row, other}, column.Metadata{Version: "1"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		leaf, want string
		change     func(s *file[measurement.Answer], p *filePage)
	}{
		"as it was": {"nsid", "", func(*file[measurement.Answer], *filePage) {}},
		"bit width": {"nsid", "damaged page", func(s *file[measurement.Answer], p *filePage) {
			if !p.dictionary {
				levels := int32(binary.LittleEndian.Uint32(s.data[p.at:]))
				s.data[p.at+4+levels] = 207
			}
		}},
		"text twice": {"address", column.ErrTwice.Error(), func(s *file[measurement.Answer], p *filePage) {
			s.texts = strings.ReplaceAll(s.texts, "192.0.2.2", "192.0.2.1")
		}},
		"wire twice": {"response", column.ErrTwice.Error(), func(s *file[measurement.Answer], p *filePage) {
			s.wires = bytes.ReplaceAll(s.wires, []byte("other"), []byte("first"))
		}},
	} {
		s, _, err := open[measurement.Answer](data, 10, new(expanding))
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.pages {
			if s.of.leaves[s.pages[i].leaf].path == c.leaf {
				c.change(s, &s.pages[i])
			}
		}
		if _, err := s.make(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), "column "+c.leaf+": "+c.want)) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
