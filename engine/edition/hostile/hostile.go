// Package hostile helps tests see that editions print what others wrote as text.
package hostile

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Text commands a terminal, ends a text early, begins a line of its own, turns the
// direction of writing and opens a tag.
const Text = "x\x1b[2J\x00\u202e\u2066<b>&'\"\nFORGED"

// Tame sees to it that nothing of what others wrote is printed but as text.
func Tame(t testing.TB, name, printed string) {
	t.Helper()
	for _, bad := range []string{"\x1b", "\x00", "\u202e", "\u2066", "\nFORGED"} {
		if at := strings.Index(printed, bad); at >= 0 {
			t.Errorf("%s: prints %q: %q", name, bad, printed[max(0, at-80):min(len(printed), at+30)])
		}
	}
	if strings.HasSuffix(name, ".html") && strings.Contains(printed, "<b>") {
		t.Errorf("%s: has a tag of others", name)
	}
}

// Poison adds Text to every text of a value that is none of our own words.
func Poison(v any) { poison(reflect.ValueOf(v)) }

func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		ours := []string{"Schema", "VantagePointsFrom", "CandidatesFrom", "Metric", "Unit", "Paths"}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !slices.Contains(ours, f.Name) {
				poison(v.Field(i))
			}
		}
	case reflect.String:
		switch v.Interface().(type) {
		case string, measurement.RSI, measurement.VantagePoint:
			v.SetString(v.String() + Text)
		}
	}
}
