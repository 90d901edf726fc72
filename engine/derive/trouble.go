package derive

import "mtric.net/mtric/engine/measurement"

// Trouble tells of a vantage point and label which failures are its own trouble, and say
// nothing of any server. The zero value is of a label at which nothing was sent.
type Trouble struct {
	sent, failed [2]int  // by family
	judged       [6]seen // by path: answers that have a verdict
}

// seen is how many answers were not incorrect, how many were, and of which servers these are.
type seen struct {
	right, wrong int
	first        int  // of the incorrect: 1 + a server
	more         bool // there are others
}

func (s *seen) add(o seen) {
	s.more = s.more || o.more || s.first > 0 && o.first > 0 && s.first != o.first
	if s.first == 0 {
		s.first = o.first
	}
	s.right, s.wrong = s.right+o.right, s.wrong+o.wrong
}

// forged says that answers of two servers at least were incorrect, and none was right.
func (s seen) forged() bool { return s.right == 0 && s.more }

// Take notes a query that was sent to the plan's address over one of Paths. Who answers
// incorrectly is there; that nothing but such answers comes, to none of the queries, is the
// vantage point's trouble.
func (t *Trouble) Take(path int, failed, incorrect bool) {
	family := path / len(measurement.Transports)
	if t.sent[family]++; failed || incorrect {
		t.failed[family]++
	}
}

// Judge notes an answer that has a verdict. One that nobody can judge yet may be right.
func (t *Trouble) Judge(server, path int, incorrect bool) {
	if incorrect {
		t.judged[path].add(seen{wrong: 1, first: 1 + server})
	} else {
		t.judged[path].right++
	}
}

// Sent says whether anything was sent over a family.
func (t *Trouble) Sent(family int) bool { return t.sent[family] > 0 }

// Own says whether all that was sent over a family failed or was incorrect, two queries at
// least.
func (t *Trouble) Own(family int) bool {
	return t.sent[family] >= 2 && t.failed[family] == t.sent[family]
}

// Judged says whether there was an answer over a path that has a verdict.
func (t *Trouble) Judged(path int) bool { return t.judged[path].right+t.judged[path].wrong > 0 }

// Forged says whether incorrect answers over a path are the vantage point's own trouble:
// somebody on the way forges what comes over the transport. All that is judged over it is
// incorrect, of two servers at least, over the path or over both families, while something
// over another transport is not. A fault of a zone or of servers shows over every
// transport, and one of a few servers leaves others right.
func (t *Trouble) Forged(path int) bool {
	n := len(measurement.Transports)
	var same, others seen
	for p, s := range t.judged {
		if p%n == path%n {
			same.add(s)
		} else {
			others.add(s)
		}
	}
	return t.judged[path].wrong > 0 && others.right > 0 && (t.judged[path].forged() || same.forged())
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
