package lake

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// What no caller can bring about now and would be silent damage, had one found how.

// A dictionary that outgrew what it was told, in a row group that the library ended
// by itself: the page that was prepared is not that of the next one, although the two
// have the same size.
func TestPageIsOfItsRowGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "answers.parquet")
	w, err := create[measurement.Answer](path, Metadata{Version: "1"}, form{page: pageSize, group: 2, day: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.wires.tell([][]byte{[]byte("told at first")}); err != nil {
		t.Fatal(err)
	}
	var rows []measurement.Answer
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, wire := range []string{"told at first", "not told", "of its length", "of its length"} {
		rows = append(rows, measurement.Answer{VantagePoint: "101", Interval: at, SentAt: &at, Query: fmt.Sprint("q", i), Response: []byte(wire), Failures: []string{}})
	}
	if err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _, err := Read[measurement.Answer](path)
	if err != nil || len(got) != len(rows) {
		t.Fatal(len(got), err)
	}
	for i := range rows {
		if string(got[i].Response) != string(rows[i].Response) {
			t.Errorf("row %d: read %q, wrote %q", i, got[i].Response, rows[i].Response)
		}
	}
}

// What waits between the steps of a merge is bounded, whatever its rows are made of.
func TestLargeGroupsAreHandedOverSoon(t *testing.T) {
	text := string(make([]byte, 50_000))
	for name, rows := range map[string][]measurement.Answer{
		"many rows": make([]measurement.Answer, 10_000),
		"responses": {{Response: []byte(text)}},
		"names":     {{QName: text}},
		"texts":     {{Error: &text, NSID: &text}},
	} {
		p, n := newPack[measurement.Answer](), 0
		for ; !p.full(); n++ {
			p.add(group[measurement.Answer]{rows: rows})
		}
		if n >= handover {
			t.Errorf("%s: %d groups wait", name, n)
		}
	}
	p, n := newPack[measurement.Route](), 0
	for ; !p.full(); n++ {
		p.add(group[measurement.Route]{rows: []measurement.Route{{Hops: make([]measurement.Hop, 8192)}}})
	}
	if n >= handover {
		t.Errorf("routes: %d groups wait", n)
	}
}

// Two columns that differ are never told by the same words.
func TestSchemaSaysWhatDiffers(t *testing.T) {
	for _, table := range []*shape{newShape[measurement.Answer](), newShape[measurement.Route]()} {
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
	if err := Write(path, []measurement.Answer{row, other}, Metadata{Version: "1"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		leaf, want string
		change     func(s *Sheet[measurement.Answer], p *sheetPage)
	}{
		"as it was": {"nsid", "", func(*Sheet[measurement.Answer], *sheetPage) {}},
		"bit width": {"nsid", "damaged page", func(s *Sheet[measurement.Answer], p *sheetPage) {
			if !p.dictionary {
				levels := int32(binary.LittleEndian.Uint32(s.data[p.at:]))
				s.data[p.at+4+levels] = 207
			}
		}},
		"text twice": {"address", errTwice.Error(), func(s *Sheet[measurement.Answer], p *sheetPage) {
			s.texts = strings.ReplaceAll(s.texts, "192.0.2.2", "192.0.2.1")
		}},
		"wire twice": {"response", errTwice.Error(), func(s *Sheet[measurement.Answer], p *sheetPage) {
			s.wires = bytes.ReplaceAll(s.wires, []byte("other"), []byte("first"))
		}},
	} {
		s, _, err := ReadSent[measurement.Answer](data, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.pages {
			if shapeOf(Answers).leaves[s.pages[i].leaf].path == c.leaf {
				c.change(s, &s.pages[i])
			}
		}
		if _, err := s.Rows(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), "column "+c.leaf+": "+c.want)) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
