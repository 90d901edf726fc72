package spool_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// written is what mtric writes of rows.
func written[T column.Row](t testing.TB, rows []T) (path string, data []byte) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "file.parquet")
	err = column.Write(path, rows, column.Metadata{Version: "1", Plan: "p", PlanSHA256: "s", Run: &measurement.Run{VantagePoint: "101", Plan: "p"}})
	data, readErr := os.ReadFile(path)
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	return path, data
}

// read returns the rows of a file that was sent; read again they are the same.
func read[T spool.Sent](data []byte, most int) ([]T, column.Metadata, error) {
	rows, meta, file, err := spool.Read[T](data, most)
	if err == nil {
		if again, err := file.Rows(data); err != nil || !reflect.DeepEqual(rows, again) {
			return nil, meta, fmt.Errorf("read again: %w, other rows: %s", err, gocmp.Diff(rows, again))
		}
	}
	return rows, meta, err
}

// The law: whatever mtric writes of what a vantage point measures, the reader for
// strangers' files reads as the library reads it, to the last byte and null.
func TestSentIsReadAsTheLibraryReads(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sameAsLibrary(t, rt, drawAnswers(rt))
		sameAsLibrary(t, rt, drawRoutes(rt))
	})
}

func sameAsLibrary[T spool.Sent](t *testing.T, rt *rapid.T, rows []T) {
	path, data := written(t, rows)
	want, wantMeta, err := column.Read[T](path)
	if err != nil {
		rt.Fatal(err)
	}
	got, meta, err := read[T](data, len(rows))
	if err != nil {
		rt.Fatal(err)
	}
	if (len(rows) > 0 && !reflect.DeepEqual(want, got)) || !reflect.DeepEqual(wantMeta, meta) {
		rt.Fatal(gocmp.Diff(want, got, cmpopts.EquateEmpty()), gocmp.Diff(wantMeta, meta))
	}
	if len(rows) > 0 {
		if _, _, err := read[T](data, len(rows)-1); err == nil || !strings.Contains(err.Error(), "rows, more than") {
			rt.Fatalf("one row too many: %v", err)
		}
	}
}

// A file is read by itself, however much of it stands in the one that was read before, and
// takes nothing from the rows of that.
func TestSentLikeTheOneBefore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := drawAnswers(rt)
		if len(rows) == 0 {
			return
		}
		_, before := written(t, rows)
		first, _, err := read[measurement.Answer](before, len(rows))
		if err != nil {
			rt.Fatal(err)
		}
		other := slices.Clone(rows)
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			a, from := &other[rapid.IntRange(0, len(rows)-1).Draw(rt, "row")], &rows[rapid.IntRange(0, len(rows)-1).Draw(rt, "from")]
			switch rapid.IntRange(0, 4).Draw(rt, "column") {
			case 0:
				a.Serial, a.LatencyUS = from.Serial, new(int64(7))
			case 1:
				a.Error, a.QName = from.Error, "another."
			case 2:
				a.Failures, a.Extra = from.Failures, nil
			case 3:
				a.Response, a.FirstResponse = []byte("another"), from.Response
			default:
				a.TLSNotAfter, a.Expected = from.SentAt, from.AA
			}
		}
		sameAsLibrary(t, rt, other)
		path, _ := written(t, rows)
		if want, _, err := column.Read[measurement.Answer](path); err != nil || !reflect.DeepEqual(want, first) {
			rt.Fatal("the rows of the first are no longer what they were: ", err, gocmp.Diff(want, first))
		}
		again, _, err := read[measurement.Answer](before, len(rows))
		if err != nil || !reflect.DeepEqual(first, again) {
			rt.Fatal("read again it is another file: ", err, gocmp.Diff(first, again))
		}
	})
}

func drawAnswers(rt *rapid.T) []measurement.Answer {
	texts := []string{"a.root-servers.net.", ".", "ü", "", strings.Repeat("x", 300)}
	rows := make([]measurement.Answer, rapid.SampledFrom([]int{0, 1, 2, 7, 8, 9, 65, 200, 5_000}).Draw(rt, "rows"))
	few := rapid.IntRange(1, 70).Draw(rt, "texts")
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
	some := rapid.IntRange(0, 4).Draw(rt, "nulls")
	for i := range rows {
		name := texts[r.IntN(len(texts))]
		is, n, small := r.IntN(2) == 0, r.Int64(), r.Int32()
		sent := at.Add(time.Duration(r.IntN(1e9)) * time.Microsecond)
		rows[i] = measurement.Answer{VantagePoint: "101", Interval: at, Query: "soa", RSI: measurement.RSI(rune('a' + r.IntN(few))), Family: "ipv4",
			Transport: "udp", Address: name, QName: name, QType: "SOA", Outcome: "answered", Attempts: small, Strays: -small}
		a := &rows[i]
		for _, set := range []func(){func() { a.SentAt = &sent }, func() { a.Error = &name }, func() { a.LatencyUS = &n }, func() { a.ConnectUS = &n },
			func() { a.RCode = &name }, func() { a.AA = &is }, func() { a.TC = &is }, func() { a.Serial = &n }, func() { a.NSID = &name }, func() { a.ResponseSize = &small },
			func() { a.Response = []byte(name + string(rune(r.IntN(few)))) }, func() { v := measurement.Verdict(name); a.Verdict = &v },
			func() { a.VerdictSerial = &n }, func() { a.Failures = []string{name, "b"}[:min(r.IntN(3), elements(i))] },
			func() { a.SourcePort, a.ReplyTTL, a.TCPRetransmits, a.FirstLatencyUS = &small, &small, &small, &n },
			func() { a.FirstResponse = []byte(name) },
			func() { a.QClass, a.ZoneSerial, a.Expected, a.TLSUS, a.TLSNotAfter = &name, &n, &is, &n, &sent },
			func() { a.TLSVersion, a.TLSSPKI, a.TLSAuth = &name, &name, new(measurement.TLSAuth(name)) },
			func() {
				a.Extra = []measurement.Extra{{Kind: name, AfterUS: n, Wire: []byte(name)}, {Kind: "late", Wire: []byte{1}}}[:min(r.IntN(3), elements(i))]
			}} {
			if r.IntN(4) >= some {
				set()
			}
		}
	}
	return rows
}

