package lab

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Every zone has these, however small: hosts of other top-level domains live
// below most of them.
var firstTLDs = []string{"arpa.", "com.", "net.", "org.", "us.", "info.", "edu."}

const countryCodes = `ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt
bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm
fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm
jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms
mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru
rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz
ua ug uk uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw`

// weight is how often a value occurs among the 1,438 top-level domains of
// August 2026, from which all proportions of this package were counted.
type weight struct{ value, times int }

// Lengths of generic names and of internationalised ones, "xn--" included.
var (
	wordLengths = []weight{{3, 216}, {4, 205}, {5, 155}, {6, 158}, {7, 123}, {8, 78}, {9, 41}, {10, 30}, {11, 21},
		{12, 4}, {13, 2}, {14, 2}, {15, 3}, {18, 1}}
	idnLengths = []weight{{8, 4}, {9, 14}, {10, 27}, {11, 46}, {12, 17}, {13, 8}, {14, 15}, {15, 6}, {16, 4}, {17, 6},
		{20, 1}, {22, 1}, {23, 1}, {24, 1}}
)

// Shares of the kinds of names, in thousandths.
const (
	shareCountry = 172
	shareIDN     = 105
)

// pick draws one of the values in proportion to how often it occurs.
func pick(r *rand.Rand, from []weight) int {
	total := 0
	for _, w := range from {
		total += w.times
	}
	n := r.IntN(total)
	for _, w := range from {
		if n -= w.times; n < 0 {
			return w.value
		}
	}
	return from[len(from)-1].value // not reached: n is below the total
}

// tldNames draws count names, at least those every zone has, in canonical order.
func tldNames(r *rand.Rand, count int) []string {
	names := slices.Clone(firstTLDs)
	taken := make(map[string]bool, count)
	for _, n := range names {
		taken[n] = true
	}
	countries := strings.Fields(countryCodes)
	r.Shuffle(len(countries), func(i, j int) { countries[i], countries[j] = countries[j], countries[i] })
	for len(names) < count {
		var name string
		switch kind := r.IntN(1000); {
		case kind < shareCountry && len(countries) > 0:
			name, countries = countries[0]+".", countries[1:]
		case kind < shareCountry+shareIDN:
			name = "xn--" + letters(r, "abcdefghijklmnopqrstuvwxyz0123456789", pick(r, idnLengths)-4) + "."
		default:
			name = word(r, pick(r, wordLengths)) + "."
		}
		if !taken[name] {
			taken[name] = true
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareNames)
	return names
}

// word makes something that could be pronounced.
func word(r *rand.Rand, length int) string {
	var b strings.Builder
	vowel := r.IntN(4) == 0
	for b.Len() < length {
		if vowel {
			b.WriteString(letters(r, "aeiou", 1))
		} else {
			b.WriteString(letters(r, "bcdfghklmnprstvwz", 1))
		}
		vowel = !vowel
	}
	return b.String()
}

func letters(r *rand.Rand, from string, count int) string {
	b := make([]byte, count)
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	return string(b)
}

// compareNames orders names as RFC 4034 section 6.1 does: labels from the right,
// as octets in lower case, a name before those below it.
func compareNames(a, b string) int {
	la, lb := dns.SplitDomainName(a), dns.SplitDomainName(b)
	for i := 1; i <= len(la) && i <= len(lb); i++ {
		if c := strings.Compare(octets(la[len(la)-i]), octets(lb[len(lb)-i])); c != 0 {
			return c
		}
	}
	return len(la) - len(lb)
}

// octets undoes the escapes of presentation form and lowers ASCII letters.
func octets(label string) string {
	label = strings.ToLower(label) // presentation form is ASCII only
	if !strings.Contains(label, "\\") {
		return label
	}
	var b strings.Builder
	for i := 0; i < len(label); i++ {
		if label[i] != '\\' || i+1 == len(label) {
			b.WriteByte(label[i])
			continue
		}
		if n, err := strconv.ParseUint(label[i+1:min(i+4, len(label))], 10, 8); err == nil && i+4 <= len(label) {
			b.WriteByte(byte(n))
			i += 3
			continue
		}
		i++
		b.WriteByte(label[i])
	}
	return b.String()
}
