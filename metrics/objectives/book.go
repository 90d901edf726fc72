package objectives

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// Accumulator gathers answers for the objectives of a plan. Add may be called concurrently;
// the result does not depend on the order of rows.
type Accumulator struct {
	cfg   Config
	from  time.Time // of the labels read
	end   int       // labels read
	data  int       // labels before DataUntil
	books []*book
	byQ   map[string]*book

	mu         sync.Mutex // guards what follows, and the books
	vps        []vantagePoint
	index      map[measurement.VantagePoint]int
	anyVP      bool // vantage points are those of the data
	unexpected map[measurement.VantagePoint]bool
	runs       map[run]mark
	received   time.Time
	late       int64
}

// run is one interval at one vantage point.
type run struct {
	vp measurement.VantagePoint
	at int
}

// mark is what the table runs knows of a run.
type mark uint8

const (
	untrusted mark = 1 << iota // its clock was known to be wrong, or it arrived before its label
	late                       // it came into the lake after what counts
)

// state is what became of a planned query.
type state uint32

// Beyond good lies the latency in microseconds.
const (
	missing state = iota
	unsent
	offPlan
	bad
	good
)

// withSerial is set beside the state of a query whose answer showed a serial.
const withSerial state = 1 << 31

// entry is a row as far as it counts, small, for a month has millions: what became of the
// query, and the serial it showed.
type entry struct {
	state  state
	serial uint32
}

func (e entry) became() state { return e.state &^ withSerial }
func (e entry) shows() bool   { return e.state&withSerial != 0 }

// book holds what became of one query at every vantage point, server, path and label.
type book struct {
	query   plan.Query
	servers []plan.Server
	place   map[measurement.RSI]int
	paths   []measurement.Path
	zone    string // by name, of a SOA query that belongs to one; its servers are in ofZone
	ofZone  []bool // by server
	due     []bool // by label
	valid   [][]measurement.Family
	over    [][]measurement.Transport // by server
	proof   map[measurement.RSI]measurement.TLSAuth
	pages   map[[2]int][]entry // by vantage point and day: labels, servers, paths
}

const perDay = int(24 * time.Hour / interval.Length)

// New makes an empty accumulator.
func New(cfg Config) (*Accumulator, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	from, until := cfg.window()
	a := &Accumulator{cfg: cfg, from: from, byQ: map[string]*book{}, index: map[measurement.VantagePoint]int{},
		anyVP: len(cfg.Plan.VantagePoints) == 0, unexpected: map[measurement.VantagePoint]bool{}, runs: map[run]mark{}}
	a.end, a.data = max(0, a.at(until)), a.at(cfg.DataUntil)
	for _, v := range cfg.Plan.VantagePoints {
		first, end := a.dates(v.From, v.Until)
		a.index[v.ID] = len(a.vps)
		a.vps = append(a.vps, vantagePoint{v.ID, first, end})
	}
	for _, q := range cfg.Plan.Queries {
		if a.reads(q) {
			b := a.open(q)
			a.books, a.byQ[q.Label] = append(a.books, b), b
		}
	}
	return a, nil
}

// reads says whether anything rests on a query: an objective names it, or it asks for the
// SOA of a zone of which one wants to know when serials were published.
func (a *Accumulator) reads(q plan.Query) bool {
	z, _, ofZone := a.cfg.Plan.ZoneOf(q)
	for _, o := range a.cfg.Plan.Objectives {
		if slices.Contains(o.Queries, q.Label) {
			return true
		}
		if !ofZone || q.QType != "SOA" || o.Publication == nil {
			continue
		}
		for _, label := range o.Queries {
			named, _ := a.cfg.Plan.Query(label)
			if other, _, ok := a.cfg.Plan.ZoneOf(named); ok && other.Name == z.Name {
				return true
			}
		}
	}
	return false
}

func (a *Accumulator) open(q plan.Query) *book {
	b := &book{query: q, servers: a.cfg.Plan.ServersOf(q.Servers), place: map[measurement.RSI]int{}, proof: map[measurement.RSI]measurement.TLSAuth{}, pages: map[[2]int][]entry{}}
	for i, s := range b.servers {
		b.place[s.RSI] = i
	}
	for _, f := range q.Families {
		for _, t := range q.Transports {
			b.paths = append(b.paths, measurement.Path{Family: f, Transport: t})
		}
	}
	z, servers, ok := a.cfg.Plan.ZoneOf(q)
	b.ofZone = make([]bool, len(b.servers))
	if ok && q.QType == "SOA" {
		b.zone = z.Name
		for _, s := range servers {
			b.ofZone[b.place[s.RSI]] = true
		}
	}
	for _, s := range b.servers {
		b.over = append(b.over, q.TransportsTo(s))
		if s.TLS != nil {
			b.proof[s.RSI] = s.TLS.Verify.Proof()
		}
	}
	for at := range a.end {
		label := a.label(at)
		b.due = append(b.due, a.cfg.Plan.Due(q.Schedule, label))
		for _, s := range b.servers {
			var families []measurement.Family
			for _, f := range q.Families {
				if _, ok := s.AddressAt(f, label); ok {
					families = append(families, f)
				}
			}
			b.valid = append(b.valid, families)
		}
	}
	return b
}

