package alert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// Answers found incorrect when no window that is still to come has their interval are told
// of by TellLate, as far as one vantage point can be told of.

// onceFor is how long what happened is remembered after it happened last.
const onceFor = 24 * time.Hour

// Bounds of how much of the lake is asked who else found answers incorrect: one vantage
// point can spread its own over a year.
const (
	maxReads = 2
	maxSpan  = 48 * time.Hour // from the last interval of one RSI to that of another
)

// late is what one run found of an RSI.
type late struct {
	rsi         string
	answers     int64
	first, last time.Time       // intervals
	found       int             // vantage points that this run has it from
	vps         map[string]bool // and those that the lake has within the rule's window as well
	nsids       map[string]int
}

// TellLate writes a line for each RSI with answers that were found incorrect too late for
// the window rules: each end of an interval is evaluated once, and these lie before every
// window that is still to come. It says who saw them within the rule's window. What one
// vantage point alone brings is told once as long as it goes on.
func (b *Book) TellLate(ctx context.Context, store lake.Store, all map[judge.Accused]int64) error {
	before, window, err := b.unseen("window.incorrect")
	if err != nil {
		return err
	}
	found := lateOf(all, before)
	var unread error
	if len(found) > 0 {
		unread = b.Rules.confirm(ctx, store, found, window)
	}
	_, err = b.update(func(m *memory, result *Result) error {
		if len(found) == 0 && !slices.ContainsFunc(m.ledger.sorted(), func(s *Status) bool { return s.Once && s.over(b.Now()) }) {
			return errUnchanged
		}
		for _, l := range found {
			b.tellLate(m, result, l)
		}
		return nil
	})
	return errors.Join(unread, err)
}

// lateOf sorts what lies before a time by RSI.
func lateOf(all map[judge.Accused]int64, before time.Time) []*late {
	found := map[string]*late{}
	for a, n := range all {
		if !a.Interval.Before(before) {
			continue
		}
		rsi := string(a.RSI)
		l := found[rsi]
		if l == nil {
			l = &late{rsi: rsi, first: a.Interval, last: a.Interval, vps: map[string]bool{}, nsids: map[string]int{}}
			found[rsi] = l
		}
		l.answers += n
		l.note(string(a.VantagePoint), a.NSID, int(n))
		if a.Interval.Before(l.first) {
			l.first = a.Interval
		}
		if a.Interval.After(l.last) {
			l.last = a.Interval
		}
	}
	var sorted []*late
	for _, rsi := range slices.Sorted(maps.Keys(found)) {
		l := found[rsi]
		l.found = len(l.vps)
		sorted = append(sorted, l)
	}
	return sorted
}

func (l *late) note(vp, nsid string, n int) {
	l.vps[vp] = true
	if nsid != "" {
		l.nsids[nsid] += n
	}
}

// witnesses is who saw it.
func (l *late) witnesses() Witnesses {
	names, answers := slices.Sorted(maps.Keys(l.nsids)), map[int32]int{}
	for i, name := range names {
		answers[int32(i)] = l.nsids[name]
	}
	return Witnesses{int64(len(l.vps)), nameNSIDs(answers, names)}
}

// confirm adds who else has incorrect answers of the same RSI in the rule's window that
// ends with the last of them. Windows that overlap are read together.
func (rs *Rules) confirm(ctx context.Context, store lake.Store, found []*late, window time.Duration) error {
	rest := slices.SortedStableFunc(slices.Values(found), func(x, y *late) int { return y.last.Compare(x.last) })
	for range maxReads {
		if len(rest) == 0 {
			break
		}
		until := rest[0].last.Add(interval.Length)
		from, n := until.Add(-window), 1
		for ; n < len(rest); n++ {
			end := rest[n].last.Add(interval.Length)
			if end.Before(from) || until.Sub(end) > maxSpan {
				break
			}
			from = end.Add(-window)
		}
		rows, err := readRows(ctx, rs.Plan, store, from, until)
		if err != nil {
			return err
		}
		for _, l := range rest[:n] {
			l.add(rows, window)
		}
		rest = rest[n:]
	}
	return nil
}

// add adds those that rows of the lake have within the window. They have this run's as well.
func (l *late) add(r *rows, window time.Duration) {
	own := maps.Clone(l.nsids)
	clear(l.nsids)
	until := slotOf(l.last) + 1
	from := until - int32(window/interval.Length)
	for _, chunk := range r.chunks {
		for i := range chunk {
			row := &chunk[i]
			if row.verdict != verdictIncorrect || row.slot < from || row.slot >= until || r.tuples[row.tuple].rsi != l.rsi {
				continue
			}
			nsid := ""
			if row.nsid >= 0 {
				nsid = r.nsids[row.nsid]
			}
			l.note(r.tuples[row.tuple].vantagePoint, nsid, 1)
		}
	}
	for nsid, n := range own {
		if l.nsids[nsid] == 0 {
			l.nsids[nsid] = n
		}
	}
}

// tellLate tells of an RSI, unless it is what was told of already.
func (b *Book) tellLate(m *memory, result *Result, l *late) {
	now, seen := b.Now().UTC(), l.witnesses()
	c := Condition{Rule: ownRules + "ingest", Severity: Critical, Witnesses: seen,
		Labels: []Label{{"condition", string(measurement.Incorrect)}, {"rsi", l.rsi}},
		Summary: fmt.Sprintf("%d answers of %s.root, of %s to %s, turned out to match no root zone, seen from %d vantage points; NSID %s; too late for the rules",
			l.answers, l.rsi, minute(l.first), minute(l.last), seen.VantagePoints, seen.NSID)}
	s := m.ledger[c.key()]
	if s == nil || s.over(now) {
		s = &Status{Rule: c.Rule, Labels: c.Labels, Once: true, Firing: &now}
		m.ledger[c.key()] = s
	}
	if s.Alone == nil || l.first.Before(*s.Alone) {
		s.Alone = &l.first
	}
	if s.Known == nil {
		s.Known = &now
	}
	if seen.VantagePoints < 2 && s.aloneFor(l.last, now) < AloneFor {
		c.Severity = Warning
	}
	again := !s.Told || c.Severity.above(s.ToldAs)
	s.Changed, s.Summary, s.Severity, s.Witnesses = now, c.Summary, c.Severity, seen
	if !s.Told {
		s.Of = only(slices.Collect(maps.Keys(l.vps)))
	}
	// What one vantage point brings is bounded; what two bring together is news each time.
	if l.found < 2 && !again || b.silenced(s, now) || m.ledger.crowded(s) {
		return
	}
	s.Told, s.ToldAs = true, c.Severity
	result.Events = append(result.Events, b.event(c, Firing))
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }
