package rehearse

import (
	"fmt"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// report writes the reports of the months, as revisions of those before, and holds their
// verdicts against the truth.
func (p *player) report(before []*report.Document) (made []*report.Document, err error) {
	said := map[missed]bool{}
	plan, end := p.reported(), p.now
	p.result.Failed, p.result.Resting = 0, 0
	for month := monthOf(p.script.start); month.Before(end); month = month.AddDate(0, 1, 0) {
		until := month.AddDate(0, 1, 0)
		d, err := report.Frame(plan, report.Monthly, month, until, report.DataUntil(until, end), p.o.Version)
		if err == nil {
			var old *report.Document
			if len(made) < len(before) {
				old = before[len(made)]
			}
			job := report.Job{Plan: plan, Store: p.store, Out: p.under(p.site.plan.Paths.Reports), Version: p.o.Version, Force: true}
			err = job.Run(p.ctx, d, old)
		}
		if p.step("report", err); err != nil {
			continue
		}
		made = append(made, d)
		for _, v := range d.Values {
			if v.Verdict == metrics.Fail {
				p.weigh(v)
				said[missed{v.Metric, v.RSI}] = true
			}
		}
		p.step("report", p.published(d))
		if p.script.check != nil {
			if problem := p.script.check(d); problem != "" {
				p.result.problem("the report: " + problem)
			}
		}
	}
	p.result.Missed = p.result.Missed[:0]
	for _, m := range p.misses() {
		p.result.Missed = append(p.result.Missed, Missed{m.metric, m.rsi, said[m]})
	}
	return made, p.ctx.Err()
}

// misses are the thresholds that reports must say were missed.
func (p *player) misses() []missed {
	all := slices.Clone(p.script.misses)
	for _, plant := range p.truth.plants {
		all = append(all, missed{measurement.RSICorrectness, plant.RSI})
	}
	return all
}

// weigh notes a value that fails: because it was made to, or by what one vantage point
// says, or wrongly. A fault that was planted is seen by more than one.
func (p *player) weigh(v report.Value) {
	s := p.script
	rests := s.liar != "" && slices.Contains(v.RestsOn, s.liar)
	planted := slices.Contains(p.misses(), missed{v.Metric, v.RSI}) ||
		v.Metric == measurement.RSSCorrectness && len(p.truth.plants) > 0 ||
		v.Metric == measurement.RSIPublication && p.truth.planted(v.RSI) && s.serves(v.RSI)
	switch {
	case planted && rests:
		p.result.problem(fmt.Sprintf("the report says that the %s of %s fails by %s alone, and it was seen by all", v.Metric, whose(v.RSI), s.liar))
	case planted:
	case rests:
		p.result.Resting++
	default:
		p.result.Failed++
		p.result.problem(fmt.Sprintf("the report says that %s failed the %s, and it did nothing wrong", whose(v.RSI), v.Metric))
	}
}

// serves says whether the script lets an RSI show another zone than the newest; what a
// liar says of it is nothing that it did.
func (s *script) serves(rsi measurement.RSI) bool {
	return slices.ContainsFunc(s.services, func(o service) bool { return o.rsi == rsi && o.soa && (s.liar == "" || o.vp != s.liar) })
}

// A published serial counts as such at most so long before it is (one vantage point alone
// may say so), and after it.
const (
	soonest = 15 * time.Minute
	latest  = 2 * interval.Length
)

// published holds the serials of a report, and how long each RSI took to show them, against
// what the root did, where it was measured often: whatever one vantage point says.
func (p *player) published(d *report.Document) error {
	often := p.script.often
	if often == (span{}) {
		return nil
	}
	found := map[uint32]bool{}
	for _, pub := range d.Publications {
		found[uint32(pub.Serial)] = true
		v := p.bySerial(uint32(pub.Serial))
		if v.zone == nil || pub.T.Before(v.at.Add(-soonest)) || pub.T.After(v.at.Add(latest)) {
			p.result.problem(fmt.Sprintf("the report says that zone %d was published at %s, it was at %s", pub.Serial, pub.T.Format(time.RFC3339), v.at.Format(time.RFC3339)))
		}
	}
	for _, v := range p.root.versions {
		if within(v.at, often.from, often.until.Add(-soonest)) && within(v.at, d.From, d.Until) && !found[v.zone.Serial] {
			p.result.problem(fmt.Sprintf("the report does not know that zone %d was published", v.zone.Serial))
		}
	}
	again := *d
	result, err := again.Fill(p.ctx, p.store)
	if err != nil {
		return err
	}
	for _, l := range result.Lags {
		if c := p.clockOf(l.VantagePoint); c.known != (span{}) && c.known.holds(often.from.Add(-c.ahead)) {
			p.result.problem(fmt.Sprintf("the report says when %s saw zone %d, and its clock is known to be wrong", l.VantagePoint, l.Serial))
		}
		waited := time.Duration(l.Minutes) * time.Minute
		if p.reliable(l.VantagePoint) && !p.script.serves(l.RSI) && (l.Censored || waited > slowest+soonest+latest) {
			p.result.problem(fmt.Sprintf("the report says that %s took %s to show zone %d to %s", l.RSI, waited, l.Serial, l.VantagePoint))
		}
	}
	return nil
}

// reliable says whether a vantage point is in order: neither a liar nor by a wrong clock.
func (p *player) reliable(vp measurement.VantagePoint) bool {
	return vp != p.script.liar && p.clockOf(vp).ahead == 0
}

// bySerial is the version of a serial.
func (p *player) bySerial(serial uint32) version {
	for _, v := range p.root.versions {
		if v.zone.Serial == serial {
			return v
		}
	}
	return version{}
}

// verify computes the reports of before the mending again: what was mended and what came
// since is late, and nothing else differs.
func (p *player) verify(made []*report.Document) {
	for _, d := range made {
		v, err := report.Verify(p.ctx, d, p.store)
		if p.step("verify", err); err != nil {
			continue
		}
		for _, difference := range v.Differences {
			p.result.problem("verify: " + difference)
		}
		if len(p.script.kept) > 0 && len(v.Late) == 0 {
			p.result.problem("verify: nothing is late, and files came after the report")
		}
	}
}

func monthOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
