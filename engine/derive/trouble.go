package derive

import "mtric.net/mtric/engine/measurement"

// Trouble tells of a vantage point and label which failures are its own trouble, and say
// nothing of any server. The zero value is of a label at which nothing was sent.
type Trouble struct {
	sent, failed [2]int // by family
}

// Take notes a query that was sent to the plan's address over one of Paths. Who answers
// incorrectly is there; that nothing but such answers comes, to none of the queries, is the
// vantage point's trouble.
func (t *Trouble) Take(path int, failed, incorrect bool) {
	family := path / len(measurement.Transports)
	if t.sent[family]++; failed || incorrect {
		t.failed[family]++
	}
}

// Sent says whether anything was sent over a family.
func (t *Trouble) Sent(family int) bool { return t.sent[family] > 0 }

// Own says whether all that was sent over a family failed or was incorrect, two queries at
// least.
func (t *Trouble) Own(family int) bool {
	return t.sent[family] >= 2 && t.failed[family] == t.sent[family]
}

// Says tells whether a query that was sent says something of its server, and whether it
// failed. NXDOMAIN is what a correct answer of correctness may say; where nobody can judge it
// yet (held) it says nothing.
func Says(good, correct, held bool) (says, failed bool) {
	switch {
	case good, correct:
		return true, false
	case held:
		return false, false
	}
	return true, true
}
