package alert_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// shows writes what vantage points were shown into the lake of a looker.
func shows(t *testing.T, l *alert.Inspector, rows []measurement.Answer) {
	t.Helper()
	byDay := map[time.Time][]measurement.Answer{}
	for _, a := range rows {
		day := a.Interval.Truncate(24 * time.Hour)
		byDay[day] = append(byDay[day], a)
	}
	for day, rows := range byDay {
		slices.SortStableFunc(rows, func(x, y measurement.Answer) int {
			return cmp.Or(x.Interval.Compare(y.Interval), cmp.Compare(x.VantagePoint, y.VantagePoint), cmp.Compare(x.Query, y.Query), cmp.Compare(x.RSI, y.RSI))
		})
		path := l.Store.Path(column.Answers, day)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := column.Write(path, rows, column.Metadata{Version: "1", Plan: "x", PlanSHA256: "x"}); err != nil {
			t.Fatal(err)
		}
	}
}

func shown(vp measurement.VantagePoint, label time.Time, rsi measurement.RSI, serial int64, v measurement.Verdict) measurement.Answer {
	return measurement.Answer{VantagePoint: vp, Interval: label, SentAt: &label, Query: "correctness", RSI: rsi, Family: "ipv4", Transport: "udp", Address: "198.41.0.4",
		QName: ".", QType: "SOA", Outcome: measurement.Answered, LatencyUS: new(int64(1000)), RCode: new("NOERROR"), AA: new(true), TC: new(false), Serial: &serial,
		ResponseSize: new(int32(100)), Attempts: 1, Verdict: &v}
}

// TestWhoShowsAMissingZone has one vantage point bring genuine SOA records of 150 zones, of
// before and after the archive begins, beside zones that two show, by a signature or by
// being witnesses.
func TestWhoShowsAMissingZone(t *testing.T) {
	l := newLooker(t, "c00")
	archived, label := noon.AddDate(0, 0, -20), noon.AddDate(0, 0, -8)
	signature, witnesses := measurement.ProofSignature, measurement.ProofWitnesses
	zones := []measurement.Zone{{Serial: 2026101200, State: measurement.ZoneArchived, ArchivedAt: &archived, FirstSeen: &archived}}
	var rows []measurement.Answer
	zone := func(serial int64, at time.Time, proof measurement.ZoneProof) {
		zones = append(zones, measurement.Zone{Serial: serial, State: measurement.ZoneSeen, FirstSeen: &at, Proof: &proof})
	}
	for i := range int64(150) {
		serial, at := 2026101100+i, label.Add(time.Duration(i)*5*time.Minute) // half of them before the archive
		if i >= 75 {
			serial = 2026101300 + i
		}
		zone(serial, at, signature)
		rows = append(rows, shown("101", at, "a", serial, measurement.Incorrect))
	}
	// Who is not in the plan bears nothing out, nor does who shows it long after.
	first := label.Add(75 * 5 * time.Minute)
	rows = append(rows, shown("901", first, "b", 2026101375, measurement.Incorrect), shown("301", first.Add(7*time.Hour), "b", 2026101375, measurement.Incorrect))
	// Of before the archive, and answers wait for it.
	waits := noon.AddDate(0, 0, -30)
	zone(2026100100, waits, signature)
	rows = append(rows, shown("101", waits, "a", 2026100100, measurement.Unchecked))
	// Two show it, whatever proves it and however old it is.
	for _, z := range []struct {
		serial int64
		proof  measurement.ZoneProof
	}{{2026100000, signature}, {2026101201, signature}, {2026100001, witnesses}, {2026101202, witnesses}} {
		at := noon.AddDate(0, 0, -4)
		zone(z.serial, at, z.proof)
		rows = append(rows, shown("101", at, "a", z.serial, measurement.Incorrect), shown("301", at.Add(time.Hour), "b", z.serial, measurement.Incorrect))
	}
	zone(2026101203, noon.AddDate(0, 0, -3), signature) // nobody's
	if err := l.Store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	shows(t, l, rows)
	z := look(t, l).Zones
	if z.Gaps != 81 || len(z.Missing) != 81 || len(z.Alone) != 77 {
		t.Errorf("%d gaps, %d named, %d of one", z.Gaps, len(z.Missing), len(z.Alone))
	}
	for _, serial := range []int{2026100000, 2026101201, 2026100001, 2026101202} {
		if name := fmt.Sprint(serial); !slices.Contains(z.Missing, name) || z.Alone[name] != "" {
			t.Errorf("%s is named %t, of %q", name, slices.Contains(z.Missing, name), z.Alone[name])
		}
	}
	for serial, want := range map[string]string{"2026100100": "101", "2026101375": "101", "2026101203": "unknown"} {
		if z.Alone[serial] != want {
			t.Errorf("%s is of %q, want %q", serial, z.Alone[serial], want)
		}
	}
	// Where more are missing than are named, those that several show are.
	for i := range int64(25) {
		at := noon.AddDate(0, 0, -2)
		zone(2026103000+i, at, signature)
		rows = append(rows, shown("101", at.Add(time.Duration(i)*5*time.Minute), "a", 2026103000+i, measurement.Incorrect))
	}
	if err := l.Store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	shows(t, l, rows)
	z = look(t, l).Zones
	if z.Gaps != 106 || len(z.Missing) != 100 || !slices.Contains(z.Missing, "2026100000") || !slices.Contains(z.Missing, "2026100001") {
		t.Errorf("%d gaps, %d named: %v", z.Gaps, len(z.Missing), z.Missing)
	}
}
