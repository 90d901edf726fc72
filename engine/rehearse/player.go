package rehearse

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// When in the hour what is done, as cron does it.
const (
	fetchFirst  = 11 * time.Minute
	fetchSecond = 41 * time.Minute
	ingestAt    = 54 * time.Minute
)

// player plays one scenario.
type player struct {
	ctx    context.Context
	o      Options
	site   *site
	before *site // the plan without the script's addresses
	script *script
	root   *root
	truth  *truth
	result *Result

	home  string
	now   time.Time // the true time, by which the collector goes
	store lake.Store
	rules *alert.Rules
	soa   map[soaKey]measurement.Answer
	lines int // of the liar's alerts
}

// hour is one interval that a vantage point measures.
type hour struct {
	vp    measurement.VantagePoint
	at    time.Time // true time of its label
	label time.Time // by the vantage point's clock
}

// played is a row that was measured, with what it is in truth.
type played struct {
	measurement.Answer
	kind truthKind
}

// play plays a scenario in a folder.
func play(ctx context.Context, o Options, scenario Scenario, dir string) (Result, error) {
	result := Result{Scenario: scenario.Name, Stopped: []string{}, Planted: []Plant{}, Missed: []Missed{}, Alerts: []Expected{}, Problems: []string{}}
	p, err := newPlayer(ctx, o, scenario, dir, &result)
	if err != nil {
		return result, err
	}
	s := p.script
	if o.before != nil {
		if err := o.before(p); err != nil {
			return result, err
		}
	}
	for hour := s.start; hour.Before(s.end()); hour = hour.Add(time.Hour) {
		if err := ctx.Err(); err != nil {
			return result, err
		}
		if err := p.hour(hour); err != nil {
			return result, err
		}
	}
	p.settle(s.end())
	if err := p.judge(); err != nil {
		return result, err
	}
	if s.mend != nil {
		made, err := p.report(nil)
		if err != nil {
			return result, err
		}
		p.now = p.now.Add(30 * time.Minute)
		p.step("mend", s.mend(p))
		p.settle(p.now)
		if err := p.mended(); err != nil {
			return result, err
		}
		p.verify(made)
		if _, err := p.report(made); err != nil {
			return result, err
		}
	} else if _, err := p.report(nil); err != nil {
		return result, err
	}
	result.conclude(s)
	return result, nil
}

func newPlayer(ctx context.Context, o Options, scenario Scenario, dir string, result *Result) (*player, error) {
	site, err := newSite(o)
	if err != nil {
		return nil, err
	}
	s := &script{rsis: site.rsis, plan: site.plan, start: o.Start, days: 6, short: o.Short, sources: []source{{label: "internic"}}}
	s.measured = s.at(1, 0)
	s.keySets = []keySet{simple(time.Time{}, oldKSK, oldZSK)}
	s.anchors = []rootzone.Anchor{{DS: oldKSK.Anchor()}}
	scenario.write(s)
	if s.publications == nil {
		s.publications = s.twiceADay()
	}
	root, err := newRoot(s)
	if err != nil {
		return nil, err
	}
	site.trust(s.anchors)
	before := *site
	site.readdress(s.addresses)
	rules, err := site.rules()
	if err != nil {
		return nil, err
	}
	p := &player{ctx: ctx, o: o, site: site, before: &before, script: s, root: root, truth: newTruth(), result: result, home: dir, now: s.start, rules: rules,
		store: lake.Store{Dir: filepath.Join(dir, site.plan.Paths.Lake), Version: o.Version}, soa: map[soaKey]measurement.Answer{}}
	result.Zones = len(root.versions)
	return p, p.makeFolders()
}

// each is how many hours pass between two runs of ingest.
func (p *player) each() int {
	if p.script.short {
		return 12
	}
	return 6
}

// hour plays what happens in an hour.
func (p *player) hour(begin time.Time) error {
	s := p.script
	if err := p.measureFrom(begin, begin.Add(ingestAt)); err != nil {
		return err
	}
	if !anyHolds(s.away, begin) && !anyHolds(s.off, begin) {
		p.collect(begin)
	}
	return p.measureFrom(begin.Add(ingestAt).Truncate(interval.Length).Add(interval.Length), begin.Add(time.Hour))
}

// collect is what the collector does in an hour.
func (p *player) collect(begin time.Time) {
	if p.root.news(begin) {
		p.now = begin.Add(fetchFirst)
		p.fetch()
	}
	if p.root.news(begin) || begin.Before(p.script.measured) || begin.Hour()%3 == 2 {
		p.now = begin.Add(fetchSecond)
		p.fetch()
	}
	if (begin.Hour()+1)%p.each() == 0 {
		p.now = begin.Add(ingestAt)
		p.ingest()
		p.watch()
	}
}

// settle lets the collector go on for three hours without new answers, so that whatever
// waits for a fetch has had it.
func (p *player) settle(from time.Time) {
	for i := range 3 {
		p.now = from.Add(time.Duration(i)*time.Hour + fetchFirst)
		p.fetch()
	}
	p.now = p.now.Add(ingestAt - fetchFirst)
	p.ingest()
	p.watch()
}

// step notes a command that stopped.
func (p *player) step(command string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		p.result.stopped(fmt.Sprintf("%s at %s: %v", command, p.now.Format("2006-01-02T15:04Z"), err))
	}
}

// serviceOf is what is odd about how an RSI answers a vantage point then; nil where
// nothing is.
func (p *player) serviceOf(rsi measurement.RSI, vp measurement.VantagePoint, t time.Time) *service {
	for i := range p.script.services {
		s := &p.script.services[i]
		if s.rsi == rsi && (s.vp == "" || s.vp == vp) && s.span.holds(t) {
			return s
		}
	}
	return nil
}

// zoneOf is the zone that it answers from.
func (p *player) zoneOf(rsi measurement.RSI, s *service, t time.Time) *lab.Zone {
	if s != nil && s.zone != nil {
		return s.zone(p.root, t)
	}
	return p.root.served(rsi, t)
}