// elements is how many elements a row's lists may have: those of a file have a bound.
func elements(row int) int {
	if row < 250 {
		return 2
	}
	return 0
}

func drawRoutes(rt *rapid.T) []measurement.Route {
	rows := make([]measurement.Route, rapid.SampledFrom([]int{0, 1, 2, 9, 26, 300}).Draw(rt, "rows"))
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
	most := rapid.IntRange(1, min(200, 8<<10/max(len(rows), 1))).Draw(rt, "hops")
	for i := range rows {
		rows[i] = measurement.Route{VantagePoint: "101", Interval: at, StartedAt: at.Add(time.Duration(r.IntN(1000)) * time.Second), RSI: measurement.RSI(rune('a' + r.IntN(13))),
			Family: "ipv6", Address: "::1", Method: "m", StopReason: "s", Reached: r.IntN(2) == 0, Complete: r.IntN(2) == 0, HopCount: r.Int32()}
		for range r.IntN(most) {
			h := measurement.Hop{TTL: r.Int32()}
			if address := string(rune('a' + r.IntN(200))); r.IntN(2) == 0 {
				h.Address = &address
			}
			if n := r.Int64(); r.IntN(2) == 0 {
				h.RTTUS = &n
			}
			rows[i].Hops = append(rows[i].Hops, h)
		}
		if r.IntN(2) == 0 {
			rows[i].Source, rows[i].HopReplies = &rows[i].Address, []measurement.HopReply{}
			for range r.IntN(3) {
				n := r.Int32()
				rows[i].HopReplies = append(rows[i].HopReplies, []measurement.HopReply{{TTL: n}, {TTL: n, ReplyTTL: &n, ICMPType: &n, ICMPCode: &n}}[r.IntN(2)])
			}
		}
	}
	return rows
}

// No bit of a file may end the reader, and none may be another without being seen, but
// for those that say nothing of rows.
func TestEveryFlippedBitOfAFileThatWasSent(t *testing.T) {
	rows := group("101", 1, 5, 7)
	_, data := written(t, rows)
	want, _, file, err := spool.Read[measurement.Answer](data, 100)
	if err != nil {
		t.Fatal(err)
	}
	unseen, flips := 0, 0
	for i := range data {
		for bit := range 8 {
			flips++
			bad := bytes.Clone(data)
			bad[i] ^= 1 << bit
			if again, err := file.Rows(bad); err == nil && !reflect.DeepEqual(want, again) {
				t.Errorf("byte %d, bit %d: read again, other rows, no error", i, bit)
			}
			got, _, err := read[measurement.Answer](bad, 100)
			if err != nil {
				continue
			}
			if unseen++; !reflect.DeepEqual(want, got) {
				t.Errorf("byte %d, bit %d: other rows, no error", i, bit)
			}
		}
	}
	if again, err := file.Rows(data[:len(data)/8]); err == nil {
		t.Errorf("an eighth of it, read again: %d rows", len(again))
	}
	t.Logf("%d of %d flips are not seen", unseen, flips)
	if most := flips * 6 / 10; unseen > most { // the footer's statistics, sizes that nobody needs, texts of metadata
		t.Errorf("%d of %d flips are not seen, want at most %d", unseen, flips, most)
	}
}

