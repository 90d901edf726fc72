package report

import "mtric.net/mtric/engine/edition"

// lateReasons holds the reasons why answers waited to how many of the RSIs' did; what the
// reasons were may be told otherwise by now. again gets those of then.
func (v *Verified) lateReasons(d, again *Document) {
	now, then, waited := byReason(again.Held), byReason(d.Held), d.allResponses().Held
	judged := waited - again.allResponses().Held
	if len(then) != len(d.Held) || len(d.Held) > maxHeld || judged < 0 {
		return // a difference, which compare names
	}
	all := int64(0)
	for i, h := range d.Held {
		all += h.Answers
		if h.Answers <= 0 || h.Answers > waited || i > 0 && h.compare(d.Held[i-1]) < 0 {
			return
		}
	}
	left := judged
	for _, n := range now {
		left += n
	}
	if whole := len(d.Held) < maxHeld && len(again.Held) < maxHeld; whole && all != left || all > waited {
		return
	}
	for _, h := range d.Held {
		if n := now[h.Reason]; h.Answers > n {
			v.late("held: the report says of %s that they waited, %s; by now %d do", edition.Plural(h.Answers, "answer"), inWords(h.Reason), n)
		}
	}
	again.Held = d.Held
}

// byReason counts answers by their reason.
func byReason(list []Held) map[string]int64 {
	by := map[string]int64{}
	for _, h := range list {
		by[h.Reason] += h.Answers
	}
	return by
}
