package rehearse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
)

// lie is what a liar sends in some hours of the day instead of, or beside, what it
// measured.
type lie struct {
	from, until int // hours
	tell        func(p *player, h *hour, rows []measurement.Answer, run *measurement.Run) ([]measurement.Answer, error)
}

// lieFor sends the file of a run as the liar has it.
func (p *player) lieFor(h *hour, rows []measurement.Answer, run *measurement.Run) (err error) {
	for _, l := range p.script.lies {
		if hour := h.at.Hour(); p.script.lying.holds(h.at) && hour >= l.from && hour < l.until && err == nil {
			rows, err = l.tell(p, h, rows, run)
		}
	}
	if err != nil {
		return err
	}
	return p.deliver(h, rows, run)
}

// showing puts serials into the soa rows: that of the n-th, of those that show one.
func showing(serial func(p *player, h *hour, n int) uint32) lie {
	return lie{tell: func(p *player, h *hour, rows []measurement.Answer, _ *measurement.Run) ([]measurement.Answer, error) {
		n := 0
		for i := range rows {
			if a := &rows[i]; a.Query == measurement.QuerySOA && a.Serial != nil && a.Response == nil {
				a.Serial = new(int64(serial(p, h, n)))
				n++
			}
		}
		return rows, nil
	}}
}

// nextZone is the serial of the zone that is published next, as anybody can tell.
func nextZone(p *player, h *hour, _ int) uint32 {
	for _, v := range p.root.versions {
		if v.at.After(h.at) {
			return v.zone.Serial
		}
	}
	return predicted(h.at, 0)
}

// predicted is the n-th serial of the days to come, by the root's custom.
func predicted(t time.Time, n int) uint32 {
	day, err := strconv.ParseUint(t.AddDate(0, 0, 1+n/2).Format("20060102"), 10, 32)
	if err != nil {
		panic(err) // eight digits
	}
	return uint32(day)*100 + uint32(n%2)
}

// futureSerial are serials of the next days, as many as are believed of a run.
func futureSerial(_ *player, h *hour, n int) uint32 { return predicted(h.at, n%16) }

// manySerials shows another serial in each row, over paths that nobody asked too.
func manySerials(p *player, h *hour, rows []measurement.Answer, run *measurement.Run) ([]measurement.Answer, error) {
	have := map[answerKey]bool{}
	for i := range rows {
		if rows[i].Query == measurement.QuerySOA {
			have[keyOf(&rows[i])] = true
		}
	}
	for _, a := range rows {
		a.Transport = measurement.TCP
		if a.Query == measurement.QuerySOA && !have[keyOf(&a)] {
			rows = append(rows, a)
		}
	}
	return showing(func(_ *player, h *hour, n int) uint32 { return predicted(h.at, n) }).tell(p, h, rows, run)
}

// swapped exchanges the questions and the NSIDs of the correctness rows, whose responses
// say otherwise.
func swapped(_ *player, h *hour, rows []measurement.Answer, _ *measurement.Run) ([]measurement.Answer, error) {
	var judged []*measurement.Answer
	for i := range rows {
		if rows[i].Query == measurement.QueryCorrectness && len(rows[i].Response) > 0 {
			judged = append(judged, &rows[i])
		}
	}
	for i := 1; i < len(judged); i += 2 {
		a, b := judged[i-1], judged[i]
		if h.at.Minute()%10 == 0 {
			a.QName, a.QType, b.QName, b.QType = b.QName, b.QType, a.QName, a.QType
		} else {
			a.NSID, b.NSID = b.NSID, a.NSID
		}
	}
	return rows, nil
}

// invented adds rows of RSIs that nobody has: as many as are taken, or a thousand.
func invented(_ *player, h *hour, rows []measurement.Answer, _ *measurement.Run) ([]measurement.Answer, error) {
	n := 64
	if h.at.Minute()%10 == 5 {
		n = 1000
	}
	last := rows[slices.IndexFunc(rows, func(a measurement.Answer) bool { return a.Query == measurement.QueryCorrectness })]
	for i := range n {
		last.RSI = measurement.RSI(fmt.Sprintf("r%d-%04d", h.at.Unix()/300%1000, i))
		rows = append(rows, last)
	}
	return rows, nil
}

