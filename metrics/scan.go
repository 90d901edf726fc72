package metrics

import (
	"context"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
)

// Scan adds what the lake has for the period, its look-back and its look-ahead, and of
// before what dates the serials of the period. Workers is how many files are read at a
// time, 0 one for each CPU.
func (a *Accumulator) Scan(ctx context.Context, store lake.Store, workers int) error {
	from, until := a.cfg.window()
	if err := a.scanRuns(ctx, store, from, until); err != nil {
		return err
	}
	scan := lake.Scan{Store: store, From: from, Until: until, Workers: workers}
	if err := scan.Answers(ctx, a.columns(), a.Add); err != nil {
		return err
	}
	if a.open.Load() > 0 {
		if err := scan.Answers(ctx, a.columns(column.TC), a.close); err != nil {
			return err
		}
	}
	if err := a.forgetEarly(ctx, scan); err != nil {
		return err
	}
	return a.past(ctx, store)
}

// forgetEarly reads the days again on which a zone may have been shown before it was
// signed, now with the times of the queries.
func (a *Accumulator) forgetEarly(ctx context.Context, scan lake.Scan) error {
	for i, d := range a.days {
		if !d.early {
			continue
		}
		for _, b := range d.blocks {
			if b != nil {
				clear(b.serials)
				clear(b.byPath)
			}
		}
		scan.From = a.dayStart(i)
		scan.Until = earlier(scan.From.AddDate(0, 0, 1), a.cfg.DataUntil)
		if err := scan.Answers(ctx, a.columns(column.SentAt), a.rescan); err != nil {
			return err
		}
	}
	return nil
}

// rescan notes the sightings of a batch of a day whose sightings were forgotten.
func (a *Accumulator) rescan(b *column.AnswerBatch) error {
	d, err := a.decode(b)
	if err != nil {
		return err
	}
	vpFrom, vpUntil := a.bounds()
	for i := range b.Rows {
		vp, rsi, label := d.vp[b.VantagePoint.Index[i]+1], d.rsi[b.RSI.Index[i]+1], b.Interval.Int[i]
		if d.query[b.Query.Index[i]+1] != querySOA || vp < 0 || rsi < 0 || label < vpFrom[vp] || label >= vpUntil[vp] {
			continue
		}
		slot := slotAt(label - a.from)
		if marks := a.marksOf(a.vps[vp].ID); marks != nil && marks[slot]&late != 0 {
			continue
		}
		path := int(d.family[b.Family.Index[i]+1] + d.transport[b.Transport.Index[i]+1])
		if path < 0 {
			return d.damaged(i, "unknown family or transport")
		}
		expected := a.frameOf(label).asked[2*int(rsi)+path/2]
		if cell := d.cell(i); cell < cellOK || expected < 0 || d.address[b.Address.Index[i]+1] != expected {
			continue
		}
		day, slot := a.days[slot/perDay], slot%perDay
		day.mu.Lock()
		err := d.serial(i, day, day.blocks[vp], label, slot, slot*a.n+int(rsi), path, (slot*len(paths)+path)*a.n+int(rsi))
		day.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// columns are those that are read of the table answers, and some more.
func (a *Accumulator) columns(more ...column.Name) []column.Name {
	if a.cfg.Instances {
		more = append(more, column.NSID)
	}
	return append(more, needed...)
}

// close settles answers without a verdict, now that their flags are there.
func (a *Accumulator) close(b *column.AnswerBatch) error {
	d, err := a.decode(b)
	if err != nil {
		return err
	}
	for i := range b.Rows {
		vp, rsi := d.vp[b.VantagePoint.Index[i]+1], d.rsi[b.RSI.Index[i]+1]
		if d.query[b.Query.Index[i]+1] != queryCorrectness || vp < 0 || rsi < 0 || !d.TC.Yes(i) {
			continue
		}
		slot := int((b.Interval.Int[i] - a.from) / interval.Length.Microseconds())
		path := int(d.family[b.Family.Index[i]+1] + d.transport[b.Transport.Index[i]+1])
		if path < 0 {
			return d.damaged(i, "unknown family or transport")
		}
		day := a.days[slot/perDay]
		day.mu.Lock()
		if int(vp) < len(day.blocks) && day.blocks[vp] != nil && day.blocks[vp].checks != nil {
			if check := &day.blocks[vp].checks[(slot%perDay*len(paths)+path)*a.n+int(rsi)]; *check == checkOpen {
				*check = checkUnanswered
			}
		}
		day.mu.Unlock()
	}
	return nil
}
