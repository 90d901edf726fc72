package lake_test

import (
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// A row group ends where its wires become too many, those of all vantage points
// counted and each once, as its dictionary has them; and a day that was cut so is not
// written anew again and again.
func TestRowGroupsEndByBytes(t *testing.T) {
	for _, c := range []struct {
		name     string
		distinct bool
		groups   int
	}{{"all different", true, 2}, {"all the same", false, 1}} {
		t.Run(c.name, func(t *testing.T) {
			const most = 4 << 20
			s := lake.Store{Dir: t.TempDir(), RowGroupBytes: most}
			var day [][]measurement.Answer
			n := uint64(0)
			for slot := range 20 {
				for _, vp := range []measurement.VantagePoint{"101", "102"} {
					g := group(vp, slot, 30, 1)
					for i := range g {
						g[i].Response = make([]byte, 3_750)
						if n++; c.distinct {
							binary.BigEndian.PutUint64(g[i].Response[12:], n)
						}
					}
					day = append(day, g)
				}
			}
			if _, err := lake.Merge(s, midnight, apart(day...), nil); err != nil {
				t.Fatal(err)
			}
			groups := metadataOf(t, s.Path(column.Answers, midnight)).RowGroups
			if len(groups) != c.groups {
				t.Errorf("%d row groups, want %d", len(groups), c.groups)
			}
			for _, g := range groups {
				i := slices.IndexFunc(g.Columns, func(c format.ColumnChunk) bool { return c.MetaData.PathInSchema[0] == "response" })
				if size := g.Columns[i].MetaData.TotalUncompressedSize; size > most+most/50 {
					t.Errorf("wires of %d bytes in a row group", size)
				}
			}
			if again, err := lake.Compact[measurement.Answer](s, midnight, func() error { return nil }); again || err != nil {
				t.Errorf("compacted %t, %v", again, err)
			}
		})
	}
}

// Row groups are joined when they are not larger than what follows, and only then: or
// a day would be rewritten whole by each of its merges.
func TestMergesJoinLikeCounting(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	for slot, want := range [][]int64{{1}, {1, 1}, {3}, {3, 1}, {3, 1, 1}, {3, 3}, {7}, {7, 1}, {7, 1, 1}, {7, 3}, {7, 3, 1}, {7, 3, 1, 1}, {7, 3, 3}, {7, 7}, {15}} {
		if _, err := lake.Merge(s, midnight, apart(group("101", slot, 1, 9)), nil); err != nil {
			t.Fatal(err)
		}
		if got := rowGroups(t, s.Path(column.Answers, midnight)); !slices.Equal(got, want) {
			t.Errorf("after %d merges: row groups of %v, want %v", slot+1, got, want)
		}
	}
	// What comes late is put in its place, and nothing before it is touched.
	if _, err := lake.Merge(s, midnight, apart(group("102", 14, 1, 9)), nil); err != nil {
		t.Fatal(err)
	}
	rows, _, err := column.Read[measurement.Answer](s.Path(column.Answers, midnight))
	if err != nil || len(rows) != 16 || rows[15].VantagePoint != "102" || !rows[15].Interval.Equal(midnight.Add(70*time.Minute)) {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// metadataOf is what a file's footer says.
func metadataOf(t *testing.T, path string) *format.FileMetaData {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return p.Metadata()
}
