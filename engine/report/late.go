package report

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

func (v *Verified) late(format string, args ...any) {
	v.Late = append(v.Late, fmt.Sprintf(format, args...))
}

// lateRuns tells which runs have come since; they do not count.
func (v *Verified) lateRuns(r *metrics.Result) {
	for _, vp := range slices.Sorted(maps.Keys(r.LateRuns)) {
		v.late("vantage point %s: %s came after the report", vp, edition.Plural(r.LateRuns[vp], "run"))
	}
}

// lateVerdicts tells which answers have got their verdict since: of each RSI there are as
// many as there were, and no fewer correct or incorrect; atOnce are incorrect that never
// waited. again gets the values of then.
func (v *Verified) lateVerdicts(d, again *Document, cfg metrics.Config, atOnce map[measurement.RSI]int64) {
	if len(d.Values) != len(again.Values) {
		return // a difference, which compare names
	}
	everybody, measured, judged := d.allResponses(), d.everybodyMeasured(), false
	for i := range again.Values {
		then, now := &d.Values[i], &again.Values[i]
		limit := cfg.Limits[metrics.LimitKey(now.Metric, now.Transport)]
		v.lateExcluded(then, now, measured, limit)
		more := then.Held - now.Held
		changed := more > 0 || more == 0 && then.Verdict != now.Verdict // by what everybody's answers were
		least := atOnce[now.RSI]
		if then.Name() != now.Name() || !changed || !now.judgedSince(then, more, least) {
			continue
		}
		all := everybody
		if now.RSI == "" {
			all = then.responses()
		}
		if !now.allows(then, d.Internal == nil && now.RSI != "", least, all, limit) {
			continue
		}
		judged = true
		if now.RSI == "" {
			again.Unchecked = then.Held
		} else if more > 0 {
			v.late("%s of rsi %s: %s got a verdict since", now.Metric, now.RSI, edition.Plural(more, "answer"))
		}
		*now = now.asOf(then)
	}
	if d.Internal != nil {
		again.Digest = digest(again.Values)
	} else if judged {
		again.Digest = d.Digest // of numbers that report.json leaves out
	}
}

// counted says whether the numbers are there, which a public report leaves out.
func (v *Value) counted() bool { return v.Numerator != nil && v.Denominator != nil }

// responses are those behind a correctness value.
func (v *Value) responses() metrics.Responses {
	r := metrics.Responses{Held: v.Held}
	if v.counted() {
		r.Correct, r.Incorrect = *v.Numerator, *v.Denominator-*v.Numerator
	}
	return r
}

// allResponses are the responses of all RSIs; report.json does not say which are incorrect,
// and it does not matter to the verdict of one.
func (d *Document) allResponses() (all metrics.Responses) {
	for _, v := range d.Values {
		if v.Metric == measurement.RSICorrectness {
			all.Correct, all.Held = all.Correct+v.Count, all.Held+v.Held
		}
	}
	return all
}

// allows says whether the verdict of then is by the rules. Where the numbers are left out,
// it is that of a number of incorrect answers that can have been: the more there are the
// worse, so that the least and the most give all verdicts. Least are known to have been.
func (v *Value) allows(then *Value, hidden bool, least int64, all metrics.Responses, limit metrics.Limit) bool {
	if !hidden {
		r := then.responses()
		return r.Correct+r.Incorrect == then.Count && r.Verdict(all, limit) == then.Verdict
	}
	is := v.responses()
	least, most := max(least, then.Count-is.Correct), min(is.Incorrect, then.Count)
	for _, incorrect := range []int64{least, most} {
		r := metrics.Responses{Correct: then.Count - incorrect, Incorrect: incorrect, Held: then.Held}
		if least <= most && r.Verdict(all, limit) == then.Verdict {
			return true
		}
	}
	return false
}

// judgedSince says whether the values of then and now differ by nothing but answers that
// were held then and are judged now: so many more. At least so many were incorrect then.
func (v *Value) judgedSince(then *Value, more, least int64) bool {
	if v.Metric != measurement.RSICorrectness && v.Metric != measurement.RSSCorrectness || v.Count-then.Count != more {
		return false
	}
	was, is := then.responses(), v.responses()
	if then.counted() && (was.Correct < 0 || was.Incorrect < least || was.Correct > is.Correct || was.Incorrect > is.Incorrect) {
		return false
	}
	if then.Verdict != metrics.Fail {
		return len(then.RestsOn) == 0 && then.Fewest == 0
	}
	// Who accused then accuses now, and perhaps others do: what the fail rests on now it rested
	// on then. One incorrect answer is a fail, so that it rests on one vantage point or on none.
	for _, vp := range v.RestsOn {
		if !slices.Contains(then.RestsOn, vp) {
			return false
		}
	}
	return v.Verdict == metrics.Fail && then.Fewest >= 1 && then.Fewest <= v.Fewest && len(then.RestsOn) <= 1 &&
		(then.Fewest == 1) == (len(then.RestsOn) == 1)
}

