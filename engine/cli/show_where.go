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
		value, kind, err := valueOf[T](c.column)
		if err != nil {
			return nil, err
		}
		wanted := make([]string, len(c.values))
		for i, text := range c.values {
			if wanted[i], err = parseValue(kind, text); err != nil {
				return nil, usagef("--where %s: %w", c.column, err)
			}
		}
		rows = slices.DeleteFunc(rows, func(r T) bool { return slices.Contains(wanted, value(r)) == c.not })
	}
	return rows, nil
}

// valueOf is how a column's value is read as text, and the type that it has.
func valueOf[T any](column string) (func(T) string, reflect.Type, error) {
	if _, answers := any(*new(T)).(measurement.Answer); answers && column == "good" {
		return func(r T) string { return strconv.FormatBool(good(any(r).(measurement.Answer))) }, reflect.TypeFor[bool](), nil
	}
	var known []string
	for f := range reflect.TypeFor[T]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !single(f.Type) {
			continue
		}
		if name == column {
			return func(r T) string { return plain(reflect.ValueOf(r).FieldByIndex(f.Index)) }, f.Type, nil
		}
		known = append(known, name)
	}
	return nil, nil, usagef("--where: no column %q that can be compared; columns: %s", column, strings.Join(known, ", "))
}

// words are the closed vocabularies: a column of such a type has no other value.
var words = map[reflect.Type][]string{
	reflect.TypeFor[measurement.Outcome]():   measurement.Strings(measurement.Outcomes),
	reflect.TypeFor[measurement.Verdict]():   measurement.Strings(measurement.Verdicts),
	reflect.TypeFor[measurement.Family]():    measurement.Strings(measurement.Families),
	reflect.TypeFor[measurement.Transport](): measurement.Strings(measurement.Transports),
	reflect.TypeFor[measurement.Security]():  measurement.Strings(measurement.Securities),
	reflect.TypeFor[measurement.TLSAuth]():   measurement.Strings(measurement.TLSAuths),
	reflect.TypeFor[measurement.ZoneState](): measurement.Strings(measurement.ZoneStates),
	reflect.TypeFor[measurement.ZoneProof](): measurement.Strings(measurement.ZoneProofs),
}

// parseValue reads a value of a column of that type, and writes it as plain does. An error
// says what would be right.
func parseValue(t reflect.Type, text string) (string, error) {
	orNull := ""
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if text == "null" {
			return text, nil
		}
		orNull = ", or null"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	wrong := func(want string) error { return fmt.Errorf("value %q: want %s%s", text, want, orNull) }
	if all, closed := words[t]; closed && !slices.Contains(all, text) {
		return "", wrong("one of " + strings.Join(all, ", "))
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		for _, layout := range []string{time.RFC3339, minuteLayout} {
			if at, err := time.Parse(layout, text); err == nil {
				return plain(reflect.ValueOf(at)), nil
			}
		}
		return "", wrong("a time such as 2026-11-22T22:40:00Z or 2026-11-22T22:40Z")
	case t == reflect.TypeFor[[]byte]():
		wire, err := hex.DecodeString(text)
		if err != nil {
			return "", wrong("hexadecimal digits")
		}
		return hex.EncodeToString(wire), nil
	case t.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return "", wrong("true or false")
		}
	case t.Kind() == reflect.Int32 || t.Kind() == reflect.Int64:
		n, err := strconv.ParseInt(text, 10, t.Bits())
		if err != nil {
			return "", wrong(fmt.Sprintf("a whole number of %d bits", t.Bits()))
		}
		return strconv.FormatInt(n, 10), nil
	case t.Kind() == reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "", wrong("a number")
		}
		return plain(reflect.ValueOf(x)), nil
	}
	return text, nil
}

// single says whether a column has one value, which plain can write.
func single(t reflect.Type) bool {
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

// good is the rule of docs/method.md: as it should be, and where the plan does not say what
// that is within the deadline of RSSAC047.
func good(r measurement.Answer) bool {
	return r.Good() && (r.Expected != nil || r.LatencyUS != nil && *r.LatencyUS <= metrics.Deadline.Microseconds())
}
