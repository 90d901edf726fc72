package lake_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// The law of differences: whatever the numbers are, and however far apart, a day
// gives them back.
func TestDayKeepsEveryNumber(t *testing.T) {
	dir := t.TempDir()
	n := 0
	number := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 4_000_000), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0}))
	rapid.Check(t, func(rt *rapid.T) {
		n++
		rows := group("101", 0, rapid.IntRange(1, 700).Draw(rt, "rows"), 0)
		alike := rapid.IntRange(1, 64).Draw(rt, "alike") // how often another number comes
		for i := range rows {
			rows[i].RSI = measurement.RSI(fmt.Sprintf("%05d", i))
			if i%alike > 0 {
				rows[i].LatencyUS, rows[i].ConnectUS, rows[i].Serial, rows[i].SentAt = rows[i-1].LatencyUS, rows[i-1].ConnectUS, rows[i-1].Serial, rows[i-1].SentAt
				continue
			}
			for _, p := range []**int64{&rows[i].LatencyUS, &rows[i].ConnectUS, &rows[i].Serial} {
				*p = rapid.Ptr(number, true).Draw(rt, "number")
			}
			if us := rapid.Ptr(rapid.Int64Range(0, 1<<52), true).Draw(rt, "sent"); us != nil {
				rows[i].SentAt = ptr(time.UnixMicro(*us).UTC())
			}
		}
		s := lake.Store{Dir: filepath.Join(dir, fmt.Sprint(n)), RowGroup: 500}
		if err := os.Mkdir(s.Dir, 0o755); err != nil {
			rt.Fatal(err)
		}
		if _, err := lake.Merge(s, midnight, apart(rows), nil); err != nil {
			rt.Fatal(err)
		}
		got, _, err := column.Read[measurement.Answer](s.Path(column.Answers, midnight))
		if diff := gocmp.Diff(rows, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			rt.Fatal(err, diff)
		}
	})
}

// A day that an earlier version wrote has its numbers plain: it is read, and goes
// on growing.
func TestDayOfPlainNumbersGrows(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	path := s.Path(column.Answers, midnight)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	old := slices.Concat(group("101", 1, 5, 7_000), group("102", 1, 5, 8_000))
	if err := column.Write(path, old, column.Metadata{}); err != nil { // so few rows are written plain
		t.Fatal(err)
	}
	if got := encodings(t, path)["latency_us"]; !slices.Contains(got, format.Plain) {
		t.Fatalf("latency_us is %v, and shows nothing here", got)
	}
	want := slices.Clone(old)
	for slot := 2; slot < 5; slot++ {
		more := group("101", slot, 5, int64(slot)*9_000)
		want = append(want, more...)
		if _, err := lake.Merge(s, midnight, apart(more), nil); err != nil {
			t.Fatal(err)
		}
		got, _, err := column.Read[measurement.Answer](path)
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	}
}

func TestDayStoresDifferences(t *testing.T) {
	s := lake.Store{Dir: t.TempDir()}
	if _, err := lake.Merge(s, midnight, apart(group("101", 1, 5, 7_000)), nil); err != nil {
		t.Fatal(err)
	}
	for name, got := range encodings(t, s.Path(column.Answers, midnight)) {
		want := slices.Contains([]string{"interval", "sent_at", "latency_us", "connect_us", "serial", "source_port"}, name)
		if slices.Contains(got, format.DeltaBinaryPacked) != want {
			t.Errorf("%s: encodings %v", name, got)
		}
		if slices.Contains(got, format.DeltaLengthByteArray) || slices.Contains(got, format.DeltaByteArray) {
			t.Errorf("%s: encodings %v; texts by difference are refused by more engines than numbers", name, got)
		}
	}
}

// A day of hours stores its latencies and the counts of buckets so, and nothing else.
func TestHoursStoreDifferences(t *testing.T) {
	s, want := lake.Store{Dir: t.TempDir()}, []measurement.Hour{}
	path := s.Path(column.Hours, midnight)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for n := range 3000 {
		v4, udp, us := measurement.IPv4, measurement.UDP, int64(n*n%100_003)
		h := measurement.Hour{VantagePoint: "101", Hour: midnight.Add(time.Duration(n/1000) * time.Hour), Query: "soa", RSI: measurement.RSI(fmt.Sprintf("%04d", n)), Family: &v4, Transport: &udp,
			Planned: 12, Sent: 12, Instances: []measurement.InstanceCount{}}
		if n%7 > 0 { // some have no latencies, and some an empty histogram
			h.LatencyMedianUS, h.LatencyMaxUS, h.LatencyHistogram = &us, &us, []measurement.LatencyBucket{}
			for b := range n % 5 {
				h.LatencyHistogram = append(h.LatencyHistogram, measurement.LatencyBucket{Bucket: int32(n%200 + b), Count: int32(n % 11)})
			}
		}
		want = append(want, h)
	}
	w, err := lake.CreateDay[measurement.Hour](s, midnight)
	if err == nil {
		err = w.Write(want)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := column.Read[measurement.Hour](path)
	if diff := gocmp.Diff(want, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	for _, c := range metadataOf(t, path).RowGroups[0].Columns {
		name := strings.Join(c.MetaData.PathInSchema, ".")
		differs := slices.Contains([]string{"latency_median_us", "latency_max_us", "latency_histogram.list.element.count"}, name)
		if slices.Contains(c.MetaData.Encoding, format.DeltaBinaryPacked) != differs {
			t.Errorf("%s: encodings %v", name, c.MetaData.Encoding)
		}
	}
}

// encodings are those of each column in a file's first row group.
func encodings(t *testing.T, path string) map[string][]format.Encoding {
	t.Helper()
	all := map[string][]format.Encoding{}
	for _, c := range metadataOf(t, path).RowGroups[0].Columns {
		all[c.MetaData.PathInSchema[0]] = c.MetaData.Encoding
	}
	return all
}
