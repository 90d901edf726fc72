package plan

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// decodeThreshold reads what a metric must meet, and what from later months on.
func (l *loader) decodeThreshold(b *block) {
	d := l.open(b)
	metric := measurement.Metric(b.label)
	if !slices.Contains(measurement.Metrics, metric) {
		l.errorf(b.LabelRanges[0], didYouMean(b.label, measurement.Strings(measurement.Metrics), "Metrics"), "no metric %q", b.label)
		return
	}
	all := []Threshold{d.threshold(metric)}
	l.thresholds[all[0].key()] = d.place("n")
	for _, inner := range d.blocks {
		e := l.openBody(inner.Body, typeNamed(d.t.blocks, "change"), d.ctx, "change of "+d.what, inner.DefRange)
		t := e.threshold(metric)
		if t.From = e.moment("from"); t.From == nil {
			continue // reported
		}
		month := interval.Month(*t.From)
		if !t.From.Equal(month) {
			e.errorf("from", "Thresholds are of whole months [ver]: write the 1st of a month, 00:00 UTC, such as "+quote(interval.NextMonth(month).Format(time.DateOnly))+".",
				"%s changes within a month", d.what)
		}
		if slices.ContainsFunc(all[1:], func(o Threshold) bool { return o.From.Equal(*t.From) }) {
			e.errorf("from", "Give one of them another month.", "%s changes twice on %s", d.what, month.Format(time.DateOnly))
		}
		all = append(all, t)
		l.thresholds[t.key()] = e.place("n")
	}
	slices.SortStableFunc(all, func(a, b Threshold) int { return compareStart(a.From, b.From) })
	l.plan.Thresholds = append(l.plan.Thresholds, all...)
}

// key tells the thresholds of a plan apart.
func (t Threshold) key() string {
	if t.From == nil {
		return string(t.Metric)
	}
	return string(t.Metric) + " " + t.From.String()
}

// checkCounts warns of thresholds that are for another number of RSIs than query soa
// asks at the start of a month in which they are in force [dlw].
func (l *loader) checkCounts() {
	q, ok := l.plan.Query(measurement.QuerySOA)
	if !ok {
		return
	}
	servers, starts := l.plan.ServersOf(q.Servers), []time.Time{{}}
	for _, t := range changes(servers) {
		if !t.Equal(interval.Month(t)) {
			t = interval.NextMonth(t)
		}
		starts = append(starts, t)
	}
	for _, t := range l.plan.Thresholds {
		if t.From != nil {
			starts = append(starts, *t.From)
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	told := map[string]bool{}
	for _, start := range slices.CompactFunc(starts, time.Time.Equal) {
		n := len(RSIsAt(servers, start))
		for _, t := range l.plan.ThresholdsAt(start) {
			if t.N == 0 || t.N == n || told[t.key()] {
				continue
			}
			told[t.key()] = true
			since := "at first"
			if !start.IsZero() {
				since = "on " + start.Format(time.DateOnly)
			}
			l.warnf(l.thresholds[t.key()], "With another number of RSIs the threshold may have to be another [dlw]: add change { from = … }, the 1st of a month.",
				"threshold %q is for %d RSIs, and there are %d %s", t.Metric, t.N, n, since)
		}
	}
}

// Latency is the bound of the response latency over a transport; nil where there is none.
func (t Threshold) Latency(over measurement.Transport) *Duration { return *t.latency(over) }

func (t *Threshold) latency(over measurement.Transport) **Duration {
	switch over {
	case measurement.UDP:
		return &t.UDP
	case measurement.TCP:
		return &t.TCP
	case measurement.TLS: // enters no metric
	}
	return new(*Duration)
}

// bounds are the attributes that a threshold of the metric has.
func bounds(m measurement.Metric) []string {
	switch m {
	case measurement.RSIAvailability, measurement.RSICorrectness, measurement.RSSAvailability, measurement.RSSCorrectness:
		return []string{"at_least"}
	case measurement.RSILatency, measurement.RSSLatency:
		return measurement.Strings(measurement.MetricTransports)
	case measurement.RSIPublication, measurement.RSSPublication:
		return []string{"at_most"}
	}
	return nil
}

// threshold reads the bounds of a threshold block or of a change; which there are
// depends on the metric.
func (d *decoder) threshold(metric measurement.Metric) Threshold {
	t := Threshold{Metric: metric, N: int(d.number("n", 0, 1, 100))}
	wanted := bounds(metric)
	for _, name := range append([]string{"at_least", "at_most"}, measurement.Strings(measurement.MetricTransports)...) {
		switch right, given := slices.Contains(wanted, name), d.attrs[name] != nil; {
		case right && !given && !d.l.faulty[d.at]:
			d.l.errorf(d.at, "Add "+exampleOf(metric, name)+".", "%s lacks %q", d.what, name)
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
	for _, over := range measurement.MetricTransports {
		name := string(over)
		if o := d.object(name, []string{"at_most"}); o != nil {
			it, ok := o["at_most"]
			if !ok {
				d.errorf(name, "Write "+exampleOf(metric, name)+".", "%s lacks %q", name, "at_most")
				continue
			}
			*t.latency(over) = d.atMost(it)
		}
	}
	return t
}

// exampleOf shows the bound of a metric as RSSAC047 has it.
func exampleOf(m measurement.Metric, name string) string {
	switch m {
	case measurement.RSIAvailability:
		return "at_least = 96"
	case measurement.RSSAvailability:
		return "at_least = 99.999"
	case measurement.RSICorrectness, measurement.RSSCorrectness:
		return "at_least = 100"
	case measurement.RSIPublication:
		return `at_most = "65m"`
	case measurement.RSSPublication:
		return `at_most = "35m"`
	case measurement.RSILatency:
		return name + map[string]string{string(measurement.UDP): ` = { at_most = "250ms" }`, string(measurement.TCP): ` = { at_most = "500ms" }`}[name]
	case measurement.RSSLatency:
		return name + map[string]string{string(measurement.UDP): ` = { at_most = "150ms" }`, string(measurement.TCP): ` = { at_most = "300ms" }`}[name]
	}
	return name + " = …"
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
	return d.itemPercent(it, name)
}

func (d *decoder) itemPercent(it item, name string) *Percent {
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
