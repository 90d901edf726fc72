//go:build system

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// lakeFacts is a lake as loops over its rows see it, and what was planted in it.
type lakeFacts struct {
	answers []measurement.Answer
	zones   []measurement.Zone
	planted []struct{ RSI, Tag string }
	new     []string // days of schema 3
}

func readFacts(t *testing.T, dir string) *lakeFacts {
	f := new(lakeFacts)
	store := lake.Store{Dir: dir}
	days, err := store.Days(column.Answers, time.Time{}, time.Time{})
	must(t, err)
	for _, d := range days {
		rows, _, err := column.Read[measurement.Answer](d.Path)
		must(t, err)
		f.answers = append(f.answers, rows...)
	}
	f.zones, err = store.Zones()
	must(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "_truth.json"))
	must(t, err)
	truth := struct{ Planted *[]struct{ RSI, Tag string } }{&f.planted}
	must(t, json.Unmarshal(text, &truth))
	if len(f.answers) != 2*2*288*65 || len(f.planted) == 0 || len(f.zones) == 0 {
		t.Fatalf("%d answers, %d of them incorrect, %d zones", len(f.answers), len(f.planted), len(f.zones))
	}
	return f
}

// group puts the rows that are kept together by key; a row of the result is key and values.
func (f *lakeFacts) group(keep func(measurement.Answer) bool, key func(measurement.Answer) []any, values func([]measurement.Answer) []any) [][]any {
	groups, keys := map[string][]measurement.Answer{}, map[string][]any{}
	for _, r := range f.answers {
		if !keep(r) {
			continue
		}
		var k []any
		if key != nil {
			k = key(r)
		}
		text, err := json.Marshal(k)
		if err != nil {
			panic(err)
		}
		groups[string(text)], keys[string(text)] = append(groups[string(text)], r), k
	}
	var result [][]any
	for text, rows := range groups {
		result = append(result, append(slices.Clone(keys[text]), values(rows)...))
	}
	return result
}

func all(measurement.Answer) bool { return true }

func isGood(r measurement.Answer) bool {
	return r.Outcome == measurement.Answered && *r.RCode == "NOERROR" && *r.LatencyUS <= 4e6
}

func soaSent(r measurement.Answer) bool {
	return r.Query == "soa" && r.Outcome != measurement.LocalError
}

func soaGood(r measurement.Answer) bool { return soaSent(r) && isGood(r) }

func firstDay(r measurement.Answer) bool { return r.Interval.Day() == 1 }

func rsiAndPath(r measurement.Answer) []any { return []any{r.RSI, r.Family, r.Transport} }

func rowCount(rows []measurement.Answer) []any { return []any{len(rows)} }

func count(rows []measurement.Answer, is func(measurement.Answer) bool) int {
	n := 0
	for _, r := range rows {
		if is(r) {
			n++
		}
	}
	return n
}

// median is that of the latencies, in ms.
func median(rows []measurement.Answer) float64 {
	var us []int64
	for _, r := range rows {
		us = append(us, *r.LatencyUS)
	}
	slices.Sort(us)
	return float64(us[(len(us)-1)/2]+us[len(us)/2]) / 2000
}

func availability(f *lakeFacts) [][]any {
	return f.group(soaSent, rsiAndPath, func(rows []measurement.Answer) []any { return []any{count(rows, isGood), len(rows)} })
}

func outcomesByVantagePoint(f *lakeFacts) [][]any {
	return f.group(firstDay, func(r measurement.Answer) []any { return []any{r.VantagePoint, r.Outcome} }, rowCount)
}

// place is what testdata/readers/mix.py says of a vantage point.
func (f *lakeFacts) place(r measurement.Answer) []any {
	switch {
	case len(f.new) == 0 || r.VantagePoint == "902" && !firstDay(r):
		return []any{nil, nil}
	case r.VantagePoint == "902":
		return []any{"asia", "two"}
	}
	return []any{"europe", "one"}
}

func exportsSomething(t *testing.T, _ *lakeFacts, rows [][]any) {
	if len(rows) < 5 || !strings.HasPrefix(rows[0][0].(string), "37440 rows of answers in ") || !strings.HasPrefix(rows[1][0].(string), `{"vantage_point":"901"`) {
		t.Errorf("exported %v", rows)
	}
}

