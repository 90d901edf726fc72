package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/survey"
)

// What the demo plants where the plan has no report of RSSAC047.
const (
	demoFaulty  = 7 // intervals with faults: so long that a server which keeps an old zone is late
	demoMended  = 3 // without: as long as the rules of plans/zone look back
	demoSmall   = 40
	demoPosing  = "d"   // of the root: something else answers in its place
	demoClosed  = "g"   // of the root: its port over UDP is closed
	demoLagging = "ns3" // keeps the zone that it has
	demoDragged = "ns2" // answers late
	demoLying   = "ns4" // refuses TCP, and says of a name that is not there that it is
)

// demoOther is what the demo of such a plan has.
type demoOther struct {
	system   *lab.System // the servers of a zone below the root; nil where the plan asks none
	zones    []*lab.Zone
	labels   []time.Time // the intervals that are measured: the last in which something is due
	done     int         // how many are
	attained *attainment.Document
	report   string // the page; empty where the plan has none
}

func (w *demoWorld) otherSteps() []demoStep {
	steps := []demoStep{
		{w.served(), w.startOthers},
		{"an SFTP dropbox as the collector has it", w.startDropbox},
		{w.places(), w.makeVantagePoints},
		{fmt.Sprintf("%d intervals, each: queries, the push, ingest, rules evaluated", demoFaulty), w.measureOthers},
	}
	switch {
	case len(w.plan.Objectives) > 0:
		steps = append(steps, demoStep{"the report of objectives, and its proof from the lake", w.reportObjectives})
	case w.reserved():
		steps = append(steps, demoStep{"the survey of the vantage points", w.reportSurvey})
	}
	return append(steps, demoStep{fmt.Sprintf("the faults end: %d more intervals", demoMended), w.recoverOthers},
		demoStep{"the site: what is so now, and what was, as pages", w.makePages})
}

// served says which servers there are.
func (w *demoWorld) served() string {
	var all []string
	if w.judges() || w.among(lab.RootServers()) {
		all = append(all, "root servers")
	}
	if !w.judges() && w.among(lab.ZoneServers(demoZone)) {
		all = append(all, "4 servers of "+demoZone)
	}
	return strings.Join(all, " and ")
}

// reserved says whether there are the queries that a survey compares vantage points by.
func (w *demoWorld) reserved() bool {
	_, soa := w.plan.Query(measurement.QuerySOA)
	_, correctness := w.plan.Query(measurement.QueryCorrectness)
	return soa && correctness
}

// startOthers starts the servers that the plan asks, with the oldest of their zones.
func (w *demoWorld) startOthers(context.Context) error {
	err := w.makeFolder()
	if err != nil {
		return err
	}
	if w.other.labels, err = w.due(); err != nil {
		return err
	}
	if w.among(lab.RootServers()) {
		if w.zones, err = demoZones(w.present, demoSmall); err != nil {
			return err
		}
		if w.system, err = lab.Start(lab.Config{Zone: w.zones[0], TLS: true, Versions: true}); err != nil {
			return err
		}
	}
	if w.among(lab.ZoneServers(demoZone)) {
		signed := interval.Day(w.other.labels[0]).AddDate(0, 0, -1)
		w.other.zones, err = lab.Sequence(lab.Options{Seed: 1, Origin: demoZone, Serial: demoSerial(w.other.labels[0], 1), TLDs: demoSmall,
			Inception: signed, Expiration: w.present.AddDate(0, 0, 20)}, 4)
		if err != nil {
			return err
		}
		if w.other.system, err = lab.Start(lab.Config{Zone: w.other.zones[0], Servers: lab.ZoneServers(demoZone), Versions: true}); err != nil {
			return err
		}
	}
	return w.plant()
}

