package rebuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// Checked is what a comparison of two lakes found.
type Checked struct {
	Rows        int64    `json:"rows"`        // that both have and that are equal
	Different   int64    `json:"different"`   // rows that differ, or that one lake lacks
	Differences []string `json:"differences"` // the first of them, one a line

	// Former are rows of vantage_points that the plan says no more, and a kept plan does:
	// only the other lake has them.
	Former int64 `json:"former"`

	Plans []string `json:"plans"` // that runs of a lake name and it does not keep, the first of them
}

// mostDifferences are named.
const mostDifferences = 20

// Check compares every column of every table of a rebuilt lake with those of another, and
// looks in both for the plans of their runs. Of runs that no index knew, received_at and
// ingested_at are not compared. Both are read side by side, some thousand rows at a time.
func Check(ctx context.Context, rebuilt, other lake.Store) (Checked, error) {
	c := &check{ctx: ctx, rebuilt: rebuilt, other: other, done: Checked{Differences: []string{}, Plans: []string{}}}
	err := errors.Join(days[measurement.Answer](c, column.Answers), days[measurement.Route](c, column.Routes), days[measurement.Run](c, column.Runs),
		table[measurement.Zone](c, column.Zones, time.Time{}), table[measurement.ZoneSerial](c, column.ZoneSerials, time.Time{}), c.sites(), c.plans(rebuilt), c.plans(other))
	return c.done, err
}

type check struct {
	ctx            context.Context
	rebuilt, other lake.Store
	done           Checked
}

// days compares a table day by day.
func days[T column.Row](c *check, of column.Table) error {
	var all []time.Time
	for _, s := range []lake.Store{c.rebuilt, c.other} {
		files, err := s.Days(of, time.Time{}, time.Time{})
		if err != nil {
			return err
		}
		for _, f := range files {
			all = append(all, f.Day)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	for _, day := range slices.CompactFunc(all, time.Time.Equal) {
		if err := table[T](c, of, day); err != nil {
			return err
		}
	}
	return nil
}

// table compares a file of a table.
func table[T column.Row](c *check, of column.Table, day time.Time) error {
	return compare(c, of, rows[T](c.rebuilt.Path(of, day)), rows[T](c.other.Path(of, day)))
}

// compare compares two lakes' rows of a table, one by one in the order of its key.
func compare[T column.Row](c *check, of column.Table, rebuilt, other iter.Seq2[*T, error]) error {
	left, stopLeft := iter.Pull2(rebuilt)
	defer stopLeft()
	right, stopRight := iter.Pull2(other)
	defer stopRight()
	a, errA, _ := left()
	b, errB, _ := right()
	for (a != nil || b != nil) && errA == nil && errB == nil {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		first := order(a, b)
		switch {
		case first < 0:
			c.differ("%s %s: only in %s", of, key(a), c.rebuilt.Dir)
		case first > 0:
			c.differ("%s %s: only in %s", of, key(b), c.other.Dir)
		default:
			if columns := differing(a, b); len(columns) > 0 {
				c.differ("%s %s: %s", of, key(a), strings.Join(columns, "; "))
			} else {
				c.done.Rows++
			}
		}
		if first <= 0 {
			a, errA, _ = left()
		}
		if first >= 0 {
			b, errB, _ = right()
		}
	}
	return errors.Join(errA, errB)
}

// rows yields the rows of a file one by one; one that is not there has none.
func rows[T column.Row](path string) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for some, err := range column.Rows[T](path) {
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range some {
				if !yield(&some[i], nil) {
					return
				}
			}
		}
	}
}

// order says which of two rows comes first by the table's key; nil comes last.
func order[T column.Row](a, b *T) int {
	switch {
	case b == nil:
		return -1
	case a == nil:
		return 1
	case column.Disorder([]T{*a, *b}) == 0:
		return -1
	case column.Disorder([]T{*b, *a}) == 0:
		return 1
	}
	return 0
}

func (c *check) differ(format string, args ...any) {
	if c.done.Different++; len(c.done.Differences) < mostDifferences {
		c.done.Differences = append(c.done.Differences, fmt.Sprintf(format, args...))
	}
}

// key names a row.
func key(row any) string {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }
	switch r := row.(type) {
	case *measurement.Answer:
		return fmt.Sprintf("%s %s %s %s %s/%s", r.VantagePoint, at(r.Interval), r.Query, r.RSI, r.Family, r.Transport)
	case *measurement.Route:
		return fmt.Sprintf("%s %s %s %s", r.VantagePoint, at(r.Interval), r.RSI, r.Family)
	case *measurement.Run:
		return fmt.Sprintf("%s %s", r.VantagePoint, at(r.Interval))
	case *measurement.Zone:
		return fmt.Sprint(r.Serial)
	case *measurement.ZoneSerial:
		return fmt.Sprint(r.Zone, " ", r.Serial)
	case *measurement.Site:
		if r.From == nil {
			return string(r.VantagePoint)
		}
		return fmt.Sprintf("%s from %s", r.VantagePoint, at(*r.From))
	}
	panic(fmt.Sprintf("rebuild: no key of %T", row))
}

// differing are the columns in which two rows of a key differ, with both values.
func differing(a, b any) []string {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	unnoted := false
	if r, is := a.(*measurement.Run); is {
		unnoted = r.IngestedAt == nil && !r.ReceivedAt.After(r.Interval)
	}
	var columns []string
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
		if unnoted && (name == "received_at" || name == "ingested_at") {
			continue
		}
		if v, w := x.Field(i).Interface(), y.Field(i).Interface(); !reflect.DeepEqual(v, w) {
			columns = append(columns, fmt.Sprintf("%s is %s, was %s", name, text(v), text(w)))
		}
	}
	return columns
}

// text is a value as a person reads it, not too long.
func text(v any) string {
	of := reflect.ValueOf(v)
	switch {
	case of.Kind() == reflect.Pointer && of.IsNil(), of.Kind() == reflect.Slice && of.IsNil():
		return "null"
	case of.Kind() == reflect.Pointer:
		return text(of.Elem().Interface())
	}
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []byte:
		return fmt.Sprintf("%.40x (%d bytes)", v, len(v))
	case string, measurement.RSI:
		return fmt.Sprintf("%.100q", v)
	}
	return fmt.Sprintf("%.200s", fmt.Sprint(v))
}