// otherTimes sends the run again under labels of the past and of the future: of six hours
// ago, for which it has sent another; of a year ago; of an hour and of a week to come.
func otherTimes(p *player, h *hour, rows []measurement.Answer, run *measurement.Run) ([]measurement.Answer, error) {
	for _, by := range []time.Duration{-6 * time.Hour, -365 * 24 * time.Hour, time.Hour, 7 * 24 * time.Hour} {
		moved := hour{vp: h.vp, at: h.at, label: h.label.Add(by)}
		other, shifted := *run, slices.Clone(rows)
		other.Interval, other.StartedAt = moved.label, run.StartedAt.Add(by)
		for i := range shifted {
			a := &shifted[i]
			a.Interval = moved.label
			if a.SentAt != nil {
				a.SentAt = new(a.SentAt.Add(by))
			}
		}
		if err := p.deliver(&moved, shifted, &other); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// stray lets every query have a stray datagram: an alert for each RSI and family.
func stray(_ *player, _ *hour, rows []measurement.Answer, _ *measurement.Run) ([]measurement.Answer, error) {
	for i := range rows {
		rows[i].Strays = 1
	}
	return rows, nil
}

// manyAlerts sends as many alerts as a file has room for.
func manyAlerts(p *player, h *hour, rows []measurement.Answer, _ *measurement.Run) ([]measurement.Answer, error) {
	type object = map[string]any
	var firing, events []object
	for n := range 150 {
		rule := fmt.Sprintf("made-up-%d-%d", h.at.Unix()/300%1000, n)
		firing = append(firing, object{"rule": rule, "severity": "critical"})
		events = append(events, object{"time": h.at, "machine": h.vp, "severity": "critical", "state": "FIRING", "rule": rule, "summary": "the end is near"})
	}
	data, err := json.Marshal(object{"schema": "mtric-alerts/1", "machine": h.vp, "written": h.at, "firing": firing, "events": events})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(p.dropbox(h.vp), fmt.Sprintf("%s-%s.alerts.json", interval.Format(h.label), h.vp))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return nil, fmt.Errorf("dropbox: %w", err)
	}
	return rows, arrive(path, h.at.Add(2*time.Minute))
}

// in says in which hours a lie is told.
func (l lie) in(from, until int) lie {
	l.from, l.until = from, until
	return l
}

// answering lets all RSIs answer one vantage point in such a way, in some hours of the
// days: nobody can tell that from a vantage point that made it up.
func (s *script) answering(vp measurement.VantagePoint, during span, from, until float64, how service) {
	how.vp, how.soa = vp, true
	for day := range s.days {
		how.span = span{s.at(day, from), s.at(day, until)}
		if !during.holds(how.span.from) {
			continue
		}
		for _, rsi := range s.rsis {
			how.rsi = rsi
			s.services = append(s.services, how)
		}
	}
}

// down answers nothing.
var down = service{spoil: func([]byte) ([]byte, error) { return nil, nil }}

// broken answers with a bit that differs.
var broken = service{spoil: func(wire []byte) ([]byte, error) { return lab.FlipBit(wire, seed+1) }}

// old answers as it did four days ago.
var old = service{zone: func(r *root, t time.Time) *lab.Zone { return r.published(t.AddDate(0, 0, -4), false).zone }}

// mostAlerts is how many alerts one vantage point may add in a run.
const mostAlerts = 20

// windowRules tells what ingest tells of answers, where somebody lies.
func (p *player) windowRules(accused map[judge.Accused]int64) {
	if p.script.liar == "" {
		return
	}
	book := p.book()
	p.step("alerts", book.TellLate(p.ctx, p.store, accused))
	evaluated, err := book.EvaluateWindow(p.ctx, p.store)
	p.step("alerts", errors.Join(append(evaluated.Errors, err)...))
	p.countFiring(evaluated.Firing)
}

// countFiring holds the collector's own alerts that may fire because somebody lies against
// the bound: all but those of RSIs with a planted fault, those of another vantage point, and
// those of which there is one, whoever it is that makes it fire.
func (p *player) countFiring(firing []*alert.Status) {
	if p.script.liar == "" {
		return
	}
	n := 0
	for _, s := range firing {
		others := func(l alert.Label) bool {
			return l.Name == "rsi" && p.truth.planted(measurement.RSI(l.Value)) || l.Name == "vantage_point" && l.Value != string(p.script.liar)
		}
		if len(s.Labels) > 0 && !slices.ContainsFunc(s.Labels, others) {
			n++
		}
	}
	if n > mostAlerts {
		p.result.problem(fmt.Sprintf("%d alerts of the collector fire where %s lies, more than %d", n, p.script.liar, mostAlerts))
	}
}

// countAlerts holds what the liar adds to the alerts against the bound: lines of a run, and
// series.
func (p *player) countAlerts() {
	if p.script.liar == "" {
		return
	}
	logs := p.under(p.site.plan.Paths.Logs)
	for _, c := range []struct {
		ending, part string
		before       *int
	}{{"alerts.txt", "\n", &p.lines}, {"alerts.prom", "\nmtric_alert_firing{", new(0)}} {
		text, err := os.ReadFile(filepath.Join(logs, string(p.script.liar)+"-"+c.ending))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.step("alerts", err)
		}
		n := bytes.Count(text, []byte(c.part))
		if n-*c.before > mostAlerts {
			p.result.problem(fmt.Sprintf("%s added %d alerts to its %s, more than %d", p.script.liar, n-*c.before, c.ending, mostAlerts))
		}
		*c.before = n
	}
}
