package cli

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// condition is one --where: the column has one of the values, or none of them.
type condition struct {
	column string
	not    bool
	values []string
}

func parseConditions(where []string) ([]condition, error) {
	var all []condition
	for _, w := range where {
		column, values, found := strings.Cut(w, "=")
		name, not := strings.CutSuffix(column, "!")
		if !found || name == "" {
			return nil, usagef("--where %q: want COLUMN=VALUE,… or COLUMN!=VALUE,…", w)
		}
		all = append(all, condition{name, not, strings.Split(values, ",")})
	}
	return all, nil
}

// matching are the rows that every condition keeps.
func matching[T any](rows []T, where []condition) ([]T, error) {
	for _, c := range where {
		value, err := valueOf[T](c.column)
		if err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(rows, func(r T) bool { return slices.Contains(c.values, value(r)) == c.not })
	}
	return rows, nil
}

// valueOf is how a column's value is read as text.
func valueOf[T any](column string) (func(T) string, error) {
	if _, answers := any(*new(T)).(measurement.Answer); answers && column == "good" {
		return func(r T) string { return strconv.FormatBool(good(any(r).(measurement.Answer))) }, nil
	}
	var known []string
	for f := range reflect.TypeFor[T]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !comparable(f.Type) {
			continue
		}
		if name == column {
			return func(r T) string { return plain(reflect.ValueOf(r).FieldByIndex(f.Index)) }, nil
		}
		known = append(known, name)
	}
	return nil, usagef("--where: no column %q that can be compared; columns: %s", column, strings.Join(known, ", "))
}

// comparable says whether a column has one value, which plain can write.
func comparable(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float64:
		return true
	}
	return t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[[]byte]()
}

// plain writes a value as JSON does, texts without quotation marks.
func plain(v reflect.Value) string {
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice {
		if v.IsNil() {
			return "null"
		}
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case []byte:
		return hex.EncodeToString(x)
	}
	return fmt.Sprint(v.Interface())
}

// good is the rule of docs/method.md: answered with NOERROR, within the deadline.
func good(r measurement.Answer) bool {
	return r.Outcome == measurement.Answered && r.RCode != nil && *r.RCode == measurement.NoError &&
		r.LatencyUS != nil && *r.LatencyUS <= metrics.Deadline.Microseconds()
}
