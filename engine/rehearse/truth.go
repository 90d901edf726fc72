package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// truthKind is what an answer is in truth: honest, or of a planted fault, by its number
// from 1.
type truthKind int

const (
	honest truthKind = 0
	lied   truthKind = -1 // said by who holds a stolen key
)

// truth is what every correctness answer is, by construction.
type truth struct {
	plants []Plant
	odd    map[answerKey]fact // those that are not simply honest
	first  map[spot]bool      // found incorrect at some time, by a run of ingest
}

// spot is the answers of an RSI in an interval.
type spot struct {
	label int64 // µs
	rsi   measurement.RSI
}

// answerKey names an answer.
type answerKey struct {
	vp        measurement.VantagePoint
	label     int64 // µs
	rsi       measurement.RSI
	family    measurement.Family
	transport measurement.Transport
}

type fact struct {
	kind truthKind
	may  bool // be held
}

func newTruth() *truth { return &truth{odd: map[answerKey]fact{}, first: map[spot]bool{}} }

// plant is the number of a fault of an RSI.
func (t *truth) plant(fault string, rsi measurement.RSI) truthKind {
	i := slices.IndexFunc(t.plants, func(p Plant) bool { return p.Fault == fault && p.RSI == rsi })
	if i < 0 {
		i = len(t.plants)
		t.plants = append(t.plants, Plant{Fault: fault, RSI: rsi})
	}
	return truthKind(i + 1)
}

// planted says whether the RSI has a fault.
func (t *truth) planted(rsi measurement.RSI) bool {
	return slices.ContainsFunc(t.plants, func(p Plant) bool { return p.RSI == rsi })
}

func (t *truth) note(a *played, may bool) {
	if a.kind != honest || may {
		t.odd[keyOf(&a.Answer)] = fact{a.kind, may}
	}
}

func keyOf(a *measurement.Answer) answerKey {
	return answerKey{a.VantagePoint, a.Interval.UnixMicro(), a.RSI, a.Family, a.Transport}
}

// accused notes that answers of an RSI and interval were found incorrect at some time, by
// a run of ingest.
func (t *truth) accused(a ingest.Accused) { t.first[spot{a.Interval.UnixMicro(), a.RSI}] = true }

// faulty are the RSIs and intervals that have an answer of a planted fault.
func (t *truth) faulty() map[spot]bool {
	all := map[spot]bool{}
	for k, f := range t.odd {
		if f.kind != honest {
			all[spot{k.label, k.rsi}] = true
		}
	}
	return all
}

// tally is the verdicts in the lake, held against the truth.
type tally struct {
	answers  int
	accused  int // honest and incorrect
	held     int
	surplus  int // held where the script does not allow it
	found    map[truthKind]int
	lies     []spot
	suspects []suspect // days with answers of the second or fourth kind
}

type suspect struct {
	key answerKey
	why string
}

// mostTold bounds the answers that are named.
const mostTold = 3

// count holds the verdicts of the lake against the truth; where none may be held, that
// is what is strict.
func (p *player) count(strict bool) (tally, error) {
	t := tally{found: map[truthKind]int{}}
	scan := lake.Scan{Store: p.store, Table: column.Answers, Workers: 1,
		Columns: []string{"query", "vantage_point", "rsi", "family", "transport", "verdict"}}
	err := scan.Run(p.ctx, func(b *column.Batch) error {
		queries, verdicts, labels := b.Column("query"), b.Column("verdict"), b.Column("interval")
		correctness := queries.Place(measurement.QueryCorrectness)
		for i := range b.Rows {
			if queries.Index[i] != correctness || verdicts.Index[i] < 0 {
				continue
			}
			key := answerKey{measurement.VantagePoint(strings.Clone(b.Column("vantage_point").Text(i))), labels.Int[i],
				measurement.RSI(strings.Clone(b.Column("rsi").Text(i))), measurement.Family(strings.Clone(b.Column("family").Text(i))),
				measurement.Transport(strings.Clone(b.Column("transport").Text(i)))}
			f := p.truth.odd[key]
			f.may = f.may && !strict
			if key.vp == p.script.liar {
				f = fact{lied, true}
			}
			t.add(key, f, measurement.Verdict(verdicts.Text(i)))
		}
		return nil
	})
	return t, err
}

func (t *tally) add(key answerKey, f fact, v measurement.Verdict) {
	t.answers++
	switch {
	case f.kind == lied:
		if v == measurement.Incorrect {
			t.lies = append(t.lies, spot{key.label, key.rsi})
		}
	case v == measurement.Incorrect && f.kind != honest:
		t.found[f.kind]++
	case v == measurement.Incorrect:
		t.accused++
		t.suspects = append(t.suspects, suspect{key, "accused"})
	case v == measurement.Unchecked:
		t.held++
		if !f.may {
			t.surplus++
			t.suspects = append(t.suspects, suspect{key, "held"})
		}
	}
}

// name tells of the first suspects what the lake says of them.
func (p *player) name(t tally) error {
	for _, why := range []string{"accused", "held"} {
		told := 0
		for _, s := range t.suspects {
			if s.why != why {
				continue
			}
			if told++; told > mostTold {
				break
			}
			rows, err := p.lakeRows(interval.Day(time.UnixMicro(s.key.label).UTC()))
			if err != nil {
				return err
			}
			i := slices.IndexFunc(rows, func(a measurement.Answer) bool { return a.Query == measurement.QueryCorrectness && keyOf(&a) == s.key })
			if i >= 0 {
				p.result.problem(fmt.Sprintf("%s: %s at %s, %s/%s to %s: %s", why, s.key.rsi, rows[i].Interval.Format("2006-01-02T15:04Z"),
					rows[i].QName, rows[i].QType, s.key.vp, strings.Join(rows[i].Failures, "; ")))
			}
		}
	}
	return nil
}

// judge notes what the lake says before anything is mended.
func (p *player) judge() error {
	t, err := p.count(false)
	if err != nil {
		return err
	}
	r := p.result
	r.Answers, r.Accused, r.Held, r.Surplus = t.answers, t.accused, t.held, t.surplus
	for _, f := range p.truth.odd {
		if f.may {
			r.MayHold++
		}
	}
	r.Planted = append(r.Planted, p.truth.plants...)
	for i := range r.Planted {
		r.Planted[i].Answers = t.found[truthKind(i+1)]
	}
	p.onceAccused(t)
	return p.name(t)
}

// onceAccused adds what was accused at some time and is not any more.
func (p *player) onceAccused(t tally) {
	faulty := p.truth.faulty()
	for _, a := range t.lies {
		faulty[a] = true
	}
	for a := range p.truth.first {
		if !faulty[a] && p.result.Accused == 0 {
			p.result.Accused++
			p.result.problem(fmt.Sprintf("accused for a while: %s at %s", a.rsi, time.UnixMicro(a.label).UTC().Format("2006-01-02T15:04Z")))
		}
	}
}

// mended notes what is held after it was mended, and what is accused then.
func (p *player) mended() error {
	t, err := p.count(true)
	if err != nil {
		return err
	}
	r := p.result
	r.Mended, r.HeldAfter = p.script.mended, &t.held
	r.Accused = max(r.Accused, t.accused)
	for i := range r.Planted {
		r.Planted[i].Answers = max(r.Planted[i].Answers, t.found[truthKind(i+1)])
	}
	p.onceAccused(t)
	return p.name(t)
}
