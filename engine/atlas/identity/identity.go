// Package identity says whose identity a text is: what a server answers for hostname.bind,
// id.server or version.bind (class CH, RFC 4892), or in NSID (RFC 5001). Root servers name
// their sites by patterns that are known in public, and so do some resolvers. A text of
// somebody else's pattern shows that somebody else answered in a root server's place.
//
// It accuses nobody: a sign sets a probe's answers apart. So all doubt is in favour of there
// being none. A text of no pattern is unknown, and a new site may have any name; a text that
// is the asked server's by any pattern, a loose or an old one too, is its own.
package identity

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// maxText bounds a text that is looked at, in bytes: what one string of a TXT record holds.
const maxText = 255

// Kind says what a text is.
type Kind string

// The kinds.
const (
	Unknown  Kind = "unknown" // of no pattern
	Root     Kind = "root"    // of a root server
	Resolver Kind = "resolver"
)

// Match is whose identity a text is.
type Match struct {
	Kind      Kind
	RSIs      []measurement.RSI // of Root: that have such names, sorted
	Operators []string          // sorted
	Weak      bool              // only patterns matched that others may have too: nothing follows from them
}

// Sign is a sign that somebody else answers in a server's place.
type Sign string

// The signs.
const (
	None     Sign = ""
	Other    Sign = "identity of another root server"
	Recursor Sign = "identity of a resolver"
)

// Of says whose identity a text is. Strong patterns that hold at that time come before all
// others, and those of root servers before those of resolvers.
func (s *Set) Of(text string, at time.Time) Match {
	text, ok := normal(text)
	if !ok {
		return Match{Kind: Unknown}
	}
	for _, weak := range []bool{false, true} {
		for _, kind := range []Kind{Root, Resolver} {
			m := Match{Kind: kind, Weak: weak}
			for i := range s.patterns {
				if p := &s.patterns[i]; p.Kind == kind && p.strong(at) != weak && p.match(text) {
					m.Operators, m.RSIs = append(m.Operators, p.Operator), append(m.RSIs, p.RSIs...)
				}
			}
			if m.Operators != nil {
				slices.Sort(m.Operators)
				slices.Sort(m.RSIs)
				m.Operators, m.RSIs = slices.Compact(m.Operators), slices.Compact(m.RSIs)
				return m
			}
		}
	}
	return Match{Kind: Unknown}
}

// Says says whether a text, given as the identity of an RSI, is a sign of interception. It
// never is where the text may be the RSI's own, by a pattern of any time, or that of a server
// that shares machines with it.
func (s *Set) Says(rsi measurement.RSI, text string, at time.Time) Sign {
	text, ok := normal(text)
	if !ok {
		return None
	}
	sign := None
	for i := range s.patterns {
		p := &s.patterns[i]
		own := slices.Contains(p.RSIs, rsi) || slices.Contains(p.Shared, rsi)
		if !own && (!p.strong(at) || sign == Other) || !p.match(text) {
			continue
		}
		switch {
		case own:
			return None
		case p.Kind == Root:
			sign = Other
		default:
			sign = Recursor
		}
	}
	return sign
}

// normal is a text as patterns see it. NSID that is not printable stands as 0x and hex
// digits in the lake; some servers end it with a zero. False where there is nothing to look at.
func normal(text string) (string, bool) {
	if len(text) > 2*maxText+len("0x") {
		return "", false
	}
	if digits, is := strings.CutPrefix(text, "0x"); is {
		if bytes, err := hex.DecodeString(digits); err == nil {
			text = strings.TrimRight(string(bytes), "\x00")
		}
	}
	text = strings.TrimSuffix(strings.TrimSpace(text), ".")
	printable := !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
	return text, printable && text != "" && len(text) <= maxText
}
