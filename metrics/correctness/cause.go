package correctness

import (
	"regexp"
	"strings"
)

// causes are how people call what a failure tells of, by what stands in its text
// (explain.go, evaluate.go, signature.go); the first that fits.
var causes = []struct {
	text *regexp.Regexp
	name string
}{
	{regexp.MustCompile(` is of zone (\d+), which is older than `), "older zone $1"},
	{regexp.MustCompile(` is of zone (\d+), which is newer than `), "newer zone $1"},
	{regexp.MustCompile(`the response is that of zone (\d+), which is not in use`), "zone $1, not in use then"},
	{regexp.MustCompile(` one bit different from `), "one bit different"},
	{regexp.MustCompile(` carries serial (\d+), not signed by the zone's key$`), "serial $1, not signed"},
	{regexp.MustCompile(`^yds: signature of .*: expired `), "signature expired"},
	{regexp.MustCompile(`^yds: signature of .*: begins `), "signature not valid yet"},
	{regexp.MustCompile(`foreign responder: `), "foreign responder"},
	{regexp.MustCompile(`; signatures stripped: `), "signatures stripped"},
	{regexp.MustCompile(`; the response has (no OPT record|DO clear) and no signature at all`), "DO ignored"},
	{regexp.MustCompile(`: no such key in zone `), "signed by a key that is not the zone's"},
	{regexp.MustCompile(`^yds: signature of .*: does not verify$`), "signature does not verify"},
}

// Cause names in a few words what a failure tells of, as Result.FailureTexts and the
// column failures write it: "older zone 2026112300", "one bit different"; empty
// where the rule's tag says it all. Nothing that stands in quotes counts: that is
// text of whoever answered.
func Cause(failure string) string {
	failure, _, _ = strings.Cut(failure, `"`)
	for _, c := range causes {
		if at := c.text.FindStringSubmatchIndex(failure); at != nil {
			return string(c.text.ExpandString(nil, c.name, failure, at))
		}
	}
	return ""
}
