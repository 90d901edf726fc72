package alert

import (
	"reflect"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Field is one field of an object that rules see.
type Field struct {
	Name string // "window.outcomes.timeout"
	Type string // int, double, bool, string, duration, list(string)
	Unit string // percent, ms, min, days; empty where the type says all
	Doc  string
	May  bool // whether it can be absent

	cel   *cel.Type
	index []int
}

// objects are the Go types of the objects, by name.
func objects() map[string]reflect.Type {
	return map[string]reflect.Type{
		"run": reflect.TypeFor[Run](), "window": reflect.TypeFor[Window](), "previous": reflect.TypeFor[Window](),
		"machine": reflect.TypeFor[Machine](), "value": reflect.TypeFor[Value](),
	}
}

// roots are the objects that a rule sees, by its on.
var roots = map[string][]string{
	"run":     {"run"},
	"window":  {"window", "previous", "threshold", "objective"},
	"machine": {"machine"},
	"report":  {"value"},
}

// Fields lists the fields of an object ("run", "window", "previous", "machine",
// "value") in the order of the docs; nil for other names.
func Fields(object string) []Field {
	t, ok := objects()[object]
	if !ok {
		return nil
	}
	all := fieldsOf(object, t, nil)
	if object == "previous" { // its exclusion would be of a time when nothing was wrong
		all = slices.DeleteFunc(all, func(f Field) bool { return f.Name == "previous.exclusion" })
	}
	return all
}

func fieldsOf(prefix string, t reflect.Type, index []int) []Field {
	var all []Field
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		name := prefix + "." + f.Tag.Get("cel")
		inner := f.Type
		if f.Tag.Get("cel") == "" {
			continue // for the alerts, not for conditions
		}
		if inner.Kind() == reflect.Struct {
			all = append(all, fieldsOf(name, inner, at)...)
			continue
		}
		field := Field{Name: name, Unit: f.Tag.Get("unit"), Doc: f.Tag.Get("doc"), index: at}
		if inner.Kind() == reflect.Pointer {
			field.May, inner = true, inner.Elem()
		}
		field.cel = celType(inner)
		field.Type = field.cel.String()
		if field.cel == cel.DurationType {
			field.Type = "duration"
		}
		all = append(all, field)
	}
	return all
}

func celType(t reflect.Type) *cel.Type {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return cel.DurationType
	case t == reflect.TypeFor[[]string]():
		return cel.ListType(cel.StringType)
	}
	switch t.Kind() {
	case reflect.Int64:
		return cel.IntType
	case reflect.Float64:
		return cel.DoubleType
	case reflect.Bool:
		return cel.BoolType
	default:
		return cel.StringType
	}
}

// value takes a field out of its object, given as a reflect.Value of the struct.
// Absent is CEL's unknown, which spreads only as far as the result needs it.
func (f *Field) value(object reflect.Value) ref.Val {
	v := object.FieldByIndex(f.index)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return absent
		}
		v = v.Elem()
	}
	switch {
	case f.cel == cel.DurationType:
		return types.Duration{Duration: time.Duration(v.Int())}
	case v.Kind() == reflect.Int64:
		return types.Int(v.Int())
	case v.Kind() == reflect.Float64:
		return types.Double(v.Float())
	case v.Kind() == reflect.Bool:
		return types.Bool(v.Bool())
	case v.Kind() == reflect.String:
		return types.String(v.String())
	default:
		return types.DefaultTypeAdapter.NativeToValue(v.Interface())
	}
}

var absent = types.NewUnknown(1, nil)

// thresholds are the fields of the object threshold, of these blocks of the plan.
// Availability and correctness are in percent, response latency in ms,
// publication latency in minutes.
func thresholds(blocks []plan.Threshold) map[string]float64 {
	all := map[string]float64{}
	for _, t := range blocks {
		name := thresholdOf(t.Metric)
		if t.AtLeast != nil {
			all[name], _ = t.AtLeast.Rat().Float64()
		}
		if t.AtMost != nil {
			all[name] = time.Duration(*t.AtMost).Minutes()
		}
		for _, over := range measurement.MetricTransports {
			if d := t.Latency(over); d != nil {
				all[name+"."+string(over)] = float64(*d) / float64(time.Millisecond)
			}
		}
	}
	return all
}

// thresholdOf is the field of the object threshold for a metric.
func thresholdOf(m measurement.Metric) string { return "threshold." + string(m) }

// Described is a field of an object with its value as a summary prints it, "?"
// where it is absent.
type Described struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// Describe lists what machine rules see.
func Describe(m Machine) []Described {
	var all []Described
	for _, f := range Fields("machine") {
		text := "?"
		if v := f.value(reflect.ValueOf(m)); v != absent {
			text = printed(v)
		}
		all = append(all, Described{f.Name, text})
	}
	return all
}
