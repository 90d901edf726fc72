package cli

import (
	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
)

// reportRules evaluates the report rules over the newest report of its style; one
// of an older period, made again, says nothing of today. As with the log, only a
// machine that has Logs/ is told anything.
func (a *app) reportRules(p *plan.Plan, d *report.Document) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	_, newest, err := report.Period(d.Style, "", now())
	if err != nil || d.Until.Before(newest) {
		return err
	}
	logs := under(home, p.Paths.Logs)
	if there, err := exists(logs); err != nil || !there {
		return err
	}
	var values []alert.Value
	for _, v := range d.Values {
		value := alert.Value{Style: string(d.Style), Metric: string(v.Metric), RSI: string(v.RSI), Family: string(v.Family), Transport: string(v.Transport),
			Unit: v.Unit, Count: v.Count, Verdict: string(v.Verdict)}
		if v.Value != nil {
			number, err := v.Value.Float64()
			if err != nil {
				return err
			}
			value.Value = &number
		}
		for _, vp := range v.RestsOn {
			value.RestsOn = append(value.RestsOn, string(vp))
		}
		values = append(values, value)
	}
	s := &station{machine: collector, plan: p, home: home, logs: logs, state: under(home, p.Paths.State), now: now}
	s.book = &alert.Book{Machine: collector, Logs: s.logs, State: bookState(s.state, p, collector), Now: now, Rules: a.rules}
	var closeLog func() error
	if s.log, closeLog, err = openLog(logs, collector); err != nil {
		return err
	}
	result, err := s.book.EvaluateReport(values)
	s.evaluated("report", result, err)
	return closeLog()
}