// asOf is the value with the verdicts of then; all else is of now.
func (v Value) asOf(then *Value) Value {
	judged := then.Held > v.Held
	v.Numerator, v.Denominator, v.Count, v.Held = then.Numerator, then.Denominator, then.Count, then.Held
	v.Verdict, v.RestsOn, v.Fewest, v.Value = then.Verdict, then.RestsOn, then.Fewest, nil
	if then.counted() && *then.Denominator > 0 {
		v.Value = v.decimal(new(big.Rat).Mul(big.NewRat(*then.Numerator, *then.Denominator), big.NewRat(100, 1)), true)
	}
	if v.Diagnostics != nil && then.Diagnostics != nil {
		own := *v.Diagnostics
		own.Unchecked, own.Outcomes = then.Held, maps.Clone(own.Outcomes)
		r := then.responses()
		if judged && !slices.ContainsFunc(then.Diagnostics.Broken, func(b Broken) bool { return b.Answers < 1 || b.Answers > r.Incorrect }) {
			own.Broken = then.Diagnostics.Broken
		}
		for name, n := range map[measurement.Verdict]int64{measurement.Correct: r.Correct, measurement.Incorrect: r.Incorrect, measurement.Unchecked: r.Held} {
			if own.Outcomes[string(name)] = n; n == 0 {
				delete(own.Outcomes, string(name))
			}
		}
		v.Diagnostics = &own
	}
	return v
}

// lateExcluded brings a value as measured, exclusions disregarded, to what it was then, where
// the two differ by nothing but answers that have got their verdict since. Beside the
// answers of the value itself these are excluded ones: as many as they were, of which no
// fewer are correct or incorrect.
func (v *Verified) lateExcluded(then, now *Value, everybody metrics.Responses, limit metrics.Limit) {
	if then.Name() != now.Name() || then.Without == nil || now.Without == nil || then.Without.Censored ||
		now.Metric != measurement.RSICorrectness && now.Metric != measurement.RSSCorrectness {
		return
	}
	was, sound := then.Without.responses()
	is, _ := now.Without.responses()
	if now.RSI == "" { // the sum of the RSIs, which report.json leaves out
		sound = sound && (everybody == was || everybody == metrics.Responses{})
		everybody = was
	}
	before, after := minus(was, then.responses()), minus(is, now.responses())
	more := before.Held - after.Held
	if !sound || was.Verdict(everybody, limit) != then.Without.Verdict || min(before.Correct, before.Incorrect, before.Held) < 0 ||
		before.Correct > after.Correct || before.Incorrect > after.Incorrect || after.Correct-before.Correct+after.Incorrect-before.Incorrect != more {
		return // a difference, if it is one
	}
	if now.RSI != "" && more > 0 {
		v.late("%s of rsi %s: %s got a verdict since", now.Metric, now.RSI, edition.Plural(more, "excluded answer"))
	}
	now.Without = then.Without
}

// everybodyMeasured are the responses of all RSIs as measured, exclusions disregarded.
func (d *Document) everybodyMeasured() (all metrics.Responses) {
	for _, v := range d.Values {
		if v.Metric == measurement.RSICorrectness && v.Without != nil {
			r, _ := v.Without.responses()
			all.Correct, all.Incorrect, all.Held = all.Correct+r.Correct, all.Incorrect+r.Incorrect, all.Held+r.Held
		}
	}
	return all
}

// responses are those behind a correctness as measured, and whether its numbers can be
// such.
func (s *Side) responses() (r metrics.Responses, sound bool) {
	if s.Numerator == nil || s.Denominator == nil {
		return metrics.Responses{Held: s.Held}, s.Count == 0
	}
	good := *s.Numerator
	return metrics.Responses{Correct: good, Incorrect: s.Count - good, Held: s.Held}, *s.Denominator == s.Count && s.Count > 0
}

func minus(a, b metrics.Responses) metrics.Responses {
	return metrics.Responses{Correct: a.Correct - b.Correct, Incorrect: a.Incorrect - b.Incorrect, Held: a.Held - b.Held}
}
