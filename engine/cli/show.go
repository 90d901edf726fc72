package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

func (a *app) showCommand() *cobra.Command {
	var where []string
	c := &cobra.Command{
		Use:   "show FILE…",
		Short: "Show the rows of files of the lake or of a vantage point",
		Long: `Show prints the rows of Parquet files of the tables answers, routes, runs, zones,
vantage_points and zone_serials as a table, or with --json as JSON lines with every
column (wires in hex).

--where keeps rows whose column has one of the values, or none of them:
  --where rsi=c,e --where outcome!=answered
Values are read by the type of the column, as --json and the table write them (times as
2026-11-22T22:40:00Z or 2026-11-22T22:40Z, wires in hex); null is a column without value.
Lists cannot be compared.
docs/data.md describes the columns. Of answers there is also good, true or false.`,
		Example: "  mtric show ~/Output/Sent/202611222240-101.answers.parquet\n" +
			"  mtric show --where good=false --where transport=udp ~/Lake/answers/yyyymm=202611/answers-20261122.parquet\n" +
			"  mtric show --json FILE | jq 'select(.latency_us > 100000)'",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			conditions, err := parseConditions(where)
			if err != nil {
				return err
			}
			for _, f := range files {
				if err := a.show(f, conditions); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&where, "where", nil, "rows that match `COLUMN=VALUE,…` or COLUMN!=VALUE,…; repeatable, all must match")
	return c
}

// show prints one file by the table that its columns say it is.
func (a *app) show(file string, where []condition) error {
	table, err := column.Which(file)
	if err != nil {
		return err
	}
	switch table {
	case column.Answers:
		return showRows(a, file, where, answerHeader, answerCells, answerJSON)
	case column.Routes:
		return showRows(a, file, where, routeHeader, routeCells, asIs)
	case column.Runs:
		return showRows(a, file, where, runHeader, runCells, asIs)
	case column.Zones:
		return showRows(a, file, where, zoneHeader, zoneCells, asIs)
	case column.VantagePoints:
		return showRows(a, file, where, siteHeader, siteCells, asIs)
	case column.ZoneSerials:
		return showRows(a, file, where, serialHeader, serialCells, asIs)
	case column.Hours:
		return showRows(a, file, where, hourHeader, hourCells, asIs)
	case column.Events:
		return showRows(a, file, where, eventHeader, eventCells, asIs)
	default:
		return usagef("%s: show does not print the table %s", file, table)
	}
}

// showRows reads the file twice, some thousand rows at a time: first to see that it is
// whole, and how wide the columns of the table are.
func showRows[T column.Row](a *app, file string, where []condition, header string, cells func(T) []string, line func(T) any) error {
	defer collectAt(rowsGarbage)()
	if _, err := matching[T](nil, where); err != nil {
		return err
	}
	each := func(use func(T) error) error {
		for rows, err := range column.RowsUpTo[T](file, column.MaxRows) {
			if err == nil {
				rows, err = matching(rows, where)
			}
			if err != nil {
				return err
			}
			for _, r := range rows {
				if err := use(r); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if a.flags.json {
		if err := each(func(T) error { return nil }); err != nil {
			return err
		}
		return each(func(r T) error { return writeJSONLine(a.out, line(r)) })
	}
	t := newTable(header)
	if err := each(func(r T) error { t.measure(cells(r)); return nil }); err != nil {
		return err
	}
	out := bufio.NewWriter(a.out)
	if err := t.write(out, t.header); err != nil {
		return err
	}
	err := each(func(r T) error { return t.write(out, cells(r)) })
	return errors.Join(err, out.Flush())
}

// writeJSONLine writes a value as a line of JSON in which every character prints: JSON
// itself lets those through that are no ASCII.
func writeJSONLine(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	out := make([]byte, 0, len(line)+1)
	for _, r := range string(line) {
		switch {
		case unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	_, err := w.Write(append(out, '\n'))
	return err
}

const answerHeader = "INTERVAL VP QUERY RSI PATH QNAME QTYPE OUTCOME RCODE MS FLAGS SERIAL NSID STRAYS ERROR"

func answerCells(r measurement.Answer) []string {
	return []string{stamp(r.Interval), string(r.VantagePoint), r.Query, string(r.RSI),
		measurement.Path{Family: r.Family, Transport: r.Transport}.String(), r.QName, r.QType,
		string(r.Outcome), text(r.RCode), millis(r.LatencyUS), answerFlags(r), number(cmp.Or(r.Serial, r.ZoneSerial)), text(r.NSID),
		nonzero(int64(r.Strays)), text(r.Error)}
}

func answerFlags(r measurement.Answer) string {
	var f []string
	if r.AA != nil && *r.AA {
		f = append(f, "aa")
	}
	if r.TC != nil && *r.TC {
		f = append(f, "tc")
	}
	if r.Attempts > 1 {
		f = append(f, fmt.Sprintf("x%d", r.Attempts))
	}
	if r.QClass != nil {
		f = append(f, "class:"+*r.QClass)
	}
	if r.DNSSEC != nil {
		f = append(f, "dnssec:"+string(*r.DNSSEC))
	}
	if r.TLSAuth != nil {
		f = append(f, "tls:"+string(*r.TLSAuth))
	}
	if r.Expected != nil && !*r.Expected {
		f = append(f, "unexpected")
	}
	return strings.Join(f, ",")
}

// answerLine is the row as JSON with its wires in hex, as every other JSON of
// mtric writes binary.
type answerLine struct {
	measurement.Answer
	Response      *string     `json:"response"`
	FirstResponse *string     `json:"first_response"`
	Extra         []extraLine `json:"extra"`
}

type extraLine struct {
	measurement.Extra
	Wire string `json:"wire"`
}

func answerJSON(r measurement.Answer) any {
	l := answerLine{Answer: r, Response: inHex(r.Response), FirstResponse: inHex(r.FirstResponse)}
	if r.Extra != nil {
		l.Extra = []extraLine{}
	}
	for _, e := range r.Extra {
		l.Extra = append(l.Extra, extraLine{e, hex.EncodeToString(e.Wire)})
	}
	return l
}

// inHex is null where there is no wire.
func inHex(wire []byte) *string {
	if wire == nil {
		return nil
	}
	return new(hex.EncodeToString(wire))
}

func asIs[T any](r T) any { return r }

const routeHeader = "INTERVAL VP RSI FAMILY ADDRESS METHOD STOP REACHED COMPLETE HOPS ROUTE"

func routeCells(r measurement.Route) []string {
	var hops []string
	for _, h := range r.Hops {
		hop := "*"
		if h.Address != nil {
			hop = *h.Address
		}
		hops = append(hops, hop)
	}
	return []string{stamp(r.Interval), string(r.VantagePoint), string(r.RSI), string(r.Family), r.Address, r.Method,
		r.StopReason, strconv.FormatBool(r.Reached), strconv.FormatBool(r.Complete), strconv.Itoa(int(r.HopCount)), strings.Join(hops, " ")}
}

const runHeader = "INTERVAL VP STARTED JITTER_MS ELAPSED_MS PLANNED ANSWERED VERSION PLAN SYNCHRONIZED CLOCK_ERROR_US TIMESTAMPS"

func runCells(r measurement.Run) []string {
	synchronized := ""
	if r.ClockSynchronized != nil {
		synchronized = strconv.FormatBool(*r.ClockSynchronized)
	}
	return []string{stamp(r.Interval), string(r.VantagePoint), r.StartedAt.UTC().Format(time.RFC3339), strconv.Itoa(int(r.JitterMS)),
		strconv.Itoa(int(r.ElapsedMS)), strconv.Itoa(int(r.Planned)), strconv.Itoa(int(r.Answered)), r.EngineVersion, r.Plan,
		synchronized, number(r.ClockErrorUS), r.Timestamps}
}

const zoneHeader = "SERIAL STATE FIRST_SEEN BY ARCHIVED SOURCE SIGNED FIRST_USED PROOF"

func zoneCells(r measurement.Zone) []string {
	return []string{strconv.FormatInt(r.Serial, 10), string(r.State), second(r.FirstSeen), text((*string)(r.FirstSeenRSI)), second(r.ArchivedAt),
		text(r.Source), second(r.SignedAt), second(r.FirstUsed), text((*string)(r.Proof))}
}

const siteHeader = "VP FROM UNTIL REGION METRO PROVIDER HOST LATITUDE LONGITUDE ASN"

func siteCells(r measurement.Site) []string {
	return []string{string(r.VantagePoint), second(r.From), second(r.Until), r.Region, r.Metro, text(r.Provider), r.Host,
		degrees(r.Latitude), degrees(r.Longitude), number(r.ASN)}
}

const serialHeader = "ZONE SERIAL SOURCE FIRST_SEEN LAST_SEEN"

func serialCells(r measurement.ZoneSerial) []string {
	return []string{r.Zone, strconv.FormatInt(r.Serial, 10), r.Source, second(&r.FirstSeen), second(&r.LastSeen)}
}

func degrees(d *float64) string {
	if d == nil {
		return ""
	}
	return strconv.FormatFloat(*d, 'f', -1, 64)
}

// second writes a time that may be null.
func second(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// minuteLayout is how tables write the start of an interval.
const minuteLayout = "2006-01-02T15:04Z"

func stamp(t time.Time) string { return t.UTC().Format(minuteLayout) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	if *s == "" {
		return `""`
	}
	return *s
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func nonzero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// vantagePoints names them, "vantage points 101, 304".
func vantagePoints(vps []measurement.VantagePoint) string {
	if len(vps) == 1 {
		return "vantage point " + string(vps[0])
	}
	return "vantage points " + commas(vps)
}

// commas lists things as people write them.
func commas[T any](list []T) string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = fmt.Sprint(x)
	}
	return strings.Join(texts, ", ")
}

// millis writes microseconds as milliseconds with three places.
func millis(us *int64) string {
	if us == nil {
		return ""
	}
	return fmt.Sprintf("%d.%03d", *us/1000, *us%1000)
}
