package ingest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

// judges are shared by cases with the same candidates.
type judges struct {
	*bench
	mu sync.Mutex
	by map[time.Time][]*seat
}

// seat is a judge and the candidates it judges by.
type seat struct {
	in, out []uint32
	judge   correctness.Judge
}

func (j *judges) of(c *docket) correctness.Judge {
	in, out := j.candidates(c.sent, c.label)
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.by[c.label] {
		if slices.Equal(s.in, in) && slices.Equal(s.out, out) {
			return s.judge
		}
	}
	s := &seat{in: in, out: out}
	for _, serial := range in {
		if z := j.archive[serial]; z != nil {
			s.judge.Zones = append(s.judge.Zones, z)
		}
	}
	for _, serial := range out {
		if z := j.archive[serial]; z != nil {
			s.judge.Others = append(s.judge.Others, z)
		}
	}
	j.by[c.label] = append(j.by[c.label], s)
	return s.judge
}

// hear judges one case. A mismatch accuses only where the archive is complete for
// the query; until then the row waits.
func (j *judges) hear(c *docket) (v verdict) {
	v.verdict = measurement.Unchecked
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("a response ended its judgement", "interval", c.label, "qname", c.name, "panic", fmt.Sprint(p))
			v = verdict{verdict: measurement.Unchecked}
		}
	}()
	if len(c.wire) == 0 {
		return v
	}
	r := j.of(c).Judge(correctness.Question{Name: c.name, Type: c.kind, At: c.sent}, c.wire)
	c.hopeless = r.Verdict == measurement.Unchecked && slices.ContainsFunc(r.Failures, func(f correctness.Finding) bool { return f.Tag == "yds" })
	if r.Verdict == measurement.Incorrect && !j.complete(c.label) {
		return v
	}
	v.verdict = r.Verdict
	if r.Serial != nil && r.Verdict != measurement.Unchecked {
		serial := int64(*r.Serial)
		v.serial = &serial
	}
	if r.Verdict == measurement.Incorrect {
		v.failures = r.FailureTexts()
	}
	return v
}
