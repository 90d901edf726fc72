package plan

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// decoder reads the typed attributes of one block. Every method reports a bad
// value at the value's own place and returns the default in its stead.
type decoder struct {
	l      *loader
	t      *blockType
	ctx    *hcl.EvalContext
	what   string // `query "soa"`, for messages
	at     hcl.Range
	attrs  hcl.Attributes
	blocks hcl.Blocks
}

// item is a value and its place.
type item struct {
	v  cty.Value
	at hcl.Range
}

// errorf reports a mistake at an attribute, or at the block where it is absent.
func (d *decoder) errorf(name, remedy, format string, args ...any) {
	d.l.errorf(d.place(name), remedy, format, args...)
}

// place is where to point for an attribute: its value, or the block it is missing from.
func (d *decoder) place(name string) hcl.Range {
	if a := d.attrs[name]; a != nil {
		return a.Expr.Range()
	}
	return d.at
}

// has reports whether the attribute is written and not null.
func (d *decoder) has(name string) bool {
	_, ok := d.get(name)
	return ok
}

// get evaluates an attribute; false where it is absent, null (which means the
// same, so that an expression can leave an attribute out) or reported already.
func (d *decoder) get(name string) (item, bool) {
	known := d.t.attribute(name)
	a := d.attrs[name]
	if a == nil {
		return item{}, false
	}
	v := d.l.eval(a.Expr, d.ctx)
	if !v.IsWhollyKnown() {
		return item{}, false
	}
	if v.IsNull() {
		if known.must {
			d.errorf(name, "It takes: "+known.kind+".", "%s of %s is null", name, d.what)
		}
		return item{}, false
	}
	return item{v, a.Expr.Range()}, true
}

// to converts a value; kind says in words what is wanted.
func (d *decoder) to(it item, want cty.Type, kind string) (cty.Value, bool) {
	c, err := convert.Convert(it.v, want)
	if err != nil || c.IsNull() || !c.IsWhollyKnown() {
		d.l.errorf(it.at, "Write "+example(want)+".", "want %s, not %s", kind, valueWords(it.v))
		return cty.NilVal, false
	}
	return c, true
}

// itemText reads text. Numbers convert, as in a template; true and false do not:
// nobody means the word.
func (d *decoder) itemText(it item, kind string) (string, bool) {
	if it.v.Type() == cty.Bool {
		d.l.errorf(it.at, "Write "+example(cty.String)+".", "want %s, not true or false", kind)
		return "", false
	}
	v, ok := d.to(it, cty.String, kind)
	if !ok {
		return "", false
	}
	return v.AsString(), true
}

// text reads text; def stands for an absent or refused value here and below.
func (d *decoder) text(name, def string) string {
	it, ok := d.get(name)
	if !ok {
		return def
	}
	if s, ok := d.itemText(it, "text"); ok {
		return s
	}
	return def
}

// line is text without line breaks and control characters: it becomes a cell
// of a file or a word of an alert line.
func (d *decoder) line(name, def string) string {
	s := d.text(name, def)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.errorf(name, "Write it on one line.", "%s holds control characters", name)
		return def
	}
	return s
}

// flag reads true or false.
func (d *decoder) flag(name string, def bool) bool {
	it, ok := d.get(name)
	if !ok {
		return def
	}
	v, ok := d.to(it, cty.Bool, "true or false")
	return ok && v.True() || !ok && def
}

// number reads a whole number within [lo, hi].
func (d *decoder) number(name string, def, lo, hi int64) int64 {
	it, ok := d.get(name)
	if !ok {
		return def
	}
	return d.itemNumber(it, name, def, lo, hi)
}