// due are the intervals that are measured.
func (w *demoWorld) due() ([]time.Time, error) {
	var labels []time.Time
	for label := w.present; len(labels) < demoFaulty+demoMended; label = label.Add(-interval.Length) {
		if label.Before(w.present.AddDate(0, 0, -2*(demoFaulty+demoMended))) {
			return nil, usagef("demo: hardly anything of plan %s is ever due", w.plan.Name)
		}
		if slices.ContainsFunc(w.plan.Queries, func(q plan.Query) bool { return w.plan.Due(q.Schedule, label) }) {
			labels = append(labels, label)
		}
	}
	slices.Reverse(labels)
	return labels, nil
}

// plant lets the faults begin.
func (w *demoWorld) plant() error {
	if w.judges() {
		return w.system.SetFaults(w.faults()...)
	}
	if w.system != nil {
		err := w.system.SetFaults(lab.Fault{Kind: lab.Impostor, RSIs: []measurement.RSI{demoPosing}},
			lab.Fault{Kind: lab.Refuse, RSIs: []measurement.RSI{demoClosed}, Transports: []measurement.Transport{measurement.UDP}})
		if err != nil {
			return err
		}
	}
	if w.other.system == nil {
		return nil
	}
	return w.other.system.SetFaults(
		lab.Fault{Kind: lab.Delay, RSIs: []measurement.RSI{demoDragged}, Delay: demoDelay},
		lab.Fault{Kind: lab.Stale, RSIs: []measurement.RSI{demoLagging}, Zone: w.other.zones[0]},
		lab.Fault{Kind: lab.Refuse, RSIs: []measurement.RSI{demoLying}, Transports: []measurement.Transport{measurement.TCP}},
		lab.Fault{Kind: lab.RCode, RSIs: []measurement.RSI{demoLying}, RCode: measurement.NoError, Types: []string{"A"}})
}

// planted says in words what plant does to the servers that the plan asks, by its own names.
func (w *demoWorld) planted() []string {
	lines := []string{}
	for _, f := range []struct {
		group []lab.Server
		rsi   measurement.RSI
		what  string
	}{
		{lab.RootServers(), demoPosing, "something else answers in its place"},
		{lab.RootServers(), demoClosed, "its port over UDP is closed"},
		{lab.ZoneServers(demoZone), demoDragged, fmt.Sprintf("answers %d ms late", demoDelay.Milliseconds())},
		{lab.ZoneServers(demoZone), demoLagging, "keeps the zone that it has when new ones come"},
		{lab.ZoneServers(demoZone), demoLying, "refuses TCP, and says NOERROR to an address of a name that is not there"},
	} {
		for _, s := range w.asked() {
			if g, found := demoServer(f.group, s); found && g.RSI == f.rsi {
				lines = append(lines, fmt.Sprintf("%s: %s", s.RSI, f.what))
			}
		}
	}
	return lines
}

// measureOthers has a new zone published before the second interval, and before each that
// follows while there are any.
func (w *demoWorld) measureOthers(ctx context.Context) error { return w.measureDue(ctx, 0, demoFaulty) }

// recoverOthers lets the faults end.
func (w *demoWorld) recoverOthers(ctx context.Context) error {
	w.healed = true
	for _, s := range []*lab.System{w.system, w.other.system} {
		if s != nil {
			if err := s.SetFaults(); err != nil {
				return err
			}
		}
	}
	if err := w.measureDue(ctx, demoFaulty, demoFaulty+demoMended); err != nil {
		return err
	}
	all, err := w.received()
	w.all = len(all)
	return errors.Join(err, w.readAlerts())
}

func (w *demoWorld) measureDue(ctx context.Context, from, until int) error {
	for i := from; i < until; i++ {
		if i > 0 && i < len(w.zones) {
			if err := w.publish(w.zones[i]); err != nil {
				return err
			}
		}
		if i > 0 && i < len(w.other.zones) {
			for _, s := range w.other.system.Servers() {
				if err := w.other.system.SetZone(s.RSI, w.other.zones[i]); err != nil {
					return err
				}
			}
		}
		if err := w.measure(ctx, i, i+1); err != nil {
			return err
		}
		w.other.done = i + 1
		if err := w.date(); err != nil {
			return err
		}
		if err := w.command(collector, w.collector(), w.after()).ingest(ctx, nil); err != nil {
			return err
		}
	}
	var err error
	if !w.healed {
		w.rows, err = w.received()
	}
	return err
}

