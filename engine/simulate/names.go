package simulate

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"mtric.net/mtric/engine/plan"
)

// kind is what a question asks: the rules of correctness go by it.
type kind int

const (
	otherKind kind = iota
	tldNS
	tldDS
	rootSOA
	rootNS
	rootDNSKEY
	negative
)

// kindNames are the keys of plan.FaultTags.
var kindNames = [...]string{tldNS: "TLD/NS", tldDS: "TLD/DS", rootSOA: "./SOA", rootNS: "./NS", rootDNSKEY: "./DNSKEY", negative: "negative"}

// kindOf tells a question's kind by its name or template and its type.
func kindOf(name, qtype string) kind {
	switch {
	case name == "." && qtype == "SOA":
		return rootSOA
	case name == "." && qtype == "NS":
		return rootNS
	case name == "." && qtype == "DNSKEY":
		return rootDNSKEY
	case name != "." && qtype == "NS":
		return tldNS
	case name != "." && qtype == "DS":
		return tldDS
	case strings.Contains(name, lettersMark):
		return negative
	}
	return otherKind
}

// question is one that can be drawn; name may be a template with <letters:N>.
type question struct {
	name, qtype string
	kind        kind
	size        int32 // octets of the answer, without wires
}

// choice is one of a query's choices, each question as likely as the others.
type choice struct {
	weight    int
	questions []question
}

// names are the questions of all queries, by the number of the query: what
// probe.Draw would draw from, laid out once for a zone.
type names struct {
	choices [][]choice
	totals  []int
}

const lettersMark = "<letters:"

// newNames lays out the questions about a zone of these top-level domains with
// NS and with DS.
func newNames(asks []ask, tlds, ds []string) *names {
	n := &names{}
	for i := range asks {
		a := &asks[i]
		var all []choice
		total := 0
		if len(a.Choices) == 0 {
			all, total = []choice{{1, []question{newQuestion(a.QName, a.QType)}}}, 1
		}
		for _, c := range a.Choices {
			made := choice{c.Weight, eligible(c, tlds, ds)}
			if len(made.questions) > 0 && c.Weight > 0 {
				all = append(all, made)
				total += c.Weight
			}
		}
		n.choices, n.totals = append(n.choices, all), append(n.totals, total)
	}
	return n
}

// newQuestion prepares a question; the size of its answer is made up.
func newQuestion(name, qtype string) question {
	size := int32(400 + mix(text(name), text(qtype))%700)
	return question{name, qtype, kindOf(name, qtype), size}
}

// eligible lists the questions of a choice without those it excepts [unt].
func eligible(c plan.Choice, tlds, ds []string) []question {
	var all []question
	for _, name := range c.Names() {
		all = append(all, newQuestion(name, c.QType))
	}
	add := func(owner, qtype string) {
		if !slices.ContainsFunc(c.Except, func(e string) bool { return strings.EqualFold(e, owner+"/"+qtype) }) {
			all = append(all, newQuestion(owner, qtype))
		}
	}
	for _, t := range []string{"DNSKEY", "NS", "NSEC", "SOA", "ZONEMD"} { // the apex of a root zone
		if slices.Contains(c.Root, t) {
			add(".", t)
		}
	}
	for _, t := range c.TLD {
		owners := map[string][]string{"NS": tlds, "DS": ds}[t]
		for _, owner := range owners {
			add(owner, t)
		}
	}
	return all
}

// draw draws a question of a query: its choice by weight [yyg], its RRset, its
// letters [dse] and their case [zon], as probe.Draw does.
func (n *names) draw(number int, r *rand.PCG) (question, string) {
	choices := n.choices[number]
	// The only question there is needs no drawing: most queries are for the SOA.
	if len(choices) == 1 && len(choices[0].questions) == 1 && choices[0].questions[0].name == "." {
		return choices[0].questions[0], "."
	}
	at := below(r, n.totals[number])
	i := 0
	for at >= choices[i].weight {
		at -= choices[i].weight
		i++
	}
	q := choices[i].questions[below(r, len(choices[i].questions))]
	if q.name == "." {
		return q, q.name
	}
	return q, mixCase(expand(q.name, r), r)
}

// below draws from [0, n) of fewer than 2^32; the bias is below one in a million.
func below(r *rand.PCG, n int) int { return int(r.Uint64() >> 32 * uint64(n) >> 32) }

// expand draws the letters of <letters:N>.
func expand(name string, r *rand.PCG) string {
	for {
		before, rest, found := strings.Cut(name, lettersMark)
		count, after, closed := strings.Cut(rest, ">")
		n, err := strconv.Atoi(count)
		if !found || !closed || err != nil || n < 0 || n > 63 {
			return name
		}
		drawn := make([]byte, n)
		for i := range drawn {
			drawn[i] = 'a' + byte(below(r, 26))
		}
		name = before + string(drawn) + after
	}
}

// mixCase gives each ASCII letter a random case.
func mixCase(name string, r *rand.PCG) string {
	mixed := []byte(name)
	bits, left := uint64(0), 0
	for i, b := range mixed {
		if 'a' <= b|0x20 && b|0x20 <= 'z' {
			if left == 0 {
				bits, left = r.Uint64(), 64
			}
			mixed[i] = b ^ byte(bits&1)<<5
			bits, left = bits>>1, left-1
		}
	}
	return string(mixed)
}

// makeNames makes up top-level domains, as many as the root zone has, and says
// which have DS: arpa and pronounceable words of two to eight letters.
func makeNames(seed uint64) (tlds, ds []string) {
	const count = 1440
	r := rand.NewPCG(mix(seed, streamNames), 0)
	taken := map[string]bool{"arpa.": true}
	tlds = []string{"arpa."}
	for len(tlds) < count {
		word := make([]byte, 2+below(r, 7))
		for i := range word {
			from := "bcdfghklmnprstvwz"
			if i%2 == 1 {
				from = "aeiou"
			}
			word[i] = from[below(r, len(from))]
		}
		if name := string(word) + "."; !taken[name] {
			taken[name] = true
			tlds = append(tlds, name)
		}
	}
	slices.Sort(tlds)
	for i, name := range tlds {
		if i%16 != 7 || name == "arpa." {
			ds = append(ds, name)
		}
	}
	return tlds, ds
}
