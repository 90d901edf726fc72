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

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// The law of spools: what goes in through one comes into the lake as it was, every
// column of every table, null or not.
func TestSpoolKeepsEveryColumn(t *testing.T) {
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
		})
	})
}

// through sends rows of one vantage point through a spool into the lake and back.
func through[T lake.Measured](rt *rapid.T, s lake.Store, table lake.Table, any *rapid.Generator[T], tidy func(*T, int)) {
	rows := rapid.SliceOfN(any, 1, 4).Draw(rt, string(table))
	path := filepath.Join(s.Dir, string(table)+".spool")
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		rt.Fatal(err)
	}
	out, err := lake.CreateSpool[T](path)
	if err != nil {
		rt.Fatal(err)
	}
	for i := range rows {
		tidy(&rows[i], i)
	}
	if table == lake.Runs {
		for i := range rows {
			err = out.Add(rows[i : i+1])
		}
	} else {
		err = out.Add(rows)
	}
	if err != nil || out.Close() != nil {
		rt.Fatal(err)
	}
	if _, err := lake.Merge[T](s, midnight, []string{path}, nil); err != nil {
		rt.Fatal(err)
	}
	got, _, err := lake.Read[T](s.Path(table, midnight))
	if diff := gocmp.Diff(rows, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		rt.Fatal(err, diff)
	}
}

// A spool that is damaged gives an error that names it, whatever the damage.
func FuzzSpool(f *testing.F) {
	path := spool(f, f.TempDir(), group("101", 1, 3, 5), group("102", 1, 2, 5))
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(binary.LittleEndian.AppendUint32(nil, 1<<31))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "spool")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		s := lake.Store{Dir: dir}
		m, err := lake.Merge[measurement.Answer](s, midnight, []string{path}, nil)
		days, listErr := s.Days(lake.Answers, time.Time{}, time.Time{})
		if listErr != nil || err != nil && len(days) > 0 || err == nil && (len(days) > 0) != (m.Added > 0) {
			t.Errorf("%v, %v, %d days, %d rows", err, listErr, len(days), m.Added)
		}
	})
}

func TestSpoolCutShort(t *testing.T) {
	dir := t.TempDir()
	path := spool(t, dir, group("101", 1, 3, 5), group("102", 1, 2, 5))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for end := 1; end < len(good); end++ {
		if end == 4+int(binary.LittleEndian.Uint32(good)) {
			continue // the end of the first parcel
		}
		if err := os.WriteFile(path, good[:end], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := lake.Merge[measurement.Answer](lake.Store{Dir: dir}, midnight, []string{path}, nil); err == nil {
			t.Errorf("%d of %d bytes were taken for a spool", end, len(good))
		}
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
			if _, err := lake.Merge[measurement.Answer](s, midnight, []string{spool(t, dir, portion)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := lake.Amend(s, midnight, func(_ int64, a *measurement.Answer) { a.Attempts = 1 }); err != nil {
			t.Fatal(err)
		}
		path := s.Path(lake.Answers, midnight)
		got, _, err := lake.Read[measurement.Answer](path)
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
	if err := lake.Write(path, group("101", 1, 1, 5), lake.Metadata{}); err != nil {
		t.Fatal(err)
	}
	rows, _, err := lake.Read[measurement.Answer](path)
	if err != nil || len(rows) != 1 || rows[0].Failures == nil {
		t.Errorf("%v, %v", rows, err)
	}
}
