package atlas

import (
	"fmt"
	"iter"
	"slices"
)

// A measurement whose answers repeat another question than it is said to ask is described
// wrongly: all its answers would become timeouts of a server that answered. It takes that
// many answers from that many probes, and more than repeat the right one; fewer are of boxes
// on the way of single probes.
const (
	fewestOthers = 10
	fewestProbes = 3
)

// repeats counts what the answers of measurements repeat.
type repeats map[int64]*repeat

type repeat struct {
	asked         Question
	right, others int64
	probes        []uint32 // some of those whose answers repeat another question
}

func (r repeats) of(q Question) *repeat {
	one := r[q.id]
	if one == nil {
		one = &repeat{asked: q}
		r[q.id] = one
	}
	return one
}

// right counts an answer that repeats the question.
func (r repeats) right(q Question) { r.of(q).right++ }

// other counts one that repeats another question.
func (r repeats) other(q Question, probe uint32) {
	one := r.of(q)
	one.others++
	one.meet(probe)
}

func (r *repeat) meet(probe uint32) {
	if len(r.probes) < fewestProbes && !slices.Contains(r.probes, probe) {
		r.probes = append(r.probes, probe)
	}
}

// add adds what another goroutine counted.
func (r repeats) add(other repeats) {
	for _, more := range other {
		one := r.of(more.asked)
		one.right, one.others = one.right+more.right, one.others+more.others
		for _, probe := range more.probes {
			one.meet(probe)
		}
	}
}

// wrong says whether the measurement asks something else.
func (r *repeat) wrong() bool {
	return r != nil && r.others >= fewestOthers && r.others > r.right && len(r.probes) >= fewestProbes
}

// told says which measurements ask something else, for people.
func (r repeats) told() (all []string) {
	for id, one := range r {
		if one.wrong() {
			all = append(all, fmt.Sprintf("measurement %d: %d of %d answers are to another question than %s %s, so nothing of it is taken: say what it asks in --measurements, or leave it out by --set FILE",
				id, one.others, one.others+one.right, one.asked.Name, one.asked.Type))
		}
	}
	slices.Sort(all)
	return all
}

// without yields the entries but those of measurements that ask something else, which are counted.
func (r repeats) without(all iter.Seq2[*entry, error], counts *Counts) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		for e, err := range all {
			if err == nil && r[e.id].wrong() {
				counts.left(Contradiction)
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
