package ingest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// Bounds of time. Beyond them some clock was wrong, there or here, and a wrong clock of
// ours must not cost anybody's evidence: such a file waits in its dropbox, which has a
// size of its own. What was measured before the last report that can still change is of
// no use.
const (
	maxAhead = interval.Length      // a vantage point's clock may be ahead of ours
	maxAge   = 400 * 24 * time.Hour // of an interval
)

// Bounds of texts, in bytes. All must be UTF-8, or readers of the lake fail.
const (
	maxName = 1100 // a domain name of 255 octets, escaped
	maxText = 4096
)

var (
	word   = form{1, 63, letters(lower + digits + "_-")} // of the plan: RSI, query label, plan name
	digest = form{64, 64, letters(digits + "abcdef")}
	rcode  = form{1, 16, letters(upper + digits)}
	rrtype = form{1, 16, letters(upper + digits + "-")}
	method = form{0, 64, letters(upper + lower + digits + "-")}
)

// checker holds what a vantage point's file against the contract.
type checker struct {
	vp       measurement.VantagePoint
	label    time.Time
	timeouts map[string]int64 // of the plan's queries, in µs
	rsis     map[string]bool  // of the plan; nil where it has none: then all are known
	schema   int              // of the file
}

// mostForeign is how many different RSIs and query labels a file may have that the plan
// lacks: a vantage point may run an older plan, or a newer one. They come into the lake,
// and into no rule and no report.
const mostForeign = 64

// foreign refuses a file of more labels than a plan has, made up at will.
func (c checker) foreign(rows int, labels func(row int) (query string, rsi measurement.RSI)) error {
	met := map[string]bool{}
	for i := range rows {
		query, rsi := labels(i)
		if _, known := c.timeouts[query]; !known && query != "" {
			met["query "+query] = true
		}
		if c.rsis != nil && !c.rsis[string(rsi)] {
			met["rsi "+string(rsi)] = true
		}
		if len(met) > mostForeign {
			return fmt.Errorf("row %d: more than %d RSIs and query labels that the plan here lacks", i+1, mostForeign)
		}
	}
	return nil
}

// longest is the timeout assumed of a query that our plan does not know: the
// vantage point may run another plan than the collector.
const longest = int64(time.Minute / time.Microsecond)

// metadata checks the runs row and what made the file.
func (c checker) metadata(m column.Metadata) error {
	r := m.Run
	switch {
	case r == nil:
		return errors.New("metadata mtric.run is missing")
	case r.VantagePoint != c.vp:
		return fmt.Errorf("metadata mtric.run: vantage point %.20q, want %s", r.VantagePoint, c.vp)
	case !r.Interval.Equal(c.label):
		return fmt.Errorf("metadata mtric.run: interval %s, want %s", r.Interval.UTC().Format(time.RFC3339), c.label.Format(time.RFC3339))
	case c.strange(r.StartedAt):
		return fmt.Errorf("metadata mtric.run: started at %s, not in its interval", r.StartedAt.UTC().Format(time.RFC3339))
	case r.JitterMS < 0 || r.ElapsedMS < 0 || r.Planned < 0 || r.Answered < 0 || r.Answered > r.Planned:
		return errors.New("metadata mtric.run: counts and durations must not be negative, nor more be answered than planned")
	case r.Timestamps != "kernel" && r.Timestamps != "user":
		return fmt.Errorf("metadata mtric.run: timestamps %.20q, want kernel or user", r.Timestamps)
	case !word.fits(r.Plan) || !digest.fits(r.PlanSHA256):
		return errors.New("metadata mtric.run: no plan and plan_sha256")
	case r.Plan != m.Plan || r.PlanSHA256 != m.PlanSHA256:
		return errors.New("metadata mtric.run: another plan than mtric.plan")
	case len(r.EngineVersion) > 100 || !utf8.ValidString(r.EngineVersion) || r.ClockErrorUS != nil && *r.ClockErrorUS < 0:
		return errors.New("metadata mtric.run: engine version or clock error out of bounds")
	}
	r.ReceivedAt, r.File, r.SHA256, r.IngestedAt = time.Time{}, "", "", nil // the collector's to say
	return sources(r)
}

