package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// compare names the differences of two documents, the second one's side in
// those words.
func compare(a, b *Document, says string) ([]string, error) {
	left, err := generic(a)
	if err != nil {
		return nil, err
	}
	right, err := generic(b)
	if err != nil {
		return nil, err
	}
	c := differences{says: says}
	c.any("", left, right)
	return c.found, nil
}

func generic(d *Document) (any, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // exact
	return v, decoder.Decode(&v)
}

type differences struct {
	says  string
	found []string
}

func (c *differences) any(place string, a, b any) {
	if reflect.DeepEqual(a, b) {
		return
	}
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if aok && bok {
		var all []string
		for k := range am {
			all = append(all, k)
		}
		for k := range bm {
			if _, both := am[k]; !both {
				all = append(all, k)
			}
		}
		slices.Sort(all)
		for _, k := range all {
			c.any(strings.TrimSpace(place+" "+k), am[k], bm[k])
		}
		return
	}
	al, aok := a.([]any)
	bl, bok := b.([]any)
	if aok && bok {
		c.lists(place, al, bl)
		return
	}
	c.found = append(c.found, fmt.Sprintf("%s: the report says %s, %s %s", place, abbreviated(a), c.says, abbreviated(b)))
}

// lists compares entries by their names, so that one that is missing does not
// make all that follow differ.
func (c *differences) lists(place string, a, b []any) {
	right := map[string]any{}
	var was, is []string
	for i, x := range b {
		right[name(x, i)] = x
		is = append(is, name(x, i))
	}
	for i, x := range a {
		n := name(x, i)
		was = append(was, n)
		other, found := right[n]
		delete(right, n)
		at := strings.TrimSpace(strings.TrimPrefix(place, "values") + " " + n)
		if !found {
			c.found = append(c.found, fmt.Sprintf("%s: the report says %s, %s nothing", at, abbreviated(x), c.says))
			continue
		}
		c.any(at, x, other)
	}
	for i, x := range b {
		if n := name(x, i); right[n] != nil {
			c.found = append(c.found, fmt.Sprintf("%s: the report says nothing, %s %s", strings.TrimSpace(place+" "+n), c.says, abbreviated(x)))
		}
	}
	c.order(place, was, is)
}

// order names the first entry that stands elsewhere, where both lists have the
// same entries: the digest is made of values in their order.
func (c *differences) order(place string, was, is []string) {
	if slices.Equal(was, is) || !slices.Equal(slices.Sorted(slices.Values(was)), slices.Sorted(slices.Values(is))) {
		return
	}
	for i, n := range was {
		if n != is[i] {
			c.found = append(c.found, fmt.Sprintf("%s: the report has %s in place %d, %s %s there", place, n, i+1, c.says, is[i]))
			return
		}
	}
}

// name is how a person would name an entry of a list.
func name(x any, i int) string {
	m, ok := x.(map[string]any)
	if !ok {
		return fmt.Sprint(x)
	}
	var parts []string
	for _, k := range []string{"metric", "label", "id", "vantage_point", "rsi", "family", "transport", "nsid", "serial", "address", "revision"} {
		if v, there := m[k]; there && v != nil {
			parts = append(parts, fmt.Sprint(v))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprint("number ", i+1)
	}
	return strings.Join(parts, " ")
}

func abbreviated(x any) string {
	text, err := json.Marshal(x)
	if err != nil || string(text) == "null" {
		return "nothing"
	}
	const most = 200
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
