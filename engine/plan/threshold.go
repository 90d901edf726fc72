package plan

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// decodeThreshold reads what a metric must meet; which attributes there are
// depends on the metric in the label.
func (l *loader) decodeThreshold(b *block) {
	d := l.open(b)
	t := Threshold{Metric: b.label}
	if !slices.Contains(Metrics, b.label) {
		l.errorf(b.LabelRanges[0], didYouMean(b.label, Metrics, "Metrics"), "no metric %q", b.label)
		return
	}
	wanted := []string{"at_least"}
	switch {
	case strings.HasSuffix(b.label, "_response_latency"):
		wanted = []string{"udp", "tcp"}
	case strings.HasSuffix(b.label, "_publication_latency"):
		wanted = []string{"at_most"}
	}
	for _, name := range []string{"at_least", "at_most", "udp", "tcp"} {
		switch right, given := slices.Contains(wanted, name), d.attrs[name] != nil; {
		case right && !given && !l.faulty[d.at]:
			l.errorf(d.at, "Add "+thresholdExample[name]+".", "%s lacks %q", d.what, name)
		case given && !right:
			d.errorf(name, "This metric takes "+strings.Join(wanted, " and ")+".", "%s has no %q", d.what, name)
		}
	}
	if slices.Contains(wanted, "at_least") {
		t.AtLeast = d.percent("at_least")
	}
	if it, ok := d.get("at_most"); ok {
		t.AtMost = d.atMost(it)
	}
	for name, to := range map[string]**Duration{"udp": &t.UDP, "tcp": &t.TCP} {
		if o := d.object(name, []string{"at_most"}); o != nil {
			it, ok := o["at_most"]
			if !ok {
				d.errorf(name, "Write "+thresholdExample[name]+".", "%s lacks %q", name, "at_most")
				continue
			}
			*to = d.atMost(it)
		}
	}
	l.plan.Thresholds = append(l.plan.Thresholds, t)
}

var thresholdExample = map[string]string{
	"at_least": "at_least = 96", "at_most": `at_most = "65m"`,
	"udp": `udp = { at_most = "250ms" }`, "tcp": `tcp = { at_most = "500ms" }`,
}

// atMost reads the bound of a latency.
func (d *decoder) atMost(it item) *Duration {
	v, ok := d.itemDuration(it)
	if !ok {
		return nil
	}
	if v < 1 || v > Duration(31*24*time.Hour) {
		d.l.errorf(it.at, "Give a duration above 0s, at most 31d.", "at_most of %s is out of range", v)
		return nil
	}
	return &v
}

// percent reads an exact decimal number of percent. HCL numbers have 512 bits,
// so that their shortest decimal form is what was written.
func (d *decoder) percent(name string) *Percent {
	it, ok := d.get(name)
	if !ok {
		return nil
	}
	if it.v.Type() == cty.String {
		d.l.errorf(it.at, "Write the number of percent without quotes and sign: 99.999.", "%s wants a number, not text", name)
		return nil
	}
	v, ok := d.to(it, cty.Number, "a number")
	if !ok {
		return nil
	}
	p, err := ParsePercent(decimal(v.AsBigFloat()))
	if err != nil {
		d.l.errorf(it.at, "Give a decimal number from 0 to 100 with at most nine places.", "%s is out of range", name)
		return nil
	}
	return &p
}

// decimal writes f as a decimal number, empty where it is beyond any percentage.
func decimal(f *big.Float) string {
	if f.IsInf() || f.MantExp(nil) > 64 {
		return "" // refused by ParsePercent
	}
	return f.Text('f', -1)
}