// counted holds the runs row of a file of answers against its rows.
func counted(r *measurement.Run, answers []measurement.Answer) error {
	if r == nil {
		return nil // said by metadata
	}
	answered := 0
	for i := range answers {
		if answers[i].Outcome == measurement.Answered {
			answered++
		}
	}
	if int(r.Planned) != len(answers) || int(r.Answered) != answered {
		return fmt.Errorf("metadata mtric.run: %d planned and %d answered, the file has %d and %d", r.Planned, r.Answered, len(answers), answered)
	}
	return nil
}

// strange says that a time cannot be of the interval: jitter, queries and traces
// of one end before the next begins, and a clock may be off by a little.
func (c checker) strange(t time.Time) bool {
	return t.Before(c.label.Add(-time.Minute)) || t.After(c.label.Add(2*interval.Length))
}

// answer checks one row.
func (c checker) answer(a *measurement.Answer) error {
	if err := c.owner(a.VantagePoint, a.Interval); err != nil {
		return err
	}
	switch {
	case !word.fits(a.Query):
		return fmt.Errorf("query %.80q", a.Query)
	case !word.fits(string(a.RSI)):
		return fmt.Errorf("rsi %.80q", a.RSI)
	case !slices.Contains(measurement.Families, a.Family):
		return fmt.Errorf("family %.20q", a.Family)
	case !slices.Contains(measurement.Transports, a.Transport):
		return fmt.Errorf("transport %.20q", a.Transport)
	case !slices.Contains(measurement.Outcomes, a.Outcome):
		return fmt.Errorf("outcome %.20q", a.Outcome)
	case !addressOf(a.Address, a.Family):
		return fmt.Errorf("address %.80q of family %s", a.Address, a.Family)
	case len(a.QName) == 0 || len(a.QName) > maxName || !utf8.ValidString(a.QName) || !rrtype.fits(a.QType):
		return fmt.Errorf("question %.80q %.20q", a.QName, a.QType)
	case (a.SentAt == nil) != (a.Outcome == measurement.LocalError):
		return fmt.Errorf("outcome %s and sent_at do not agree", a.Outcome)
	case a.SentAt != nil && c.strange(*a.SentAt):
		return fmt.Errorf("sent at %s, not in its interval", a.SentAt.UTC().Format(time.RFC3339))
	case a.Error != nil && (len(*a.Error) > maxText || !utf8.ValidString(*a.Error)):
		return fmt.Errorf("error of %d bytes, or not UTF-8", len(*a.Error))
	case a.Attempts < 0 || a.Attempts > 2 || a.Strays < 0:
		return fmt.Errorf("%d attempts, %d strays", a.Attempts, a.Strays)
	case a.Verdict != nil || a.VerdictSerial != nil || len(a.Failures) > 0 || a.DNSSEC != nil:
		return errors.New("a verdict, which is the collector's to give")
	}
	if err := c.timing(a); err != nil {
		return err
	}
	if err := reply(a); err != nil {
		return err
	}
	if err := c.facts(a); err != nil {
		return err
	}
	if err := c.asked(a); err != nil {
		return err
	}
	return probe.Contradicted(a) // what the vantage point read is what the server said
}

// timing checks the latency: only of an answer, and within the timeout [ywz].
func (c checker) timing(a *measurement.Answer) error {
	timeout, known := c.timeouts[a.Query]
	if !known {
		timeout = longest
	}
	switch {
	case (a.LatencyUS != nil) != (a.Outcome == measurement.Answered):
		return fmt.Errorf("outcome %s and latency do not agree", a.Outcome)
	case a.LatencyUS != nil && (*a.LatencyUS < 0 || *a.LatencyUS > timeout):
		return fmt.Errorf("latency of %d µs, not within 0 and %d", *a.LatencyUS, timeout)
	case a.ConnectUS != nil && (*a.ConnectUS < 0 || *a.ConnectUS > timeout || a.LatencyUS != nil && *a.ConnectUS > *a.LatencyUS):
		return fmt.Errorf("connect of %d µs", *a.ConnectUS)
	}
	return nil
}

