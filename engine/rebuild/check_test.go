package rebuild_test

import (
	"crypto/sha256"
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
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rebuild"
)

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// write makes a lake of these rows.
func write[T column.Row](t *testing.T, s lake.Store, table column.Table, rows ...T) {
	t.Helper()
	path := s.Path(table, day)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := column.Write(path, rows, column.Metadata{}); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, a, b lake.Store) rebuild.Checked {
	t.Helper()
	c, err := rebuild.Check(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// another is a value that differs.
func another(v reflect.Value) reflect.Value {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return reflect.ValueOf(v.Interface().(time.Time).Add(time.Microsecond))
	}
	n := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		n.Set(reflect.New(v.Type().Elem()))
		if !v.IsNil() {
			n.Elem().Set(another(v.Elem()))
		} else if n.Type() == reflect.TypeFor[*time.Time]() {
			n.Set(reflect.ValueOf(&day))
		}
	case reflect.String:
		n.SetString(v.String() + "x")
	case reflect.Bool:
		n.SetBool(!v.Bool())
	case reflect.Int32, reflect.Int64:
		n.SetInt(v.Int() + 1)
	case reflect.Uint8:
		n.SetUint(v.Uint() + 1)
	case reflect.Slice:
		n.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
	default:
		panic(v.Kind())
	}
	return n
}

// eachColumn changes the columns of a row one by one, and wants each to be named.
func eachColumn[T column.Row](t *testing.T, table column.Table, row T, keys ...string) {
	t.Helper()
	columns := column.Names(table)
	for i := range reflect.TypeFor[T]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[T]().Field(i).Tag.Get("json"), ",")
		if !slices.Contains(columns, name) || slices.Contains(keys, name) {
			continue
		}
		columns = slices.DeleteFunc(columns, func(c string) bool { return c == name })
		other := row
		field := reflect.ValueOf(&other).Elem().Field(i)
		field.Set(another(field))
		a, b := lake.Store{Dir: t.TempDir()}, lake.Store{Dir: t.TempDir()}
		write(t, a, table, row)
		write(t, b, table, row)
		if c := check(t, a, b); c.Different != 0 || c.Rows != 1 {
			t.Errorf("%s: the same: %+v", table, c)
		}
		write(t, b, table, other)
		if c := check(t, a, b); c.Different != 1 || len(c.Differences) != 1 || !strings.Contains(c.Differences[0], ": "+name+" is ") {
			t.Errorf("%s: %s goes unseen: %+v", table, name, c)
		}
	}
	if len(columns) != len(keys) {
		t.Errorf("%s: columns %v were not changed", table, columns)
	}
}

// No column of any table differs unseen.
func TestCheckSeesEveryColumn(t *testing.T) {
	eachColumn(t, column.Answers, measurement.Answer{VantagePoint: "101", Interval: day, Query: "soa", RSI: "a", Family: "ipv4", Transport: "udp", Response: []byte{1}, Failures: []string{"x"}},
		"interval", "vantage_point", "query", "rsi", "family", "transport")
	eachColumn(t, column.Routes, measurement.Route{VantagePoint: "101", Interval: day, StartedAt: day, RSI: "a", Family: "ipv4", Hops: []measurement.Hop{{TTL: 1}}},
		"interval", "vantage_point", "rsi", "family")
	eachColumn(t, column.Runs, measurement.Run{VantagePoint: "101", Interval: day, StartedAt: day, ReceivedAt: day.Add(time.Second)}, "interval", "vantage_point")
	eachColumn(t, column.Zones, measurement.Zone{Serial: 2026112200}, "serial")
	eachColumn(t, column.VantagePoints, measurement.Site{VantagePoint: "101", From: &day}, "vantage_point", "from")
	eachColumn(t, column.ZoneSerials, measurement.ZoneSerial{Zone: "example.", Serial: 1, FirstSeen: day, LastSeen: day}, "zone", "serial")
}