// reportObjectives writes the report of the plan's objectives and verifies it.
func (w *demoWorld) reportObjectives(ctx context.Context) error {
	last := interval.Day(w.other.labels[w.other.done-1])
	c := w.command(collector, w.collector(), w.after())
	if err := known(c.report(ctx, reportOptions{style: attainment.Style, period: last.Format(time.DateOnly)})); err != nil {
		return err
	}
	w.folder = filepath.Join(w.collector(), w.plan.Paths.Reports, attainment.Folder(last.AddDate(0, 0, 1)))
	w.other.report = filepath.Join(w.folder, "internal", "objectives.html")
	var err error
	if w.other.attained, err = attainment.Existing(w.folder); err != nil {
		return err
	}
	c.out = io.Discard
	return c.verify(ctx, w.folder, nil)
}

func (w *demoWorld) reportSurvey(ctx context.Context) error {
	c := w.command(collector, w.collector(), w.after())
	if err := known(c.report(ctx, reportOptions{style: survey.Style})); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(w.collector(), w.plan.Paths.Reports, "*", "internal", "survey.html"))
	if err == nil && len(pages) > 0 {
		w.other.report = pages[0]
	}
	return err
}

// known takes findings of a report for what they are: planted.
func known(err error) error {
	var exit *exitError
	if errors.As(err, &exit) && (exit.code == exitFindings || exit.code == exitPartly) {
		return nil
	}
	return err
}

// unmet are the values of objectives that failed, a line for each.
func (w *demoWorld) unmet() []string {
	lines := []string{}
	if w.other.attained == nil {
		return lines
	}
	return append(lines, w.other.attained.Missed()...)
}

// idle are the queries that were not due in any interval.
func (w *demoWorld) idle() (all []string) {
	for _, q := range w.plan.Queries {
		if !slices.ContainsFunc(w.other.labels[:demoFaulty], func(t time.Time) bool { return w.plan.Due(q.Schedule, t) }) {
			all = append(all, q.Label)
		}
	}
	return all
}

// printOther prints what was seen, and what came of it.
func (w *demoWorld) printOther() error {
	rows := w.seen()
	if w.app.flags.json {
		return w.app.printJSON(map[string]any{"dir": w.dir, "answers": len(w.rows), "ipv6": w.hasIPv6(), "seen": rows, "planted": w.planted(),
			"missed": w.unmet(), "alerts": append([]string{}, w.alerts...), "report": w.other.report, "site": filepath.Join(w.pages(), "index.html"), "plans": w.flags().plans})
	}
	w.say("\n%s, read back from the lake while the faults lasted: as the plan expects, and median latency\n\n", diag.Plural(len(w.rows), "answer"))
	if err := w.printSeen(rows); err != nil {
		return err
	}
	if idle := w.idle(); len(idle) > 0 {
		w.say("\nNot due in these intervals, and not asked: %s.\n", strings.Join(idle, ", "))
	}
	if !w.hasIPv6() {
		w.say("\nThis machine has no IPv6 loopback: nothing was asked over IPv6.\n")
	}
	w.say("\nWith what came after the faults had ended, the lake has %s.\n", diag.Plural(w.all, "answer"))
	if planted := w.planted(); len(planted) > 0 {
		w.say("\nPlanted:\n  %s\n", strings.Join(planted, "\n  "))
	}
	if w.other.attained != nil {
		w.say("\nObjectives missed, from the report:\n")
		for _, line := range w.unmet() {
			w.say("  %s\n", line)
		}
	}
	if len(w.plan.Rules) > 0 {
		w.printAlerts()
	}
	if w.other.report != "" {
		w.say("\nThe report:\n  %s\n", w.other.report)
	}
	w.printOtherNext()
	return nil
}

func (w *demoWorld) hasIPv6() bool {
	if w.system != nil {
		return w.system.IPv6
	}
	return w.other.system.IPv6
}
