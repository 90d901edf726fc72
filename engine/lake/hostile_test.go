package lake_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// The library reads missing columns and other types without a word; we name them.
func TestOtherColumnsAreRefused(t *testing.T) {
	type missing struct {
		VantagePoint string `parquet:"vantage_point,dict"`
	}
	type other struct {
		VantagePoint int64 `parquet:"vantage_point"`
	}
	type nullable struct {
		VantagePoint *string `parquet:"vantage_point,optional,dict"`
	}
	zstd := parquet.Compression(&parquet.Zstd)
	for _, c := range []struct {
		name  string
		write func(*bytes.Buffer) error
		want  string
	}{
		{"missing", func(b *bytes.Buffer) error { return parquet.Write(b, []missing{{"101"}}, zstd) }, "column interval is missing"},
		{"other type", func(b *bytes.Buffer) error { return parquet.Write(b, []other{{101}}, zstd) }, "column vantage_point is required INT(64,true), want required STRING"},
		{"nullable", func(b *bytes.Buffer) error { return parquet.Write(b, []nullable{{nil}}, zstd) }, "column vantage_point is optional STRING, want required STRING"},
		{"other order", func(b *bytes.Buffer) error { return parquet.Write(b, []measurement.Route{{}}, zstd) }, "column 3 is started_at, want query"},
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

func TestForeignSchemaVersionIsRefused(t *testing.T) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[measurement.Answer](&b, parquet.KeyValueMetadata("mtric.schema", "2"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readBytes(t, b.Bytes()); err == nil || !strings.Contains(err.Error(), `mtric.schema: "2", want "1"`) {
		t.Errorf("error %v", err)
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
	if _, _, err := lake.Read[measurement.Answer](t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: %v", err)
	}
	if _, _, err := lake.Read[measurement.Answer](filepath.Join(t.TempDir(), "none")); err == nil || !os.IsNotExist(unwrapAll(err)) {
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
	if err := lake.WriteSidecar(path); err != nil {
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
		if _, _, err := lake.Read[measurement.Answer](path); err == nil || !strings.Contains(err.Error(), "its sidecar says") {
			t.Fatalf("bit %d of byte %d flipped: %v", i%8, i, err)
		}
	}
}

// Another codec may ask for any amount of memory; a VP writes zstd only.
func TestOtherCodecIsRefused(t *testing.T) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[measurement.Run](&b, parquet.KeyValueMetadata("mtric.schema", "1"), parquet.Compression(&parquet.Lz4Raw))
	if _, err := w.Write([]measurement.Run{{}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readBytes(t, b.Bytes()); err == nil || !strings.Contains(err.Error(), "LZ4_RAW, want zstd") {
		t.Errorf("error %v", err)
	}
}

func readBytes(t testing.TB, data []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := lake.Read[measurement.Answer](path)
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
		if err := os.WriteFile(lake.Sidecar(path), data, 0o644); err != nil {
			t.Fatal(err)
		}
		if lake.CheckSidecar(path) == nil && !strings.HasSuffix(strings.TrimSuffix(string(data), "\n"), "  x.parquet") {
			t.Errorf("accepted %q", data)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("202611222240-101.answers.parquet")
	f.Add("202611222240-101.answers.parquet.sha256")
	f.Fuzz(func(t *testing.T, name string) {
		at, vp, table, err := lake.ParseName(name)
		if err == nil && lake.Name(at, vp, table) != name {
			t.Errorf("%q reads as %s", name, lake.Name(at, vp, table))
		}
	})
}
