package comparison

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// look notes the signs of interception in a message, and what a verdict says of the SOA RRset. It says
// whether there are such signs.
func (r *reader) look(o *openHour, b *column.AnswerBatch, i, cell int, query int32) bool {
	signs := r.signsOf(b, i, cell, query)
	at := ((r.dayOf(r.hour)*pathCount)+cell%pathCount)*2 + int(query) - isSOA
	o.block.mu.Lock()
	defer o.block.mu.Unlock()
	if o.block.heard[at] < unseen {
		o.block.heard[at]++
		if signs != 0 {
			o.block.odd[at]++
		}
	}
	for k := range signNames {
		if signs&(1<<k) != 0 {
			o.block.signs[k*len(r.RSIs)+cell/pathCount]++
		}
	}
	if query == isSOA && b.Verdict.Has(i) {
		r.verdict(o.block, b.Verdict.At(i), cell, signs != 0)
	}
	return signs != 0
}

// signsOf a message, a bit for each of signNames.
func (r *reader) signsOf(b *column.AnswerBatch, i, cell int, query int32) (signs uint8) {
	note := func(sign string) {
		if k := slices.Index(signNames, sign); k >= 0 {
			signs |= 1 << k
		}
	}
	rsi, at, wire := r.RSIs[cell/pathCount], b.Interval.At(i), b.Response.Bytes[i]
	if b.Strays.Int[i] > 0 {
		note(SignQuestion)
	}
	if ra, _ := identity.Flags(wire); ra {
		note(SignRecursion)
	}
	if query == isSOA && b.Serial.Has(i) && b.AA.No(i) {
		note(SignAuthority)
	}
	if nsid := b.NSID.Text(i); nsid != "" {
		note(r.foreign(rsi, nsid, at))
	}
	if query == isName && wire != nil {
		if text, ok := identity.Text(wire); ok {
			note(r.foreign(rsi, text, at))
		}
	}
	return signs
}

// foreign is the sign that an identity is, looked up once a day.
func (r *reader) foreign(rsi measurement.RSI, text string, at time.Time) string {
	const most = 1 << 16
	key := namedKey{rsi, text, r.dayOf(r.hour)}
	if sign, met := r.named[key]; met {
		return sign
	}
	if len(r.named) >= most {
		clear(r.named)
	}
	sign := map[identity.Sign]string{identity.Other: SignOperator, identity.Recursor: SignResolver}[r.Identities.Says(rsi, text, at)]
	r.named[key] = sign
	return sign
}

// namedKey is an identity that was given.
type namedKey struct {
	rsi  measurement.RSI
	text string
	day  int
}

// verdict counts what an SOA RRset was when it was held against the archive; only of the
// period. Somebody else's is set apart. The block is locked.
func (r *reader) verdict(o *block, v measurement.Verdict, cell int, other bool) {
	if r.hour < r.before {
		return
	}
	switch v {
	case measurement.Correct:
		o.soa[cell/pathCount].correct++
	case measurement.Unchecked:
		o.soa[cell/pathCount].unchecked++
	case measurement.Incorrect:
		if other {
			o.soa[cell/pathCount].apart++
			return
		}
		if o.wrong == nil {
			o.wrong = map[wrongKey]int64{}
		}
		o.wrong[wrongKey{cell, r.hour}]++
	}
}
