package sample

import (
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// Batch makes columns of rows, as a scan hands them out: those that metrics read.
func Batch(rows []measurement.Answer) *column.AnswerBatch {
	b := &column.AnswerBatch{Batch: &column.Batch{Rows: len(rows)}}
	texts := func(of func(measurement.Answer) *string) *column.Column {
		c, places := &column.Column{}, map[string]int32{}
		for _, r := range rows {
			s := of(r)
			if s == nil {
				c.Index = append(c.Index, -1)
				continue
			}
			if _, known := places[*s]; !known {
				places[*s] = int32(len(c.Dict))
				c.Dict = append(c.Dict, *s)
			}
			c.Index = append(c.Index, places[*s])
		}
		return c
	}
	ints := func(of func(measurement.Answer) *int64) *column.Column {
		c := &column.Column{}
		for _, r := range rows {
			n := of(r)
			c.Null = append(c.Null, n == nil)
			if n == nil {
				n = new(int64)
			}
			c.Int = append(c.Int, *n)
		}
		return c
	}
	text := func(of func(measurement.Answer) string) *column.Column {
		return texts(func(a measurement.Answer) *string { return new(of(a)) })
	}
	b.Interval.Column = ints(func(a measurement.Answer) *int64 { return new(a.Interval.UnixMicro()) })
	b.SentAt.Column = ints(func(a measurement.Answer) *int64 {
		if a.SentAt == nil {
			return nil
		}
		return new(a.SentAt.UnixMicro())
	})
	b.LatencyUS.Column = ints(func(a measurement.Answer) *int64 { return a.LatencyUS })
	b.Serial.Column = ints(func(a measurement.Answer) *int64 { return a.Serial })
	b.ZoneSerial.Column = ints(func(a measurement.Answer) *int64 { return a.ZoneSerial })
	b.TC.Column = ints(func(a measurement.Answer) *int64 { return flag(a.TC) })
	b.Expected.Column = ints(func(a measurement.Answer) *int64 { return flag(a.Expected) })
	b.Address.Column = text(func(a measurement.Answer) string { return a.Address })
	b.VantagePoint.Column = text(func(a measurement.Answer) string { return string(a.VantagePoint) })
	b.Query.Column = text(func(a measurement.Answer) string { return a.Query })
	b.RSI.Column = text(func(a measurement.Answer) string { return string(a.RSI) })
	b.Family.Column = text(func(a measurement.Answer) string { return string(a.Family) })
	b.Transport.Column = text(func(a measurement.Answer) string { return string(a.Transport) })
	b.Outcome.Column = text(func(a measurement.Answer) string { return string(a.Outcome) })
	b.RCode.Column = texts(func(a measurement.Answer) *string { return a.RCode })
	b.NSID.Column = texts(func(a measurement.Answer) *string { return a.NSID })
	b.Verdict.Column = texts(func(a measurement.Answer) *string { return (*string)(a.Verdict) })
	b.DNSSEC.Column = texts(func(a measurement.Answer) *string { return (*string)(a.DNSSEC) })
	b.TLSAuth.Column = texts(func(a measurement.Answer) *string { return (*string)(a.TLSAuth) })
	return b
}

func flag(b *bool) *int64 {
	if b == nil {
		return nil
	}
	if *b {
		return new(int64(1))
	}
	return new(int64)
}