// What other programs write is Parquet all the same, but nobody's who sends to us: it is
// refused by its name, and so is what is too large for what it is.
func TestSentIsOfOneForm(t *testing.T) {
	rows := group("101", 1, 5, 7)
	large := make([]measurement.Answer, 3_000)
	for i := range large {
		large[i] = rows[0]
		large[i].Response = binary.BigEndian.AppendUint64(make([]byte, 4_000), uint64(i))
	}
	meta := []parquet.WriterOption{parquet.KeyValueMetadata("mtric.schema", "3"), parquet.Compression(&parquet.Zstd), parquet.DataPageVersion(1)}
	for want, write := range map[string]func(*bytes.Buffer) error{
		"metadata mtric.schema": func(b *bytes.Buffer) error { return parquet.Write(b, rows) },
		"column vantage_point: is compressed by SNAPPY, want zstd": func(b *bytes.Buffer) error {
			return parquet.Write(b, rows, append(meta, parquet.Compression(&parquet.Snappy))...)
		},
		"of kind DATA_PAGE_V2": func(b *bytes.Buffer) error {
			return parquet.Write(b, rows, append(meta, parquet.DataPageVersion(2))...)
		},
		"column failures.list.element: claims 1026 values in 1 rows": func(b *bytes.Buffer) error {
			return parquet.Write(b, []measurement.Answer{{Failures: make([]string, 1026)}}, meta...)
		},
		"column extra.list.element.kind: claims 1026 values in 1 rows": func(b *bytes.Buffer) error {
			return parquet.Write(b, []measurement.Answer{{Extra: make([]measurement.Extra, 1026)}}, meta...)
		},
		"5 rows in 3 row groups": func(b *bytes.Buffer) error {
			return parquet.Write(b, rows, append(meta, parquet.MaxRowsPerRowGroup(2))...)
		},
		"column response: claims more than 8388608 bytes": func(b *bytes.Buffer) error { return parquet.Write(b, large, meta...) },
		"column interval: INT64 by DELTA_BINARY_PACKED: not read": func(b *bytes.Buffer) error {
			return parquet.Write(b, rows, append(meta, parquet.DefaultEncodingFor(parquet.Int64, &parquet.DeltaBinaryPacked))...)
		},
		"not a file of answers of schema 3: column started_at stands where sent_at should": func(b *bytes.Buffer) error {
			return parquet.Write(b, []measurement.Route{{}}, meta...)
		},
		"column vantage_point is of another type": func(b *bytes.Buffer) error {
			return parquet.Write(b, []struct {
				A int64 `parquet:"vantage_point"`
			}{{1}}, meta...)
		},
		"column interval is missing": func(b *bytes.Buffer) error {
			return parquet.Write(b, []struct {
				A string `parquet:"vantage_point"`
			}{{"101"}}, meta...)
		},
		"column more is unknown": func(b *bytes.Buffer) error {
			return parquet.Write(b, []struct {
				measurement.Answer
				More int64 `parquet:"more"`
			}{{}}, meta...)
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(want, err)
		}
		if _, _, err := read[measurement.Answer](b.Bytes(), 10_000); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

// What a file makes the reader do is in proportion to its size, whatever it claims.
func TestSentCostsWhatItIs(t *testing.T) {
	_, data := written(t, group("101", 1, 5, 7))
	footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	with := func(change func(footer []byte) []byte) []byte {
		f := change(bytes.Clone(data[footer : len(data)-8]))
		return append(binary.LittleEndian.AppendUint32(append(bytes.Clone(data[:footer]), f...), uint32(len(f))), "PAR1"...)
	}
	members := func(head ...byte) func([]byte) []byte { // told again and again at the end of the footer
		return func(f []byte) []byte { return append(append(f[:len(f)-1], bytes.Repeat(head, 2<<20/len(head))...), 0) }
	}
	for name, file := range map[string][]byte{
		"row groups again and again": with(members(0x09, 8, 0x1c, 0x19, 0xfc, 100, 0, 0)),
		"metadata again and again":   with(members(0x09, 10, 0x1c, 0)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := read[measurement.Answer](file, 10_000); err == nil {
			t.Errorf("%s: read", name)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
			t.Errorf("%s: %d bytes of memory for a file of %d", name, took, len(file))
		}
	}
}

func FuzzRead(f *testing.F) {
	_, answers := written(f, group("101", 1, 5, 7))
	_, routes := written(f, []measurement.Route{{VantagePoint: "101", RSI: "a", Hops: []measurement.Hop{{TTL: 1}, {TTL: 2}}}, {RSI: "b"}})
	f.Add(answers)
	f.Add(routes)
	f.Add([]byte("PAR1xxxxxxxxxPAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if rows, _, err := read[measurement.Answer](data, 1000); err == nil && len(rows) > 1000 {
			t.Fatal(len(rows))
		}
		if rows, _, err := read[measurement.Route](data, 1000); err == nil && len(rows) > 1000 {
			t.Fatal(len(rows))
		}
	})
}

// The root of the columns counts them, and a reader who goes by that must find the same as
// one who does not.
func TestSentCountsItsColumns(t *testing.T) {
	_, data := written(t, group("101", 1, 5, 7))
	footer := len(data) - 8 - int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	columns := len(column.Fields(column.Answers))
	count := bytes.Index(data[footer:], append([]byte("\x06Answer\x15"), byte(2*columns)))
	if count < 0 {
		t.Fatalf("no root of %d columns: %q", columns, data[footer:footer+40])
	}
	for _, claimed := range []int{0, columns - 1, columns + 1} {
		bad := bytes.Clone(data)
		bad[footer+count+len("\x06Answer\x15")] = byte(2 * claimed)
		if _, _, err := read[measurement.Answer](bad, 100); err == nil || !strings.Contains(err.Error(), "columns, want") {
			t.Errorf("%d columns claimed: %v", claimed, err)
		}
	}
}
