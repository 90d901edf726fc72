package lake

import (
	"fmt"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// fill sets one column of the rows. What is optional points into the column, or to a
// text that others share: nobody writes through these pointers.
func fill(rows []measurement.Answer, name string, c *cells) error {
	type row = measurement.Answer
	switch name {
	case "vantage_point":
		texts(rows, c, func(a *row, s *string) { a.VantagePoint = measurement.VantagePoint(*s) })
	case "interval":
		numbers(rows, c, func(a *row, n *int64) { a.Interval = time.UnixMicro(*n).UTC() })
	case "sent_at":
		times := make([]time.Time, len(rows))
		for i, n := range c.Int {
			if !c.Null[i] {
				times[i] = time.UnixMicro(n).UTC()
				rows[i].SentAt = &times[i]
			}
		}
	case "query":
		texts(rows, c, func(a *row, s *string) { a.Query = *s })
	case "rsi":
		texts(rows, c, func(a *row, s *string) { a.RSI = measurement.RSI(*s) })
	case "family":
		texts(rows, c, func(a *row, s *string) { a.Family = measurement.Family(*s) })
	case "transport":
		texts(rows, c, func(a *row, s *string) { a.Transport = measurement.Transport(*s) })
	case "address":
		texts(rows, c, func(a *row, s *string) { a.Address = *s })
	case "qname":
		texts(rows, c, func(a *row, s *string) { a.QName = *s })
	case "qtype":
		texts(rows, c, func(a *row, s *string) { a.QType = *s })
	case "outcome":
		texts(rows, c, func(a *row, s *string) { a.Outcome = measurement.Outcome(*s) })
	case "error":
		texts(rows, c, func(a *row, s *string) { a.Error = s })
	case "latency_us":
		numbers(rows, c, func(a *row, n *int64) { a.LatencyUS = n })
	case "connect_us":
		numbers(rows, c, func(a *row, n *int64) { a.ConnectUS = n })
	case "rcode":
		texts(rows, c, func(a *row, s *string) { a.RCode = s })
	case "aa":
		numbers(rows, c, func(a *row, n *int64) { a.AA = truth(*n != 0) })
	case "tc":
		numbers(rows, c, func(a *row, n *int64) { a.TC = truth(*n != 0) })
	case "attempts":
		numbers(rows, c, func(a *row, n *int64) { a.Attempts = int32(*n) })
	case "serial":
		numbers(rows, c, func(a *row, n *int64) { a.Serial = n })
	case "nsid":
		texts(rows, c, func(a *row, s *string) { a.NSID = s })
	case "strays":
		numbers(rows, c, func(a *row, n *int64) { a.Strays = int32(*n) })
	case "response_size":
		sizes := make([]int32, len(rows))
		for i, n := range c.Int {
			if !c.Null[i] {
				sizes[i] = int32(n)
				rows[i].ResponseSize = &sizes[i]
			}
		}
	case "response":
		for i, b := range c.Bytes {
			if !c.Null[i] {
				rows[i].Response = b
			}
		}
	case "verdict":
		texts(rows, c, func(a *row, s *string) { a.Verdict = (*measurement.Verdict)(s) })
	case "verdict_serial":
		numbers(rows, c, func(a *row, n *int64) { a.VerdictSerial = n })
	case "failures":
		for i := range rows {
			texts, err := c.texts(i)
			if err != nil {
				return fmt.Errorf("column failures: %w", err)
			}
			rows[i].Failures = texts
		}
	default:
		return fmt.Errorf("column %s is not read", name)
	}
	return nil
}

// texts sets a column of texts at the rows that have one.
func texts[T any](rows []T, c *cells, set func(*T, *string)) {
	for i, place := range c.Index {
		if place >= 0 {
			set(&rows[i], &c.Dict[place])
		}
	}
}

// numbers sets a column of numbers at the rows that have one.
func numbers[T any](rows []T, c *cells, set func(*T, *int64)) {
	for i := range c.Int {
		if !c.Null[i] {
			set(&rows[i], &c.Int[i])
		}
	}
}

var yes, no = true, false

// truth is a boolean that many rows point to.
func truth(is bool) *bool {
	if is {
		return &yes
	}
	return &no
}