// itemNumber reads a whole number within [lo, hi].
func (d *decoder) itemNumber(it item, name string, def, lo, hi int64) int64 {
	v, ok := d.to(it, cty.Number, "a number")
	if !ok {
		return def
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact || n < lo || n > hi {
		d.l.errorf(it.at, fmt.Sprintf("Give a whole number from %d to %d.", lo, hi), "%s is out of range", name)
		return def
	}
	return n
}

// degrees reads a number of degrees within [-most, most]; nil where there is none.
func (d *decoder) degrees(name string, most float64) *float64 {
	it, ok := d.get(name)
	if !ok {
		return nil
	}
	v, ok := d.to(it, cty.Number, "a number")
	if !ok {
		return nil
	}
	n, _ := v.AsBigFloat().Float64()
	if n < -most || n > most {
		d.errorf(name, fmt.Sprintf("Give degrees from -%g to %[1]g; south and west are negative.", most), "%s is out of range", name)
		return nil
	}
	return &n
}

// itemDuration reads a duration. A bare number is refused: the reader could not
// know whether seconds or milliseconds were meant.
func (d *decoder) itemDuration(it item) (Duration, bool) {
	if it.v.Type() == cty.Number {
		d.l.errorf(it.at, `Durations have units: "4s", "5m", "250ms", "1d12h".`, "a duration without unit")
		return 0, false
	}
	s, ok := d.itemText(it, "a duration")
	if !ok {
		return 0, false
	}
	v, err := ParseDuration(s)
	if err != nil {
		d.l.errorf(it.at, `Write numbers with the units d, h, m, s, ms, us: "4s", "5m", "1d12h".`, "%q is no duration", s)
		return 0, false
	}
	return v, true
}

// duration reads a duration within [lo, hi].
func (d *decoder) duration(name string, def, lo, hi Duration) Duration {
	it, ok := d.get(name)
	if !ok {
		return def
	}
	v, ok := d.itemDuration(it)
	if !ok {
		return def
	}
	if v < lo || v > hi {
		d.errorf(name, fmt.Sprintf("Give a duration from %s to %s.", lo, hi), "%s of %s is out of range", name, v)
		return def
	}
	return v
}

// moment reads a time; nil where it is absent.
func (d *decoder) moment(name string) *time.Time {
	it, ok := d.get(name)
	if !ok {
		return nil
	}
	return d.itemMoment(it)
}

// itemMoment reads a time.
func (d *decoder) itemMoment(it item) *time.Time {
	s, ok := d.itemText(it, "a time")
	if !ok {
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1980 && t.Year() <= 2200 {
			t = t.UTC()
			return &t
		}
	}
	d.l.errorf(it.at, `Write RFC 3339, such as "2026-03-02T10:00:00Z", or a day, "2026-03-02", for its 00:00 UTC.`, "%q is no time", s)
	return nil
}

// order reports a span that ends before it begins; the end is not part of it.
func (d *decoder) order(from, until string, a, b *time.Time) {
	if a != nil && b != nil && !a.Before(*b) {
		d.errorf(until, fmt.Sprintf("A span begins with %s and ends before %s.", from, until),
			"%s is not after %s", until, from)
	}
}

// enum reads one of a few words.
func (d *decoder) enum(name, def string, known ...string) string {
	it, ok := d.get(name)
	if !ok {
		return def
	}
	if s, ok := d.itemEnum(it, name, known); ok {
		return s
	}
	return def
}

// itemEnum reads one word of known.
func (d *decoder) itemEnum(it item, name string, known []string) (string, bool) {
	s, ok := d.itemText(it, "text")
	if ok && !slices.Contains(known, s) {
		d.l.errorf(it.at, didYouMean(s, known, "Values"), "%s has no value %q", name, s)
		return "", false
	}
	return s, ok
}

// list reads a list with the place of each element where it is written out.
func (d *decoder) list(name string) ([]item, bool) {
	it, ok := d.get(name)
	if !ok {
		return nil, false
	}
	t := it.v.Type()
	if !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		d.errorf(name, "Write a list: [ … ].", "want a list, not %s", valueWords(it.v))
		return nil, false
	}
	exprs, _ := hcl.ExprList(d.attrs[name].Expr)
	items := []item{}
	for e := it.v.ElementIterator(); e.Next(); {
		_, v := e.Element()
		at := it.at
		if n := len(items); len(exprs) == it.v.LengthInt() {
			at = exprs[n].Range()
		}
		items = append(items, item{v, at})
	}
	return items, true
}

// enums reads a list of words, each once, and returns it in the order of known.
func (d *decoder) enums(name string, def []string, known ...string) []string {
	items, ok := d.list(name)
	if !ok {
		return def
	}
	given := map[string]bool{}
	for _, it := range items {
		s, ok := d.itemEnum(it, name, known)
		if ok && given[s] {
			d.l.errorf(it.at, "Name it once.", "%q twice in %s", s, name)
		}
		given[s] = true
	}
	if len(items) == 0 {
		d.errorf(name, "Values: "+strings.Join(known, ", ")+".", "%s is empty", name)
	}
	return slices.DeleteFunc(slices.Clone(known), func(s string) bool { return !given[s] })
}

// texts reads a list of texts, each once, in the order written.
func (d *decoder) texts(name string) []item {
	items, _ := d.list(name)
	seen := map[string]bool{}
	var all []item
	for _, it := range items {
		s, ok := d.itemText(it, "text")
		if !ok {
			continue
		}
		if seen[s] {
			d.l.errorf(it.at, "Name it once.", "%q twice in %s", s, name)
			continue
		}
		seen[s] = true
		all = append(all, item{cty.StringVal(s), it.at})
	}
	return all
}

// object reads an object attribute's entries, those written out with their
// places; a key that is not known is reported.
func (d *decoder) object(name string, known []string) map[string]item {
	it, ok := d.get(name)
	if !ok {
		return nil
	}
	t := it.v.Type()
	if !t.IsObjectType() && !t.IsMapType() {
		d.errorf(name, "Write an object: { name = value }.", "want an object, not %s", valueWords(it.v))
		return nil
	}
	return d.entries(it, d.attrs[name].Expr, name, known)
}

// entries reads those of an object that an expression writes out, or is the value of.
func (d *decoder) entries(it item, written hcl.Expression, name string, known []string) map[string]item {
	keys, places := map[string]hcl.Range{}, map[string]hcl.Range{}
	pairs, _ := hcl.ExprMap(written)
	for _, p := range pairs {
		k, diags := p.Key.Value(d.ctx)
		if text, err := convert.Convert(k, cty.String); err == nil && !diags.HasErrors() && text.IsKnown() && !text.IsNull() {
			keys[text.AsString()], places[text.AsString()] = p.Key.Range(), p.Value.Range()
		}
	}
	out := map[string]item{}
	for e := it.v.ElementIterator(); e.Next(); {
		k, v := e.Element()
		key, at := k.AsString(), it.at
		if r, ok := keys[key]; ok {
			at = r
		}
		if known != nil && !slices.Contains(known, key) {
			d.l.errorf(at, didYouMean(key, known, "Keys"), "no key %q in %s", key, name)
			continue
		}
		if r, ok := places[key]; ok {
			at = r
		}
		if !v.IsNull() {
			out[key] = item{v, at}
		}
	}
	return out
}
