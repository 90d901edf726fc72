package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// checkFlags are what mtric check was called with.
type checkFlags struct {
	zones    []string
	response string
	jsonl    string
	at       string
	name     string
	qtype    string
	hex      bool
	anchor   string
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check --zone FILE… (--response FILE --at TIME | --jsonl FILE)",
		Short: "Judge responses of root servers against root zones",
		Long: `Check says whether a response is the root zone's, and which rules of RSSAC047v2
section 5.3 it breaks. This is the judge that the reports rest on; who disputes a
verdict can repeat it here.

Each --zone is a root zone in master format, gzipped or not, more may follow as
arguments; all are candidates, whatever --at, and taken to be all that a response may
be of. A zone must validate at the time its
SOA record was signed, by the trust anchors of the plan (IANA's three, with their
dates) or by those of --anchor instead, a file of DS records.

--response is one message in wire form without TCP's length field, "-" for the
standard input, with --hex as hexadecimal text; a file of plain text is refused,
no response consists of that. --at is when it was asked for;
signatures are judged at that time. --qname and --qtype say what was asked; else
the response's own question is believed.

--jsonl judges many, "-" is the standard input. Each line is an object with "id",
"response_hex", "at" and optionally "qname" and "qtype"; each line of output has
"id", "verdict", "serial", "failures" and where there are any "notes", in the order
of the input. A line that cannot be read is told on standard error with its number,
and the command ends with 4 unless an answer is incorrect.

A response stays unchecked where its signature begins after --at ("hold: clock"), and
where it differs in delegations or glue alone from a zone that no verified digest
(ZONEMD) vouches for.

It ends with 0 if all responses are correct, 3 if one is incorrect, else 4 if one
is unchecked.`,
		Example: "  mtric check --zone 2026112301.root.txt --response answer.bin --at 2026-11-23T12:00:00Z\n" +
			"  mtric check --zone root.zone.gz --jsonl answers.jsonl | jq 'select(.verdict == \"incorrect\")'",
		RunE: func(c *cobra.Command, args []string) error {
			f.zones = append(f.zones, args...)
			return a.check(c.Context(), f)
		},
	}
	c.Flags().StringArrayVar(&f.zones, "zone", nil, "root zone `FILE`, repeatable")
	c.Flags().StringVar(&f.response, "response", "", "response `FILE` in wire form")
	c.Flags().BoolVar(&f.hex, "hex", false, "the response is hexadecimal text")
	c.Flags().StringVar(&f.at, "at", "", "`TIME` of the query (RFC 3339)")
	c.Flags().StringVar(&f.name, "qname", "", "`NAME` that was asked (default: the response's question)")
	c.Flags().StringVar(&f.qtype, "qtype", "", "`TYPE` that was asked (default: the response's question)")
	c.Flags().StringVar(&f.jsonl, "jsonl", "", "judge many: `FILE` of JSON lines")
	c.Flags().StringVar(&f.anchor, "anchor", "", "`FILE` of trust anchors (DS records) instead of the plan's")
	return c
}

func (a *app) check(ctx context.Context, f checkFlags) error {
	switch {
	case len(f.zones) == 0:
		return usagef("check: no root zone to judge by; name one with --zone FILE")
	case (f.response == "") == (f.jsonl == ""):
		return usagef("check: want either --response FILE or --jsonl FILE")
	case f.jsonl != "" && (f.hex || f.at != "" || f.name != "" || f.qtype != ""):
		return usagef("check: --hex, --at, --qname and --qtype go with --response; in JSON lines each line says its own")
	}
	var q correctness.Question
	var err error
	if f.response != "" { // what can be wrong without reading zones comes first
		if q, err = questionOf(f.name, f.qtype, "--at", f.at); err != nil {
			return usagef("check: %w", err)
		}
	}
	judge, err := a.checkJudge(ctx, f)
	if err != nil {
		return err
	}
	if f.jsonl != "" {
		return a.checkLines(ctx, judge, f.jsonl)
	}
	wire, err := a.readResponse(f)
	if err != nil {
		return err
	}
	r := judge.verdict(q, wire)
	if a.flags.json {
		err = a.printJSON(newVerdict(nil, r))
	} else {
		err = a.printVerdict(r, q, wire)
	}
	if err != nil {
		return err
	}
	return verdictError(r.Verdict)
}

// questionOf reads what was asked and when; key is what the time is called.
func questionOf(name, qtype, key, at string) (correctness.Question, error) {
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return correctness.Question{}, fmt.Errorf("%s %q: want the time of the query as RFC 3339 writes it, such as 2026-11-22T22:40:00Z", key, at)
	}
	q := correctness.Question{Name: name, Type: strings.ToUpper(qtype), At: when.UTC()}
	return q, q.Check()
}

// verdictError is the exit code of a verdict; there is nothing left to say.
func verdictError(v measurement.Verdict) error {
	switch v {
	case measurement.Correct:
		return nil
	case measurement.Incorrect:
		return &exitError{code: exitFindings}
	case measurement.Unchecked:
	}
	return &exitError{code: exitPartly}
}

// checkJudge judges by the zones that were given, which are taken to be all that a
// response may be of.
type checkJudge struct {
	judge   correctness.Judge
	vouched map[uint32]bool // zones whose delegations and glue a digest proves
}

func (c *checkJudge) verdict(q correctness.Question, wire []byte) correctness.Result {
	return c.judge.Covered(q, wire, func(serial uint32) bool { return c.vouched[serial] })
}

