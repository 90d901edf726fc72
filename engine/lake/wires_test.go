package lake_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// The law: what is merged comes into the lake as it was, every column of every table,
// null or not.
func TestMergeKeepsEveryColumn(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		s := lake.Store{Dir: filepath.Join(dir, fmt.Sprint(n))}
		through(rt, s, "answers", rapid.Make[measurement.Answer](), func(a *measurement.Answer, i int) {
			a.RSI = measurement.RSI(fmt.Sprintf("%02d", i))
			a.Query, a.Family, a.Transport = "soa", measurement.IPv4, measurement.UDP
			a.Interval, a.VantagePoint = midnight, "101"
			if a.SentAt != nil {
				at := midnight.Add(time.Duration(i) * time.Millisecond)
				a.SentAt = &at
			}
		})
		through(rt, s, "routes", rapid.Make[measurement.Route](), func(r *measurement.Route, i int) {
			r.RSI = measurement.RSI(fmt.Sprintf("%02d", i))
			r.Interval, r.VantagePoint, r.StartedAt = midnight, "101", midnight.Add(time.Duration(i)*time.Second)
		})
		through(rt, s, "runs", rapid.Make[measurement.Run](), func(r *measurement.Run, i int) {
			r.Interval, r.VantagePoint = midnight.Add(time.Duration(i)*5*time.Minute), "101"
			r.StartedAt, r.ReceivedAt = r.Interval, r.Interval.Add(time.Hour)
			if r.IngestedAt != nil {
				r.IngestedAt = &r.ReceivedAt
			}
		})
	})
}

// through sends rows of one vantage point into the lake and back.
func through[T lake.Measured](rt *rapid.T, s lake.Store, table column.Table, any *rapid.Generator[T], tidy func(*T, int)) {
	rows := rapid.SliceOfN(any, 1, 4).Draw(rt, string(table))
	for i := range rows {
		tidy(&rows[i], i)
	}
	groups := []lake.Group[T]{lake.GroupOf(slices.Clone(rows))}
	if table == column.Runs {
		groups = nil
		for part := range slices.Chunk(slices.Clone(rows), 1) {
			groups = append(groups, lake.GroupOf(part))
		}
	}
	if _, err := lake.Merge(s, midnight, groups, nil); err != nil {
		rt.Fatal(err)
	}
	got, _, err := column.Read[T](s.Path(table, midnight))
	if diff := gocmp.Diff(rows, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		rt.Fatal(err, diff)
	}
}

// Answers to one question share its signature, though hours lie between them: in a
// day's file it must not be told again for each (docs/decisions/0005). However the
// day came in, and in however many row groups, each row has its own wire.
func TestWiresOfADayShareWhatTheySay(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	signatures := make([][]byte, 200)
	for i := range signatures {
		signatures[i] = make([]byte, 256)
		for j := range signatures[i] {
			signatures[i][j] = byte(r.Uint32())
		}
	}
	var day []measurement.Answer
	for slot := range 50 {
		for _, vp := range []measurement.VantagePoint{"101", "102"} {
			g := group(vp, slot, 20, int64(slot))
			for i := range g {
				if i%3 == 0 {
					continue // without a wire
				}
				q := r.IntN(len(signatures))
				g[i].Response = slices.Concat(binary.BigEndian.AppendUint16(nil, uint16(r.Uint32())), make([]byte, 10), []byte(fmt.Sprintf("name%d", q)), signatures[q])
			}
			day = append(day, g...)
		}
	}
	for _, most := range []int{0, 900} {
		s := lake.Store{Dir: filepath.Join(dir, fmt.Sprint(most)), RowGroup: most}
		late := func(a measurement.Answer) bool { return a.Interval.Minute()%10 == 0 && a.VantagePoint == "102" }
		for _, portion := range [][]measurement.Answer{slices.DeleteFunc(slices.Clone(day), late), day} {
			if _, err := lake.Merge(s, midnight, apart(portion), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := lake.Amend(s, midnight, func(_ int64, a *measurement.Answer) { a.Attempts = 1 }); err != nil {
			t.Fatal(err)
		}
		path := s.Path(column.Answers, midnight)
		got, _, err := column.Read[measurement.Answer](path)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(day)
		for i := range want {
			want[i].Attempts = 1
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		small, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		// 200 signatures are 51 KB; told for each of the 1,300 wires, 333 KB.
		if most == 0 && small.Size() > 90_000 {
			t.Errorf("%d bytes", small.Size())
		}
	}
}

// An empty list is a list, whatever reads it.
func TestEmptyListIsNoNull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := column.Write(path, group("101", 1, 1, 5), column.Metadata{}); err != nil {
		t.Fatal(err)
	}
	rows, _, err := column.Read[measurement.Answer](path)
	if err != nil || len(rows) != 1 || rows[0].Failures == nil {
		t.Errorf("%v, %v", rows, err)
	}
}
