package probe

import "mtric.net/mtric/engine/measurement"

// lengthy are what whoever answers decides the length of, in the order in which rows go
// without it.
var lengthy = []func(r *measurement.Answer){
	func(r *measurement.Answer) { r.Extra = nil },
	func(r *measurement.Answer) { r.FirstResponse = nil },
	func(r *measurement.Answer) { r.Response = nil },
	func(r *measurement.Answer) { r.NSID = nil },
}

// boundContent keeps the run within what a collector takes: a server that answers at
// length must not cost the others their rows. Where all is too much, the rows of each RSI
// that has more than its share go without what is not needed for a metric, and then are
// null there; what the answer was is in the row all the same.
func boundContent(rows []measurement.Answer) {
	total, of := 0, map[measurement.RSI]int{}
	for i := range rows {
		n := rows[i].Content()
		total, of[rows[i].RSI] = total+n, of[rows[i].RSI]+n
	}
	if total <= measurement.MaxContent {
		return
	}
	share := measurement.MaxContent / len(of)
	for _, drop := range lengthy {
		for i := range rows {
			if r := &rows[i]; of[r.RSI] > share {
				before := r.Content()
				drop(r)
				of[r.RSI] -= before - r.Content()
			}
		}
	}
}
