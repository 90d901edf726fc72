package simulate_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/metrics/correctness"
)

// candidate is a zone of the table and what judges by it.
type candidate struct {
	inUse time.Time // first seen, or archived if earlier (A15)
	zone  *correctness.Zone
}

func candidates(t *testing.T, dir string) []candidate {
	t.Helper()
	zones := filepath.Join(dir, simulate.RootZones)
	rows, err := lake.Store{Dir: dir}.Zones()
	if err != nil {
		t.Fatal(err)
	}
	var all []candidate
	for _, row := range rows {
		whole, err := rootzone.Open(filepath.Join(zones, rootzone.FileName(uint32(row.Serial))))
		if err != nil {
			t.Fatal(err)
		}
		zone, err := correctness.NewZone(whole)
		if err != nil {
			t.Fatal(err)
		}
		c := candidate{*row.ArchivedAt, zone}
		if row.FirstSeen != nil && row.FirstSeen.Before(c.inUse) {
			c.inUse = *row.FirstSeen
		}
		all = append(all, c)
	}
	slices.Reverse(all) // newest first
	return all
}

// window are the zones that an answer is judged by [yhu], A15.
func window(all []candidate, a measurement.Answer) []*correctness.Zone {
	var zones []*correctness.Zone
	known := false
	for _, c := range all {
		if !c.inUse.Before(a.Interval.Add(interval.Length)) {
			continue
		}
		if !known || !c.inUse.Before(a.SentAt.Add(-48*time.Hour)) {
			zones = append(zones, c.zone)
		}
		known = known || !c.inUse.After(*a.SentAt)
	}
	return zones
}

// TestJudgeAgrees lets package correctness judge every wire: the simulator and
// it know nothing of each other.
func TestJudgeAgrees(t *testing.T) {
	c := config(t, 2, 26*time.Hour)
	c.Zones = &zones{}
	c.Faults = faultsOf(t, c, wireFaults)
	truth, dir := run(t, c)
	all := candidates(t, dir)
	tags := map[key]simulate.Planted{}
	for _, p := range truth.Planted {
		tags[key{p.VantagePoint, p.Interval, "correctness", p.RSI, p.Family, p.Transport}] = p
	}
	judged, differ := 0, 0
	for _, a := range rowsOf[measurement.Answer](t, dir, column.Answers) {
		if a.Response == nil {
			continue
		}
		judged++
		r := correctness.Judge{Zones: window(all, a)}.Judge(correctness.Question{Name: a.QName, Type: a.QType, At: *a.SentAt}, a.Response)
		p, wrong := tags[key{a.VantagePoint, a.Interval, a.Query, a.RSI, a.Family, a.Transport}]
		named := !wrong || p.Fault == nil || slices.ContainsFunc(r.Failures, func(f correctness.Finding) bool { return f.Tag == p.Tag })
		if r.Verdict != *a.Verdict || !wrong && int64(*r.Serial) != *a.VerdictSerial || !named {
			if differ++; differ <= 5 {
				t.Errorf("judged %s by %d, %v\nsimulated %s by %d, planted %+v: %s %s/%s at %s", r.Verdict, *r.Serial, r.Failures,
					*a.Verdict, *a.VerdictSerial, p, a.RSI, a.QName, a.QType, a.SentAt)
			}
		}
	}
	if judged < 7000 || differ > 0 {
		t.Errorf("%d of %d differ", differ, judged)
	}
}
