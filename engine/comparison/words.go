package comparison

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// What a comparison is, the sentence that stands first.
const about = "What probes of RIPE Atlas saw of the root server system, beside what our vantage points saw. It changes no verdict, and gives none on the crowd."

// Word is the opinion in print; a word that is none of ours says nothing.
func (v Verdict) Word() string {
	switch v {
	case Confirmed:
		return "confirmed"
	case NotSeen:
		return "not seen"
	default:
		return "no data"
	}
}

// percent is a share in parts per million in print, cut off to hundredths of a percent.
func percent(ppm int64) string {
	ppm = min(max(ppm, 0), million)
	return fmt.Sprintf("%d.%02d", ppm/10_000, ppm/100%100)
}

// shareOf is so many good of so many asked in percent, cut off.
func shareOf(c Counts) string {
	if c.Asked <= 0 || c.Good < 0 || c.Good > c.Asked {
		return "-"
	}
	hundredths := c.Good/c.Asked*10_000 + c.Good%c.Asked*10_000/c.Asked
	return fmt.Sprintf("%d.%02d %%", hundredths/100, hundredths%100)
}

// millis is a latency in µs in print, as ms with as many digits as it is exact to.
func millis(us int64) string {
	switch us = max(us, 0); {
	case us < 9_995:
		return fmt.Sprintf("%.2f", float64(us)/1000)
	case us < 99_950:
		return fmt.Sprintf("%.1f", float64(us)/1000)
	default:
		return edition.Thousands((us + 500) / 1000)
	}
}

// in prints an estimate with its interval: "99.91 (99.80–99.96)".
func (e *Estimate) in(unit func(int64) string) string {
	if e == nil {
		return "-"
	}
	if e.Low == nil || e.High == nil {
		return unit(e.Value)
	}
	return fmt.Sprintf("%s (%s–%s)", unit(e.Value), unit(*e.Low), unit(*e.High))
}

// wholePercent is a share in parts per million in whole percents, cut off.
func wholePercent(ppm int64) string { return fmt.Sprint(min(max(ppm, 0), million) / 10_000) }

// in prints quantiles: "4.10 · 12.3 (10.1–14.9) · 45.0".
func (l *Latency) in() string {
	if l == nil {
		return "-"
	}
	return millis(l.P10) + " · " + l.Median.in(millis) + " · " + millis(l.P90)
}

// wholeShare is a probability in whole percents, cut off.
func wholeShare(p float64) string { return fmt.Sprintf("%d %%", int(100*min(max(p, 0), 1))) }

// seconds is a time in whole seconds in print, to the minute from an hour on.
func seconds(s int64) string {
	switch {
	case s <= 0:
		return "0 s"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600 && s%60 != 0:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s/60%60 == 0:
		return edition.Thousands(s/3600) + " h"
	default:
		return fmt.Sprintf("%s h %d min", edition.Thousands(s/3600), s/60%60)
	}
}

// span is a time from one hour to another in print.
func span(from, until time.Time) string {
	from, until = from.UTC(), until.UTC()
	if from.Format(time.DateOnly) == until.Format(time.DateOnly) {
		return from.Format("2006-01-02 15:04") + " to " + until.Format("15:04 UTC")
	}
	return from.Format("2006-01-02 15:04") + " to " + edition.Clock(until)
}

// title is the period in words.
func (d *Document) title() string {
	from, until := d.From.UTC(), d.Until.UTC()
	switch {
	case from.Equal(interval.Month(from)) && until.Equal(interval.NextMonth(from)):
		return from.Format("January 2006")
	case from.Equal(interval.Week(from)) && until.Equal(from.AddDate(0, 0, 7)):
		return "week from " + from.Format("Monday 2 January 2006")
	}
	return span(from, until)
}

// over is whom and which way: "k over IPv6 UDP".
func over(r measurement.RSI, f measurement.Family, t measurement.Transport) string {
	path := measurement.Path{Family: f, Transport: t}.Title()
	if path == "" {
		return string(r)
	}
	return string(r) + " over " + path
}

// Of is what failed, in print: "Availability of k over IPv6 UDP".
func (o Opinion) Of() string {
	return o.Metric.Title() + " of " + over(cmp.Or(o.RSI, "the root server system"), o.Family, o.Transport)
}

// regionName is a region in print.
func regionName(r string) string {
	switch r {
	case "":
		return "region not known"
	case "africa":
		return "Africa"
	case "asia_pacific":
		return "Asia-Pacific"
	case "europe":
		return "Europe"
	case "latin_america":
		return "Latin America"
	case "north_america":
		return "North America"
	}
	return r
}

// regionNames are regions in print.
func regionNames(list []string) string {
	var names []string
	for _, r := range list {
		names = append(names, regionName(r))
	}
	return strings.Join(names, ", ")
}

// count is a number of ours or theirs, of whom so many.
func count(n, of int, noun string) string {
	return edition.Thousands(int64(n)) + " of " + edition.Plural(int64(of), noun)
}

// theirs says what the crowd saw in the hour that speaks most clearly.
func (s Strongest) theirs() string {
	if s.Probes == 0 {
		return "no probe asked"
	}
	about := count(s.ProbesStruck, s.Probes, "probe")
	if s.Widely > 0 {
		about += "; " + edition.Thousands(int64(s.Widely)) + " of the networks at most root servers at once"
	}
	return fmt.Sprintf("%s affected, %.1f expected (%s)", count(s.NetworksStruck, s.Networks, "network"), s.Expected, about)
}

// ours says what our vantage points saw in that hour.
func (s Strongest) ours() string {
	if s.Ours == 0 {
		return "no vantage point asked"
	}
	return count(s.OursStruck, s.Ours, "vantage point") + " affected"
}

// chanceText is a p value in print; times the hours that were tested it can exceed 1.
func chanceText(p float64) string {
	switch {
	case p < 0.0001:
		return "< 0.0001"
	case p >= 1:
		return "1"
	}
	return fmt.Sprintf("%.4f", p)
}

// signTitle is a sign of interception in print.
func signTitle(sign string) string {
	switch sign {
	case SignRecursion:
		return "RA is set"
	case SignAuthority:
		return "AA is missing"
	case SignQuestion:
		return "other question"
	case SignOperator:
		return "another operator's identity"
	case SignResolver:
		return "a resolver's identity"
	}
	return sign
}