// whoWasDown: e for an hour and d, whose servers said SERVFAIL, for two, by every path and
// from both vantage points; whatever else was lost was less.
func whoWasDown(t *testing.T, _ *lakeFacts, rows [][]any) {
	hour := func(day, hour int) float64 {
		return float64(time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC).Unix())
	}
	down := map[string]int{}
	for i, r := range rows {
		whole := r[4] == 24.0 && r[5] == 2.0
		switch {
		case r[0] == "e" && r[3] == hour(1, 6) && whole && r[6] == "timeout",
			r[0] == "d" && (r[3] == hour(2, 9) || r[3] == hour(2, 10)) && whole && r[6] == "SERVFAIL":
			down[r[0].(string)]++
		case i < 12 || r[4].(float64) > 6:
			t.Errorf("who was down: row %d is %v", i, r)
		}
	}
	if down["e"] != 4 || down["d"] != 8 {
		t.Errorf("who was down: %v in %v", down, rows)
	}
}

// oldSerials: c alone, which kept the zone that it had at 03:00. A lake of schema 1 does not
// say when zones were first used.
func oldSerials(t *testing.T, f *lakeFacts, rows [][]any) {
	if len(f.new) == 0 {
		if len(rows) > 0 {
			t.Errorf("old serials: %v", rows)
		}
		return
	}
	frozen := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	var kept int64
	var replaced time.Time
	for _, z := range f.zones {
		if z.FirstUsed.Before(frozen) {
			kept = z.Serial
		} else if replaced.IsZero() {
			replaced = *z.FirstUsed
		}
	}
	want := count(f.answers, func(r measurement.Answer) bool {
		return soaGood(r) && r.RSI == "c" && r.SentAt.After(replaced.Add(time.Hour))
	})
	found := 0.0
	for _, r := range rows {
		if r[0] != "c" || r[2] != float64(kept) || r[6].(float64) < 40*3600 && r[3].(float64) > 100 {
			t.Errorf("old serials: %v; want c with %d", r, kept)
		}
		found += r[3].(float64)
	}
	if found != float64(want) || want < 2000 {
		t.Errorf("old serials: %v answers, want %d", found, want)
	}
}

// incorrectByRule: as many as were planted, of f and, where its old zone had aged, of c.
func incorrectByRule(t *testing.T, f *lakeFacts, rows [][]any) {
	want, found := map[string]float64{}, map[string]float64{}
	for _, p := range f.planted {
		want[p.RSI]++
	}
	for _, r := range rows {
		found[r[0].(string)] += r[2].(float64)
		if tag := r[1].(string); !strings.HasPrefix(r[3].(string), tag+":") {
			t.Errorf("incorrect: the example of %s is %v", tag, r[3])
		}
	}
	if len(found) != len(want) || want["f"] < 500 || found["f"] < want["f"] {
		t.Errorf("incorrect: found %v, want %v", found, want)
	}
}

// everyColumn: the views have the columns of the tables, whatever the files have.
func everyColumn(t *testing.T, _ *lakeFacts, rows [][]any) {
	for view, c := range map[string]struct {
		row  reflect.Type
		more []string
	}{
		"answers":        {reflect.TypeFor[measurement.Answer](), []string{"yyyymm", "good", "sent"}},
		"runs":           {reflect.TypeFor[measurement.Run](), []string{"yyyymm"}},
		"routes":         {reflect.TypeFor[measurement.Route](), []string{"yyyymm"}},
		"zones":          {reflect.TypeFor[measurement.Zone](), nil},
		"vantage_points": {reflect.TypeFor[measurement.Site](), nil},
		"zone_serials":   {reflect.TypeFor[measurement.ZoneSerial](), nil},
		"located_answers": {reflect.TypeFor[measurement.Answer](), []string{"yyyymm", "good", "sent", "region", "metro", "provider", "host",
			"latitude", "longitude", "asn"}},
	} {
		want := slices.Clone(c.more)
		for f := range c.row.Fields() {
			want = append(want, jsonName(f))
		}
		slices.Sort(want)
		i := slices.IndexFunc(rows, func(r []any) bool { return r[0] == view })
		if i < 0 || fmt.Sprint(rows[i][1]) != fmt.Sprint(want) {
			t.Errorf("columns of %s: %v, want %v", view, rows, want)
		}
	}
}
