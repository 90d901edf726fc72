package atlas

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
)

// Bounds of what answers may teach.
const (
	mostLearned   = 4096 // measurements
	mostQuestions = 8    // of a measurement
)

// learned counts the questions that answers of measurements repeat, where nobody says what
// was asked.
type learned struct {
	votes map[int64]map[Question]int
	all   map[int64]int
	m     dnsmsg.Message
}

func newLearned() *learned {
	return &learned{votes: map[int64]map[Question]int{}, all: map[int64]int{}}
}

// look counts what the answers of a result repeat.
func (l *learned) look(id int64, line []byte) {
	var r result
	if json.Unmarshal(line, &r) != nil || len(r.Resultset) > maxParts {
		return
	}
	for _, p := range append(r.Resultset, r.part) {
		if p.Result == nil || p.Result.Abuf == nil {
			continue
		}
		wire, err := base64.StdEncoding.DecodeString(*p.Result.Abuf)
		if err != nil || l.m.Parse(wire) != nil || l.m.Flags&dnsmsg.FlagQR == 0 || l.m.QName == nil {
			continue
		}
		l.vote(id)
	}
}

func (l *learned) vote(id int64) {
	q, ok := questionOf(&l.m)
	votes := l.votes[id]
	if votes == nil {
		if len(l.votes) >= mostLearned {
			return
		}
		votes = map[Question]int{}
		l.votes[id] = votes
	}
	l.all[id]++
	if _, met := votes[q]; ok && (met || len(votes) < mostQuestions) {
		votes[q]++
	}
}

// questionOf is the question of a message as measurements have it.
func questionOf(m *dnsmsg.Message) (q Question, ok bool) {
	name, _, err := dns.UnpackDomainName(m.QName, 0)
	kind, known := dns.TypeToString[m.QType]
	if err != nil || !known {
		return q, false
	}
	q = Question{Name: strings.ToLower(name), Type: kind}
	switch m.QClass {
	case dns.ClassINET:
	case dns.ClassCHAOS:
		q.Class = "CH"
	default:
		return q, false
	}
	return q, true
}

// complete fills in the question that more than half of a measurement's answers repeat.
// Without such a one it stays unknown.
func (l *learned) complete(q Question, id int64) Question {
	for asked, votes := range l.votes[id] {
		if 2*votes > l.all[id] {
			q.Name, q.Type, q.Class = asked.Name, asked.Type, asked.Class
			return q.labelled(id)
		}
	}
	return q
}
