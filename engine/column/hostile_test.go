package column_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// The library reads missing columns and other types without a word; we name them.
func TestOtherColumnsAreRefused(t *testing.T) {
	type missing struct {
		VantagePoint string `parquet:"vantage_point,dict"`
	}
	type other struct {
		VantagePoint int64 `parquet:"vantage_point"`
	}
	zstd := parquet.Compression(&parquet.Zstd)
	for _, c := range []struct {
		name  string
		write func(*bytes.Buffer) error
		want  string
	}{
		{"missing", func(b *bytes.Buffer) error { return parquet.Write(b, []missing{{"101"}}, zstd) }, "column interval is missing"},
		{"other type", func(b *bytes.Buffer) error { return parquet.Write(b, []other{{101}}, zstd) }, "column vantage_point is INT(64,true), want STRING"},
		{"other table", func(b *bytes.Buffer) error { return parquet.Write(b, []measurement.Route{{}}, zstd) }, "column sent_at is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b); err != nil {
				t.Fatal(err)
			}
			if err := readBytes(t, b.Bytes()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// A file says by a number of what schema it is. One that is newer waits for a newer mtric.
func TestSchemaNumber(t *testing.T) {
	for number, want := range map[string]string{
		"4": "needs a newer mtric: the file is of schema 4 (mtric.version \"\"), this mtric knows them up to 3", "99999999999999999999": "damaged: metadata mtric.schema",
		"0": "damaged", "-1": "damaged", "": "damaged", "03": "damaged", "3.0": "damaged", "one": "damaged",
		"1": "not a file of answers of schema 1: column source_port is unknown",
		"2": "not a file of answers of schema 2: column qclass is unknown",
	} {
		var b bytes.Buffer
		w := parquet.NewGenericWriter[measurement.Answer](&b, parquet.KeyValueMetadata("mtric.schema", number))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		err := readBytes(t, b.Bytes())
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, column.ErrNewer) != (number == "4") {
			t.Errorf("schema %q: error %v, want %q", number, err, want)
		}
	}
}

// A file has all columns of its schema, and lacks those of later ones: they are null.
func TestColumnsOfEachSchema(t *testing.T) {
	rows := sample()
	for number := 1; number <= column.Schema(); number++ {
		for without := range append(column.FieldsOf(column.Answers, number), column.Field{}) {
			fields := column.FieldsOf(column.Answers, number)
			group := parquet.Group{}
			var left string
			for i, f := range column.SchemaOf(column.Answers, number).Fields() {
				if i == without {
					left = f.Name()
					continue
				}
				group[f.Name()] = f
			}
			var b bytes.Buffer
			w := parquet.NewWriter(&b, parquet.NewSchema("answers", group), parquet.KeyValueMetadata("mtric.schema", fmt.Sprint(number)))
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			err := readBytes(t, b.Bytes())
			if without == len(fields) {
				if err != nil {
					t.Errorf("schema %d: %v", number, err)
				}
			} else if want := fmt.Sprintf("not a file of answers of schema %d: column %s is missing", number, left); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("schema %d without %s: %v", number, left, err)
			}
		}
		path := filepath.Join(t.TempDir(), "x.parquet")
		writeAs(t, path, number, rows)
		got, meta, err := column.Read[measurement.Answer](path)
		want := slices.Clone(rows)
		for i := range want {
			if number == 1 {
				want[i].SourcePort, want[i].Extra = nil, nil
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" || meta.Schema != number {
			t.Error(number, meta.Schema, err, diff)
		}
		if number == 1 && (got[0].Extra != nil || got[0].SourcePort != nil) {
			t.Error("a column that the schema lacks is not null")
		}
	}
}

// writeAs writes a file of an older schema.
func writeAs[T column.Row](t *testing.T, path string, number int, rows []T) {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, column.SchemaOf(column.TableOf[T](), number), parquet.KeyValueMetadata("mtric.schema", fmt.Sprint(number)))
	for i := range rows {
		if _, err := w.Write(rows[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	good, err := os.ReadFile(write(t, sample()))
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Clone(good)
	binary.LittleEndian.PutUint32(long[len(long)-8:], 0xfffffff0)
	for name, data := range map[string][]byte{
		"empty":         nil,
		"short":         []byte("PAR1PAR1"),
		"text":          []byte("this is not a Parquet file at all"),
		"cut short":     good[:len(good)/2],
		"no head":       good[4:],
		"footer length": long,
	} {
		t.Run(name, func(t *testing.T) {
			err := readBytes(t, data)
			if err == nil || !strings.Contains(err.Error(), "x.parquet: ") {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, _, err := column.Read[measurement.Answer](t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: %v", err)
	}
	if _, _, err := column.Read[measurement.Answer](filepath.Join(t.TempDir(), "none")); err == nil || !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("missing: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok || u.Unwrap() == nil {
			return err
		}
		err = u.Unwrap()
	}
}

// A bit flipped anywhere is found by the sidecar before Parquet is looked at:
// without it 42 of some 30,000 flips read as other values, without a word.
func TestFlippedBitsAreRefused(t *testing.T) {
	path := write(t, sample())
	if err := files.WriteSidecar(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 7 {
		data := bytes.Clone(good)
		data[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := column.Read[measurement.Answer](path); err == nil || !strings.Contains(err.Error(), "its sidecar says") {
			t.Fatalf("bit %d of byte %d flipped: %v", i%8, i, err)
		}
	}
}

// coded is a file of answers by a codec.
func coded(t *testing.T, codec compress.Codec, rows []measurement.Answer) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[measurement.Answer](&b, parquet.KeyValueMetadata("mtric.schema", "3"), parquet.Compression(codec))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// In a lake the common codecs are read, and no other.
func TestCodecs(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for codec, want := range map[compress.Codec]string{&parquet.Lz4Raw: "", &parquet.Snappy: "", &parquet.Gzip: "", &parquet.Zstd: "", &parquet.Uncompressed: "",
		&parquet.Brotli: "is compressed by BROTLI, want zstd, snappy, gzip, lz4_raw or none"} {
		rows := make([]measurement.Answer, 200) // long enough for LZ4 to have something to say again
		for i := range rows {
			rows[i] = sample()[0]
			rows[i].LatencyUS = ptr(int64(r.Uint64() >> 1)) // and for what cannot be compressed
			rows[i].Response = binary.LittleEndian.AppendUint64(nil, r.Uint64())
		}
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, coded(t, codec, rows), 0o644); err != nil {
			t.Fatal(err)
		}
		got, _, err := column.Read[measurement.Answer](path)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", codec, err, want)
			}
			continue
		}
		if diff := cmp.Diff(rows, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", codec, err, diff)
		}
	}
}

// Whatever codec a damaged file claims, it is read or refused, in little memory: the
// library's decoders of LZ4 and snappy would ask for what a page claims.
func TestDamageByOtherCodecs(t *testing.T) {
	for _, codec := range []compress.Codec{&parquet.Lz4Raw, &parquet.Snappy, &parquet.Gzip, &parquet.Uncompressed} {
		good := coded(t, codec, sample())
		r := rand.New(rand.NewPCG(7, 8))
		refused := 0
		for i := r.IntN(7); i < len(good); i += 7 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << r.IntN(8)
			if readBytes(t, bad) != nil {
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("%s: no damage was seen", codec)
		}
	}
}

func readBytes(t testing.TB, data []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := column.Read[measurement.Answer](path)
	return err
}

func FuzzSidecar(f *testing.F) {
	f.Add([]byte(strings.Repeat("0", 64) + "  x.parquet\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, []byte("rows"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files.Sidecar(path), data, 0o644); err != nil {
			t.Fatal(err)
		}
		if files.CheckSidecar(path) == nil && !strings.HasSuffix(strings.TrimSuffix(string(data), "\n"), "  x.parquet") {
			t.Errorf("accepted %q", data)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("202611222240-101.answers.parquet")
	f.Add("202611222240-101.answers.parquet.sha256")
	f.Fuzz(func(t *testing.T, name string) {
		at, vp, table, err := spool.ParseName(name)
		if err == nil && spool.Name(at, vp, table) != name {
			t.Errorf("%q reads as %s", name, spool.Name(at, vp, table))
		}
	})
}
