package report

import (
	"context"
	"slices"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// What a row needs to say whether it counts against a threshold, and all the
// rest that is not a list.
var (
	decisive = []string{"vantage_point", "interval", "query", "rsi", "family", "transport", "outcome", "latency_us", "rcode", "verdict", "serial"}
	flat     = append(slices.Clone(decisive), "sent_at", "address", "qname", "qtype", "error", "connect_us", "aa", "tc",
		"attempts", "nsid", "strays", "response_size", "response", "verdict_serial")
)

// dayRows reads columns of a day's answers of some RSIs, in their order. Columns
// come fifty times as fast as rows.
func dayRows(ctx context.Context, store lake.Store, day time.Time, columns []string, wanted map[measurement.RSI]bool) (map[measurement.RSI][]measurement.Answer, error) {
	rows := map[measurement.RSI][]measurement.Answer{}
	scan := lake.Scan{Store: store, Table: lake.Answers, From: day, Until: day.AddDate(0, 0, 1), Columns: columns, Workers: 1}
	err := scan.Run(ctx, func(b *lake.Batch) error {
		c := newColumns(b, columns)
		rsi := b.Column("rsi")
		for i := range b.Rows {
			if r := measurement.RSI(rsi.Text(i)); wanted[r] {
				rows[r] = append(rows[r], c.row(i))
			}
		}
		return nil
	})
	return rows, err
}

// columns are a batch's, copied: rows point into them.
type columns struct {
	ints  map[string]*lake.Column
	texts map[string]*lake.Column
	bytes [][]byte
}

func newColumns(b *lake.Batch, names []string) columns {
	c := columns{ints: map[string]*lake.Column{}, texts: map[string]*lake.Column{}}
	for _, n := range names {
		from := b.Column(n)
		own := lake.Column{Int: slices.Clone(from.Int), Index: from.Index, Dict: slices.Clone(from.Dict), Null: from.Null}
		switch {
		case n == "response":
			c.bytes = from.Bytes
		case from.Index != nil:
			c.texts[n] = &own
		default:
			c.ints[n] = &own
		}
	}
	return c
}

func (c columns) int(name string, i int) *int64 {
	col := c.ints[name]
	if col == nil || col.Null != nil && col.Null[i] {
		return nil
	}
	return &col.Int[i]
}

func (c columns) number(name string, i int) int64 {
	if n := c.int(name, i); n != nil {
		return *n
	}
	return 0
}

func (c columns) text(name string, i int) *string {
	col := c.texts[name]
	if col == nil || col.Index[i] < 0 {
		return nil
	}
	return &col.Dict[col.Index[i]]
}

func (c columns) bool(name string, i int) *bool {
	n := c.int(name, i)
	if n == nil {
		return nil
	}
	b := *n != 0
	return &b
}

func (c columns) row(i int) measurement.Answer {
	a := measurement.Answer{
		VantagePoint: measurement.VantagePoint(text(c.text("vantage_point", i))), Interval: time.UnixMicro(c.number("interval", i)).UTC(),
		Query: text(c.text("query", i)), RSI: measurement.RSI(text(c.text("rsi", i))), Family: measurement.Family(text(c.text("family", i))),
		Transport: measurement.Transport(text(c.text("transport", i))), Address: text(c.text("address", i)),
		QName: text(c.text("qname", i)), QType: text(c.text("qtype", i)), Outcome: measurement.Outcome(text(c.text("outcome", i))),
		Error: c.text("error", i), LatencyUS: c.int("latency_us", i), ConnectUS: c.int("connect_us", i), RCode: c.text("rcode", i),
		AA: c.bool("aa", i), TC: c.bool("tc", i), Attempts: int32(c.number("attempts", i)), Serial: c.int("serial", i), NSID: c.text("nsid", i),
		Strays: int32(c.number("strays", i)), Verdict: (*measurement.Verdict)(c.text("verdict", i)), VerdictSerial: c.int("verdict_serial", i),
	}
	if at := c.int("sent_at", i); at != nil {
		t := time.UnixMicro(*at).UTC()
		a.SentAt = &t
	}
	if n := c.int("response_size", i); n != nil {
		size := int32(*n)
		a.ResponseSize = &size
	}
	if c.bytes != nil {
		a.Response = c.bytes[i]
	}
	return a
}

// addFailures fills the lists of broken rules in, which only rows have: on the
// few days with answers that are not correct.
func addFailures(path string, rows map[measurement.RSI][]measurement.Answer) error {
	odd := func(a measurement.Answer) bool { return a.Verdict != nil && *a.Verdict != measurement.Correct }
	any := false
	for _, list := range rows {
		any = any || slices.ContainsFunc(list, odd)
	}
	if !any {
		return nil
	}
	all, _, err := lake.Read[measurement.Answer](path)
	if err != nil {
		return err
	}
	next := map[measurement.RSI]int{}
	for i := range all {
		r := all[i].RSI
		if list, wanted := rows[r]; wanted && next[r] < len(list) {
			list[next[r]].Failures = all[i].Failures // the same rows in the same order
			next[r]++
		}
	}
	return nil
}