// reply checks what was read from a reply.
func reply(a *measurement.Answer) error {
	answered := a.Outcome == measurement.Answered
	switch {
	case answered && (a.RCode == nil || a.AA == nil || a.TC == nil || a.ResponseSize == nil):
		return errors.New("answered, without rcode, flags or size")
	case !answered && (a.RCode != nil || a.AA != nil || a.TC != nil || a.NSID != nil):
		return fmt.Errorf("outcome %s and an rcode, flags or NSID", a.Outcome)
	case a.RCode != nil && !rcode.fits(*a.RCode):
		return fmt.Errorf("rcode %.20q", *a.RCode)
	case a.Serial != nil && (*a.Serial < 0 || *a.Serial > 1<<32-1):
		return fmt.Errorf("serial %d", *a.Serial)
	case a.Serial != nil && !answered:
		return fmt.Errorf("outcome %s and a serial", a.Outcome)
	case a.NSID != nil && (len(*a.NSID) > 2*65535+2 || !utf8.ValidString(*a.NSID)):
		return fmt.Errorf("NSID of %d bytes, or not UTF-8", len(*a.NSID))
	case a.ResponseSize != nil && (*a.ResponseSize < 0 || *a.ResponseSize > 65535):
		return fmt.Errorf("response of %d bytes", *a.ResponseSize)
	case len(a.Response) > 65535 || a.Response != nil && (a.ResponseSize == nil || len(a.Response) != int(*a.ResponseSize)):
		return fmt.Errorf("response of %d bytes, not of its size", len(a.Response))
	}
	return nil
}

// extras refuses a file with further datagrams in more rows than a run keeps.
func extras(rows []measurement.Answer) error {
	n := 0
	for i := range rows {
		if len(rows[i].Extra) > 0 {
			if n++; n > measurement.MaxExtraRows {
				return fmt.Errorf("row %d: further datagrams in more than %d rows", i+1, measurement.MaxExtraRows)
			}
		}
	}
	return nil
}

// route checks one row.
func (c checker) route(r *measurement.Route) error {
	if err := c.owner(r.VantagePoint, r.Interval); err != nil {
		return err
	}
	switch {
	case !word.fits(string(r.RSI)):
		return fmt.Errorf("rsi %.80q", r.RSI)
	case !slices.Contains(measurement.Families, r.Family):
		return fmt.Errorf("family %.20q", r.Family)
	case !addressOf(r.Address, r.Family):
		return fmt.Errorf("address %.80q of family %s", r.Address, r.Family)
	case c.strange(r.StartedAt):
		return fmt.Errorf("started at %s, not in its interval", r.StartedAt.UTC().Format(time.RFC3339))
	case !method.fits(r.Method) || !method.fits(r.StopReason):
		return fmt.Errorf("method %.80q, stop reason %.80q", r.Method, r.StopReason)
	case r.HopCount < 0 || r.HopCount > 255 || len(r.Hops) > 1024:
		return fmt.Errorf("%d hops, hop count %d", len(r.Hops), r.HopCount)
	}
	for _, h := range r.Hops {
		if h.TTL < 0 || h.TTL > 255 || h.RTTUS != nil && *h.RTTUS < 0 || h.Address != nil && !addressOf(*h.Address, "") {
			return fmt.Errorf("hop of TTL %d", h.TTL)
		}
	}
	return replies(r)
}

func (c checker) owner(vp measurement.VantagePoint, label time.Time) error {
	if vp != c.vp {
		return fmt.Errorf("vantage point %.20q, want %s", vp, c.vp)
	}
	if !label.Equal(c.label) {
		return fmt.Errorf("interval %s, want %s", label.UTC().Format(time.RFC3339), c.label.Format(time.RFC3339))
	}
	return nil
}

// addressOf reports whether s is an address of the family, any where it is
// empty; an empty one is that of an RSI for which the plan knows none.
func addressOf(s string, f measurement.Family) bool {
	if s == "" {
		return true
	}
	a, err := netip.ParseAddr(s)
	return err == nil && len(s) < 64 && (f == "" || measurement.FamilyOf(a) == f)
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// form is what a short text consists of; none begins with a mark.
type form struct {
	least, most int
	of          *[256]bool
}

// letters are the characters of a form. (Regular expressions took a tenth of the time
// of a file.)
func letters(of string) *[256]bool {
	var is [256]bool
	for i := range len(of) {
		is[of[i]] = true
	}
	return &is
}

func (f form) fits(s string) bool {
	if len(s) < f.least || len(s) > f.most || s != "" && (s[0] == '-' || s[0] == '_') {
		return false
	}
	for i := range len(s) {
		if !f.of[s[i]] {
			return false
		}
	}
	return true
}
