package identity_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/atlas/identity"
)

// Each mistake is told with its line and pattern.
func TestMistakes(t *testing.T) {
	const head = "{\"schema\": \"mtric-identities/1\",\n\"date\": \"2026-12-01\",\n\"patterns\": [\n{\"operator\": \"good\", \"kind\": \"resolver\", \"pattern\": \"x\"},\n"
	of := func(pattern string) string { return head + pattern + "\n]}" }
	for text, want := range map[string]string{
		``:                                 `f.json:1: unexpected EOF`,
		`[]`:                               `f.json:1: want {, not [`,
		`{"schema": "mtric-identities/1"`:  `f.json:1: unexpected EOF`,
		"{\n\"owner\": 1}":                 `f.json:2: unknown member "owner": a file has schema, date and patterns`,
		`{"schema": "mtric-identities/2"}`: `f.json:1: schema is "mtric-identities/2", want "mtric-identities/1"`,
		`{"schema": "mtric-identities/1", "date": "1.12."}`:                                                      `f.json:1: date "1.12." is not YYYY-MM-DD`,
		`{"schema": "mtric-identities/1", "date": "2026-12-01", "patterns": []}`:                                 `f.json:1: no patterns`,
		`{"schema": "mtric-identities/1", "date": "2026-12-01", "patterns": {}}`:                                 `f.json:1: want [, not {`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "x"}`) + "\n{}":                                     `f.json:7: something follows the end of the object`,
		of(`{"kind": "resolver", "pattern": "x"}`):                                                               `f.json:5: pattern 2 (""): operator: want a name of at most 200 bytes, without control characters`,
		of(`{"operator": "o\n", "kind": "resolver", "pattern": "x"}`):                                            `f.json:5: pattern 2 ("o\n"): operator: want a name of at most 200 bytes, without control characters`,
		of("\n" + `{"operator": "o", "pattern": "x"}`):                                                           `f.json:6: pattern 2 ("o"): kind is "", want "root" or "resolver"`,
		of(`{"operator": "o", "kind": "root", "pattern": "x"}`):                                                  `f.json:5: pattern 2 ("o"): rsis: a root server's pattern says of which RSIs it is`,
		of(`{"operator": "o", "kind": "root", "rsis": ["A"], "pattern": "x"}`):                                   `f.json:5: pattern 2 ("o"): RSI "A": want a letter in lower case, as in the plan`,
		of(`{"operator": "o", "kind": "resolver", "rsis": ["a"], "pattern": "x"}`):                               `f.json:5: pattern 2 ("o"): rsis, shared: a resolver has none`,
		of(`{"operator": "o", "kind": "resolver"}`):                                                              `f.json:5: pattern 2 ("o"): pattern: want an expression of at most 1000 bytes`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "x)|(y"}`):                                          "f.json:5: pattern 2 (\"o\"): pattern: error parsing regexp: unexpected ): `x)|(y`",
		of(`{"operator": "o", "kind": "resolver", "pattern": ".*"}`):                                             `f.json:5: pattern 2 ("o"): pattern: it matches a text of no characters, so it is not of somebody's names`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "x", "from": "2026"}`):                              `f.json:5: pattern 2 ("o"): from: "2026" is not YYYY-MM-DD`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "x", "until": "never"}`):                            `f.json:5: pattern 2 ("o"): until: "never" is not YYYY-MM-DD`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "x", "week": true}`):                                `f.json:5: pattern 2 ("o"): json: unknown field "week"`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "x"} {`):                                            `f.json:5: pattern 3 (""): expected comma after array element`,
		of(strings.Repeat(`{"operator":"o","kind":"resolver","pattern":"x"},`, 1000)):                            `f.json:5: more than 1000 patterns`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "(?:x{1000}){1000}"}`):                              "f.json:5: pattern 2 (\"o\"): pattern: error parsing regexp: invalid repeat count: `{1000}`",
		strings.Repeat(" ", 1<<20+1):                                                                             `f.json: larger than 1048576 bytes`,
		of(`{"operator": "o", "kind": "resolver", "pattern": "x", "from": "2026-01-02", "until": "2026-01-02"}`): `f.json:5: pattern 2 ("o"): until is not after from`,
	} {
		_, err := identity.Parse(strings.NewReader(text), "f.json")
		if err == nil || err.Error() != want {
			t.Errorf("%.300s\n got %v\nwant %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("identities.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"schema": "mtric-identities/1", "date": "2026-12-01", "patterns": [{"operator": "o", "kind": "root", "rsis": ["k"], "pattern": "x+"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := identity.Parse(strings.NewReader(text), "f.json")
		if err != nil {
			return
		}
		for _, p := range s.Patterns() {
			for _, rsi := range p.RSIs {
				if got := s.Says(rsi, p.Pattern, at); got != identity.None && s.Of(p.Pattern, at).Kind == identity.Unknown {
					t.Errorf("%q: %q", p.Pattern, got)
				}
			}
		}
	})
}

// Each built-in pattern says where it is from; what is from memory alone, a strong pattern of a root server is not.
func TestPatternsHaveSources(t *testing.T) {
	covered := map[string]bool{}
	for _, p := range builtIn.Patterns() {
		if p.Source == "" {
			t.Errorf("%s, %s: no source", p.Operator, p.Pattern)
		}
		if p.Kind == identity.Root && !p.Weak {
			if strings.HasPrefix(p.Source, "from memory") {
				t.Errorf("%s, %s: a sign by memory alone", p.Operator, p.Pattern)
			}
			for _, rsi := range p.RSIs {
				covered[string(rsi)] = true
			}
		}
	}
	for _, letter := range letters {
		if !covered[letter] {
			t.Errorf("no pattern of %s", letter)
		}
	}
}

// The page lists the operators, of whom they are, and the date.
func TestDocsHaveTheOperators(t *testing.T) {
	page, err := os.ReadFile("../../../docs/second-opinion.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Identities\n")
	section, _, _ = strings.Cut(section, "\n## ")
	example := regexp.MustCompile(`(?s)\n    \{\n.*?\n    \}\n`).FindString(section)
	if s, err := identity.Parse(strings.NewReader(example), "example"); err != nil || builtIn.With(s).Says("k", "cache1.isp.example", at) != identity.Recursor {
		t.Errorf("the example: %v", err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(section, -1) {
		if m[2] == "resolver" || regexp.MustCompile(`^[a-m](, [a-m])*$`).MatchString(m[2]) {
			got = append(got, m[1]+": "+m[2])
		}
	}
	all := map[string][]string{}
	var order []string
	for _, p := range builtIn.Patterns() {
		if all[p.Operator] == nil {
			order = append(order, p.Operator)
			if p.Kind == identity.Resolver {
				all[p.Operator] = []string{"resolver"}
			}
		}
		for _, rsi := range p.RSIs {
			if !slices.Contains(all[p.Operator], string(rsi)) {
				all[p.Operator] = append(all[p.Operator], string(rsi))
			}
		}
	}
	for _, operator := range order {
		want = append(want, operator+": "+strings.Join(all[operator], ", "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(section, builtIn.Date()) {
		t.Errorf("the page does not say that the patterns are of %s", builtIn.Date())
	}
}