// checkJudge reads and proves the zones and puts the newest first.
func (a *app) checkJudge(ctx context.Context, f checkFlags) (*checkJudge, error) {
	trusted, err := a.checkAnchors(f.anchor)
	if err != nil {
		return nil, err
	}
	zones := make([]*correctness.Zone, len(f.zones))
	vouched := make([]bool, len(f.zones))
	mistakes := make([]error, len(f.zones))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, file := range f.zones {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			zones[i], vouched[i], mistakes[i] = candidate(file, trusted)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, usagef("check: %w", err)
	}
	c := &checkJudge{vouched: map[uint32]bool{}}
	for i, z := range zones {
		had, twice := c.vouched[z.Serial()] // two files of one serial: each has to vouch for itself
		c.vouched[z.Serial()] = vouched[i] && (had || !twice)
		c.judge.Keys = append(c.judge.Keys, z.Keys()...)
	}
	c.judge.Zones = zones
	slices.SortStableFunc(zones, func(a, b *correctness.Zone) int { return rootzone.Compare(b.Serial(), a.Serial()) })
	return c, nil
}

func (a *app) checkAnchors(file string) ([]rootzone.Anchor, error) {
	if file == "" {
		p, err := a.loadPlan()
		if err != nil {
			return nil, err
		}
		return anchors(p), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, usagef("check: anchors: %w", err)
	}
	defer f.Close()
	trusted, err := rootzone.ParseAnchors(f, file)
	if err != nil {
		return nil, usagef("check: %w; want lines such as \". IN DS 20326 8 2 E06D…\"", err)
	}
	return trusted, nil
}

// candidate proves a zone at the time it was signed, never by the wall clock, and says
// whether a digest vouches for all of it.
func candidate(file string, trusted []rootzone.Anchor) (*correctness.Zone, bool, error) {
	zone, err := readZone(file)
	if err != nil {
		return nil, false, err
	}
	at, err := zone.SignedAt()
	if err == nil {
		err = zone.Validate(trusted, at)
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", file, err)
	}
	ready, err := correctness.NewZone(zone)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", file, err)
	}
	ready.Prove() // a moment ago
	return ready, zone.Digested(), nil
}

// maxWire is the longest DNS message.
const maxWire = 65535

// readResponse reads one message, bounded.
func (a *app) readResponse(f checkFlags) ([]byte, error) {
	from := a.in
	if f.response != "-" {
		file, err := os.Open(f.response)
		if err != nil {
			return nil, usagef("check: response: %w", err)
		}
		defer file.Close()
		from = file
	}
	limit := int64(maxWire)
	if f.hex {
		limit *= 4 // room for blanks between the digits
	}
	raw, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return nil, usagef("check: response %s: %w", f.response, err)
	}
	if int64(len(raw)) > limit {
		return nil, usagef("check: response %s: longer than a DNS message of %d bytes", f.response, maxWire)
	}
	if !f.hex {
		if err := otherForm(raw); err != nil {
			return nil, usagef("check: response %s: %w", f.response, err)
		}
		return raw, nil
	}
	wire, err := unhex(string(bytes.Join(bytes.Fields(raw), nil)))
	if err != nil {
		return nil, usagef("check: response %s: %w", f.response, err)
	}
	return wire, nil
}

// otherForm says of a file that is no message in wire form what it seems to be: the
// mistake is not the server's.
func otherForm(raw []byte) error {
	length := 2
	if len(raw) > length && int(binary.BigEndian.Uint16(raw)) == len(raw)-length {
		_, whole := correctness.Inspect(raw)
		if _, err := correctness.Inspect(raw[length:]); err == nil && whole != nil {
			return errors.New("begins with TCP's length field; leave the first two bytes out")
		}
	}
	if digits := bytes.TrimPrefix(bytes.Join(bytes.Fields(raw), nil), []byte("0x")); len(digits) > 0 && len(bytes.Trim(digits, "0123456789abcdefABCDEF")) == 0 {
		return errors.New("is hexadecimal text; say so with --hex")
	}
	if len(raw) > 0 && !bytes.ContainsFunc(raw, func(r rune) bool { return r == utf8.RuneError || r < ' ' && !strings.ContainsRune("\t\n\r", r) }) {
		return errors.New("is text, not a DNS message in wire form")
	}
	return nil
}

// unhex reads hexadecimal digits into a message.
func unhex(text string) ([]byte, error) {
	text = strings.TrimPrefix(text, "0x")
	wire, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not hexadecimal: %w", err)
	}
	if len(wire) > maxWire {
		return nil, fmt.Errorf("longer than a DNS message of %d bytes", maxWire)
	}
	return wire, nil
}

// printVerdict writes a verdict for people.
func (a *app) printVerdict(r correctness.Result, q correctness.Question, wire []byte) error {
	var b strings.Builder
	b.WriteString(string(r.Verdict))
	if r.Serial != nil {
		fmt.Fprintf(&b, ", judged by zone %d", *r.Serial)
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "  asked at %s", q.At.Format(time.RFC3339))
	if response, err := correctness.Inspect(wire); err == nil {
		fmt.Fprintf(&b, "; response %s", response)
	}
	b.WriteByte('\n')
	told := ""
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "  [%s] %s\n", f.Tag, f.Detail)
		if f.Tag == "hold" && f.Detail == "clock" {
			b.WriteString("        a signature begins after --at: the clock of whoever asked was wrong, or --at is\n")
			continue
		}
		if rule := correctness.Rule(f.Tag); rule != told {
			fmt.Fprintf(&b, "        rule: %s\n", rule)
			told = rule
		}
	}
	for _, f := range r.Notes {
		fmt.Fprintf(&b, "  note [%s] %s\n", f.Tag, f.Detail)
	}
	_, err := io.WriteString(a.out, diag.PrintableLines(b.String()))
	return err
}
