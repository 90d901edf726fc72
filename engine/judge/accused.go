package judge

import (
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Accused is where an answer was found incorrect, by whom, and what its server calls
// itself.
type Accused struct {
	Interval     time.Time
	RSI          measurement.RSI
	VantagePoint measurement.VantagePoint
	NSID         string
}

// mostNSID is how many bytes of an NSID are kept of an accused answer: more than an alert
// prints. Whoever answers decides how long it is.
const mostNSID = 128

// accusedAt keeps nothing of the memory of the rows that it is given texts of.
func accusedAt(label time.Time, rsi measurement.RSI, vp measurement.VantagePoint, nsid string) Accused {
	return Accused{label, measurement.RSI(strings.Clone(string(rsi))), measurement.VantagePoint(strings.Clone(string(vp))),
		strings.Clone(nsid[:min(len(nsid), mostNSID)])}
}

// accuse counts an answer that the plan asks for: a name that somebody made up, or what
// came from another address, says nothing of an RSI.
func (j *Judge) accuse(a Accused, address string) {
	if known, asked := j.asks(a.RSI, address, a.Interval); !known || !asked || !j.expected(a.VantagePoint, a.Interval) {
		return
	}
	if j.result.Accused == nil {
		j.result.Accused = map[Accused]int64{}
	}
	j.result.Accused[a]++
}
