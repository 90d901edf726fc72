package metrics

import (
	"context"
	"runtime/debug"
	"slices"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
)

// collectAt is the growth of memory, in percent, at which garbage is collected
// while the cubes are there.
const collectAt = 20

// Scan adds what the lake's answers have for the period, its look-back and its
// look-ahead. Workers is how many files are read at a time, 0 one for each CPU.
func (a *Accumulator) Scan(ctx context.Context, store lake.Store, workers int) error {
	// The cubes hold no pointers and stay to the end: collecting often costs little
	// and keeps what the reader drops from doubling the memory.
	defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	from, until := a.cfg.window()
	scan := lake.Scan{Store: store, Table: lake.Answers, From: from, Until: until, Columns: Columns, Workers: workers}
	if a.cfg.Instances {
		scan.Columns = append(slices.Clone(Columns), names)
	}
	if err := scan.Run(ctx, func(b *lake.Batch) error { return a.Add(a.batch(b)) }); err != nil {
		return err
	}
	if a.open.Load() == 0 {
		return nil
	}
	scan.Columns = append(slices.Clone(scan.Columns), flags)
	return scan.Run(ctx, func(b *lake.Batch) error {
		own := a.batch(b)
		own.TC = b.Column(flags)
		a.close(own)
		return nil
	})
}

func (a *Accumulator) batch(b *lake.Batch) Batch {
	own := Batch{Rows: b.Rows, Interval: b.Column("interval"), LatencyUS: b.Column("latency_us"),
		Serial: b.Column("serial"), VantagePoint: b.Column("vantage_point"), Query: b.Column("query"), RSI: b.Column("rsi"),
		Family: b.Column("family"), Transport: b.Column("transport"), Outcome: b.Column("outcome"), RCode: b.Column("rcode"),
		Verdict: b.Column("verdict")}
	if a.cfg.Instances {
		own.NSID = b.Column(names)
	}
	return own
}

// close settles answers without a verdict, now that their flags are there.
func (a *Accumulator) close(b Batch) {
	d := a.decode(b)
	for i := range b.Rows {
		vp, rsi := d.vp[b.VantagePoint.Index[i]+1], d.rsi[b.RSI.Index[i]+1]
		if d.query[b.Query.Index[i]+1] != queryCorrectness || vp < 0 || rsi < 0 || !d.truncated(i) {
			continue
		}
		slot := int((b.Interval.Int[i] - a.from) / interval.Length.Microseconds())
		path := int(d.family[b.Family.Index[i]+1] + d.transport[b.Transport.Index[i]+1])
		day := a.days[slot/perDay]
		day.mu.Lock()
		if int(vp) < len(day.blocks) && day.blocks[vp] != nil && day.blocks[vp].checks != nil {
			if check := &day.blocks[vp].checks[(slot%perDay*len(paths)+path)*a.n+int(rsi)]; *check == checkOpen {
				*check = checkUnanswered
			}
		}
		day.mu.Unlock()
	}
}

func (d *decoded) truncated(i int) bool {
	return d.TC.Int[i] != 0 && (d.TC.Null == nil || !d.TC.Null[i])
}
