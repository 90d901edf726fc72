package metrics

// tally counts cells by what became of them; the last entry is those answered well.
type tally [cellOK + 1]int64

func (t *tally) ok() int64 { return t[cellOK] }

// asked is the number of queries sent: all rows but those never sent.
func (t *tally) asked() (n int64) {
	for c, m := range t {
		if sent(uint32(c)) {
			n += m
		}
	}
	return n
}

// outcomes are the tally for people: only what occurred.
func (t *tally) outcomes() map[string]int64 {
	m := map[string]int64{}
	for c, name := range cellNames {
		if t[c] > 0 {
			m[name] = t[c]
		}
	}
	if t.ok() > 0 {
		m[outcomeOK] = t.ok()
	}
	return m
}

// system is the RSS over one path: availability [cvf] and response latency [bom].
type system struct {
	reached, needed int64 // Σ min(k, r) and Σ k
	asked           int64 // queries sent in the intervals that count
	intervals       int64 // VP-intervals that count
	skipped         int64 // VP-intervals left out for a partial run
	lowest          histogram
}

// sum walks one path over all intervals of one day and vantage point.
func (s *system) sum(b *block, n, k, path int) {
	low := make([]uint32, 0, n)
	cells := b.cells[path*n*perDay : (path+1)*n*perDay]
	for slot := range perDay {
		asked := int64(0)
		low = low[:0]
		r := 0
		for i := slot; i < len(cells); i += perDay {
			c := cells[i]
			if c > cellLocal {
				asked++
			}
			if c < cellOK {
				continue
			}
			r++
			low = insert(low, c-cellOK, k)
		}
		// A partial run proves nothing of RSIs it did not ask, unless enough
		// answered without them (reading A6); nothing sent is in no sum.
		if asked == 0 {
			continue
		}
		if asked < int64(n) && r < k {
			s.skipped++
			continue
		}
		s.reached += int64(min(k, r))
		s.needed += int64(k)
		s.asked += asked
		s.intervals++
		for _, us := range low {
			s.lowest.add(us)
		}
	}
}

// insert keeps the k lowest in ascending order (reading A7: fewer where there are fewer).
func insert(low []uint32, us uint32, k int) []uint32 {
	if len(low) == k {
		if us >= low[k-1] {
			return low
		}
	} else {
		low = append(low, 0)
	}
	i := len(low) - 1
	for ; i > 0 && low[i-1] > us; i-- {
		low[i] = low[i-1]
	}
	low[i] = us
	return low
}

// system sums a path over the whole view.
func (v *view) system(path int) *system {
	s := new(system)
	k := K(v.a.n)
	for _, d := range v.days {
		if !d.counted {
			continue
		}
		for _, b := range d.blocks {
			if b != nil {
				s.sum(b, v.a.n, k, path)
			}
		}
	}
	return s
}

// checked counts correctness answers by what became of them.
type checked [checkOpen + 1]int64

// checks counts the correctness answers of each RSI.
func (v *view) checks() []checked {
	all := make([]checked, v.a.n)
	v.a.parallel(v.a.n, func(rsi int) {
		t := &all[rsi]
		for _, d := range v.days {
			for _, b := range d.blocks {
				if b == nil || b.checks == nil {
					continue
				}
				for p := range paths {
					at := (p*v.a.n + rsi) * perDay
					for _, c := range b.checks[at : at+perDay] {
						t[c]++
					}
				}
			}
		}
		t[checkUnchecked] += t[checkOpen]
	})
	return all
}