// planned says whether the query is to be asked of a server over a path at a label.
func (b *book) planned(at, server int, p measurement.Path) bool {
	return b.due[at] && slices.Contains(b.over[server], p.Transport) && slices.Contains(b.valid[at*len(b.servers)+server], p.Family)
}

// asks says whether a query is one of a vantage point's.
func (a *Accumulator) asks(b *book, vp int) bool { return a.cfg.Plan.Asks(b.query, a.vps[vp].id) }

// next is the first label from at on at which the query is due, end where there is none.
func (b *book) next(at, end int) int {
	for ; at < end && at < len(b.due); at++ {
		if at >= 0 && b.due[at] {
			return at
		}
	}
	return end
}

// entry is what became of one query.
func (b *book) entry(vp, at, server, path int) entry {
	page := b.pages[[2]int{vp, at / perDay}]
	if page == nil {
		return entry{}
	}
	return page[(at%perDay*len(b.servers)+server)*len(b.paths)+path]
}

// row is what is read of a row of the table answers.
type row struct {
	vp      measurement.VantagePoint
	at      int
	rsi     measurement.RSI
	path    measurement.Path
	address netip.Addr // canonical; the zero one equals none of the plan's
	instead state      // what it counts as where it was asked at the plan's address; missing is entry
	entry
}

// note takes a row into its book; the caller holds the lock. Rows of queries, servers and
// vantage points that are not planned count nowhere.
func (a *Accumulator) note(b *book, r row) error {
	if r.at < 0 || r.at >= a.end || a.runs[run{r.vp, r.at}]&late != 0 {
		return nil
	}
	vp, known := a.index[r.vp]
	if !known {
		if !a.anyVP {
			a.unexpected[r.vp] = true
			return nil
		}
		vp = len(a.vps)
		a.index[r.vp] = vp
		a.vps = append(a.vps, vantagePoint{r.vp, r.at, farAway})
	}
	if a.anyVP {
		a.vps[vp].from = min(a.vps[vp].from, r.at)
	}
	server, known := b.place[r.rsi]
	path := slices.Index(b.paths, r.path)
	if !known || path < 0 || !a.vps[vp].within(r.at) || !a.asks(b, vp) || !b.planned(r.at, server, r.path) {
		return nil
	}
	key := [2]int{vp, r.at / perDay}
	if b.pages[key] == nil {
		b.pages[key] = make([]entry, perDay*len(b.servers)*len(b.paths))
	}
	e := &b.pages[key][(r.at%perDay*len(b.servers)+server)*len(b.paths)+path]
	if e.state != missing {
		return fmt.Errorf("answers, interval %s, vantage point %s, query %s, %s %s: stands twice in the lake",
			a.label(r.at).Format("2006-01-02T15:04Z"), r.vp, b.query.Label, r.rsi, r.path)
	}
	want, _ := b.servers[server].AddressAt(r.path.Family, a.label(r.at))
	switch {
	case r.state != unsent && r.address != want:
		*e = entry{state: offPlan}
	case r.instead != missing:
		*e = entry{state: r.instead}
	default:
		*e = r.entry
	}
	return nil
}

// excluded says whether the plan's exclusions take a query out. Of what a group does, and
// of when serials were published, only those without RSIs do.
func (a *Accumulator) excluded(vp measurement.VantagePoint, at int, rsi measurement.RSI, path measurement.Path, perServer bool) bool {
	label := a.label(at)
	for _, e := range a.cfg.Plan.Exclusions {
		if label.Before(e.From) || !label.Before(e.Until) ||
			len(e.VantagePoints) > 0 && !slices.Contains(e.VantagePoints, vp) ||
			len(e.Paths) > 0 && !slices.Contains(e.Paths, path.String()) {
			continue
		}
		if len(e.RSIs) == 0 || perServer && slices.Contains(e.RSIs, rsi) {
			return true
		}
	}
	return false
}

// AddRuns adds rows of the table runs, all of them before the answers.
func (a *Accumulator) AddRuns(runs []measurement.Run) {
	for _, r := range runs {
		a.addRun(r.VantagePoint, r.Interval, r.ReceivedAt, r.ClockSynchronized != nil && !*r.ClockSynchronized, r.IngestedAt)
	}
}

func (a *Accumulator) addRun(vp measurement.VantagePoint, label, received time.Time, wrong bool, ingested *time.Time) {
	at := a.at(label)
	if at < 0 || at >= a.end {
		return
	}
	var m mark
	if wrong || !received.IsZero() && received.Before(label) {
		m |= untrusted
	}
	if ingested != nil {
		if until := a.cfg.ReceivedUntil; !until.IsZero() && ingested.After(until) {
			m |= late
			a.late++
		} else if ingested.After(a.received) {
			a.received = ingested.UTC()
		}
	}
	if m != 0 {
		a.runs[run{vp, at}] = m
	}
}
