package lake_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// A day has as many rows as its vantage points have measured: what the lake wrote,
// it reads and goes on writing, though a file so large is refused of a vantage point.
func TestLargeDays(t *testing.T) {
	for name, enlarge := range map[string]func(t *testing.T, path string) int64{"rows": manyRows, "bytes": manyBytes} {
		t.Run(name, func(t *testing.T) {
			s := lake.Store{Dir: t.TempDir()}
			path := s.Path(column.Runs, midnight)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			rows := enlarge(t, path)
			for _, err := range column.RowsUpTo[measurement.Run](path, column.MaxRows) {
				if err == nil || !strings.Contains(err.Error(), "more than") {
					t.Fatalf("as a file that was sent: %v", err)
				}
			}
			late := []lake.Group[measurement.Run]{lake.GroupOf([]measurement.Run{{VantagePoint: "101", Interval: midnight.Add(23 * time.Hour)}})}
			if m, err := lake.Merge(s, midnight, late, nil); err != nil || m.Added != 1 {
				t.Fatal(m, err)
			}
			var read int64
			err := lake.Scan{Store: s, Workers: 1}.Runs(t.Context(), nil, func(b *column.RunBatch) error {
				read += int64(b.Rows)
				return nil
			})
			if err != nil || read != rows+1 {
				t.Errorf("%d rows, want %d: %v", read, rows+1, err)
			}
		})
	}
}

// manyRows is a file of more rows than one that was sent may claim.
func manyRows(t *testing.T, path string) int64 {
	const group = 500_000
	one := filepath.Join(t.TempDir(), "one")
	same := make([]measurement.Run, group)
	for i := range same {
		same[i].Interval = midnight
	}
	if err := column.Write(one, same, column.Metadata{}); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(one)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(in, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := parquet.NewGenericWriter[measurement.Run](out, parquet.Compression(&parquet.Zstd), parquet.KeyValueMetadata("mtric.schema", fmt.Sprint(column.Schema())))
	var rows int64
	for rows <= column.MaxRows {
		n, err := w.WriteRowGroup(file.RowGroups()[0])
		if err != nil {
			t.Fatal(err)
		}
		rows += n
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// manyBytes is a file with a hole before its footer.
func manyBytes(t *testing.T, path string) int64 {
	if err := column.Write(path, []measurement.Run{{Interval: midnight}}, column.Metadata{}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tail := data[len(data)-8:]
	footer := data[len(data)-8-int(tail[0])-int(tail[1])<<8:]
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(footer, column.MaxFileSize+1)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return 1
}

// A vantage point decides how large texts and wires are: both end a row group, since
// one that is written, read or joined lives in memory.
func TestLargeTextsEndARowGroup(t *testing.T) {
	source := rand.NewChaCha8([32]byte{})
	for name, enlarge := range map[string]func(*measurement.Answer, string){
		"nsid":           func(a *measurement.Answer, text string) { a.NSID = &text },
		"response":       func(a *measurement.Answer, text string) { a.Response = []byte(text) },
		"first response": func(a *measurement.Answer, text string) { a.FirstResponse = []byte(text) },
		"extra": func(a *measurement.Answer, text string) {
			a.Extra = []measurement.Extra{{Kind: "late", Wire: []byte(text)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := lake.Store{Dir: dir, RowGroupBytes: 4 << 20}
			for part := range 2 { // the second into the midst of the first
				var groups [][]measurement.Answer
				for slot := range 20 {
					g := group("101", 2*slot+part, 20, 1)
					for i := range g {
						noise := make([]byte, 3_750)
						_, _ = source.Read(noise)
						enlarge(&g[i], hex.EncodeToString(noise))
					}
					groups = append(groups, g)
				}
				if _, err := lake.Merge(s, midnight, apart(groups...), nil); err != nil {
					t.Fatal(err)
				}
			}
			file := metadataOf(t, s.Path(column.Answers, midnight))
			if file.NumRows != 800 {
				t.Fatalf("%d rows", file.NumRows)
			}
			for i, g := range file.RowGroups {
				if g.TotalByteSize > 9<<19 {
					t.Errorf("row group %d of %d rows has %d bytes", i, g.NumRows, g.TotalByteSize)
				}
			}
		})
	}
}