// What the plan says no more of vantage points is believed where a kept plan says it.
func TestCheckOfFormerSites(t *testing.T) {
	rebuilt, other := lake.Store{Dir: t.TempDir()}, lake.Store{Dir: t.TempDir()}
	var was plan.Plan
	if err := json.Unmarshal([]byte(`{"name": "was", "servers": [{"rsi": "a"}], "queries": [{}], "vantage_points": [{"id": "101", "metro": "Oslo", "from": "2026-01-01T00:00:00Z"}, {"id": "102", "metro": "Lima"}]}`), &was); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := measurement.Site{VantagePoint: "101", From: &day, Metro: "Bern"}
	write(t, rebuilt, column.VantagePoints, now)
	write(t, other, column.VantagePoints, measurement.Site{VantagePoint: "101", From: &began, Until: &day, Metro: "Oslo"}, now, measurement.Site{VantagePoint: "102", Metro: "Lima"})
	c := check(t, rebuilt, other)
	want := []string{"vantage_points 101 from 2026-01-01T00:00Z: only in " + other.Dir, "vantage_points 102: only in " + other.Dir}
	if c.Rows != 1 || c.Former != 0 || !slices.Equal(c.Differences, want) {
		t.Errorf("of no plan: %+v", c)
	}
	if err := rebuilt.KeepPlan(was.JSON()); err != nil {
		t.Fatal(err)
	}
	if c := check(t, rebuilt, other); c.Rows != 1 || c.Former != 2 || c.Different != 0 {
		t.Errorf("of a kept plan: %+v", c)
	}
	write(t, other, column.VantagePoints, now, measurement.Site{VantagePoint: "102", Metro: "Quito"})
	if c := check(t, rebuilt, other); c.Former != 0 || !slices.Equal(c.Differences, want[1:]) {
		t.Errorf("of a kept plan that says another: %+v", c)
	}
}

// A plan that a run names and that its lake does not keep whole is named.
func TestCheckOfPlans(t *testing.T) {
	rebuilt, other := lake.Store{Dir: t.TempDir()}, lake.Store{Dir: t.TempDir()}
	text := []byte("a plan")
	sum := fmt.Sprintf("%x", sha256.Sum256(text))
	run := measurement.Run{VantagePoint: "101", Interval: day, StartedAt: day, ReceivedAt: day, PlanSHA256: sum}
	for _, s := range []lake.Store{rebuilt, other} {
		write(t, s, column.Runs, run)
	}
	for _, s := range []lake.Store{rebuilt, other} {
		c := check(t, rebuilt, other)
		if len(c.Plans) == 0 || !strings.HasPrefix(c.Plans[0], s.Dir+": 1 runs, first 101 2026-11-22T00:00Z: plan "+sum+" is not in the lake") {
			t.Errorf("%+v", c)
		}
		if err := s.KeepPlan(text); err != nil {
			t.Fatal(err)
		}
	}
	if c := check(t, rebuilt, other); len(c.Plans) > 0 || c.Different > 0 {
		t.Errorf("%+v", c)
	}
	if err := os.WriteFile(other.PlanPath(sum), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := check(t, rebuilt, other); len(c.Plans) != 1 || !strings.Contains(c.Plans[0], "another sha256") {
		t.Errorf("%+v", c)
	}
}

// Of a file that no index knows nobody noted when it came.
func TestCheckOfUnnotedTimes(t *testing.T) {
	rebuilt, other := lake.Store{Dir: t.TempDir()}, lake.Store{Dir: t.TempDir()}
	run := measurement.Run{VantagePoint: "101", Interval: day, StartedAt: day, ReceivedAt: day}
	write(t, rebuilt, column.Runs, run)
	run.ReceivedAt, run.IngestedAt = day.Add(time.Minute), &day
	write(t, other, column.Runs, run)
	if c := check(t, rebuilt, other); c.Different != 0 {
		t.Errorf("%+v", c)
	}
	run.SHA256 = "other"
	write(t, other, column.Runs, run)
	if c := check(t, rebuilt, other); c.Different != 1 || strings.Contains(fmt.Sprint(c.Differences), "received_at") {
		t.Errorf("%+v", c)
	}
	if c := check(t, other, rebuilt); c.Different != 1 || !strings.Contains(fmt.Sprint(c.Differences), "received_at is ") {
		t.Errorf("what is rebuilt has times and they are not compared: %+v", c)
	}
}

// Rows, days and tables that one lake lacks are named, and not too many.
func TestCheckOfMissingRows(t *testing.T) {
	a, b := lake.Store{Dir: t.TempDir()}, lake.Store{Dir: t.TempDir()}
	var rows []measurement.Run
	for i := range 50 {
		rows = append(rows, measurement.Run{VantagePoint: measurement.VantagePoint(fmt.Sprint(100 + i)), Interval: day, StartedAt: day})
	}
	write(t, a, column.Runs, rows[1], rows[3])
	write(t, b, column.Runs, rows[0], rows[1], rows[2])
	write(t, b, column.Zones, measurement.Zone{Serial: 1})
	c := check(t, a, b)
	want := []string{"runs 100 2026-11-22T00:00Z: only in " + b.Dir, "runs 102 2026-11-22T00:00Z: only in " + b.Dir, "runs 103 2026-11-22T00:00Z: only in " + a.Dir, "zones 1: only in " + b.Dir}
	if c.Rows != 1 || c.Different != 4 || !slices.Equal(c.Differences, want) {
		t.Errorf("%+v", c)
	}
	write(t, a, column.Runs, rows...)
	if c := check(t, a, b); c.Different != 48 || len(c.Differences) != 20 {
		t.Errorf("%+v", c)
	}
}
