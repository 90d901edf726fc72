package simulate

// histogram counts whole microseconds: exact medians in memory that does not
// grow with the number of samples.
type histogram struct {
	count int64
	pages []*[pageSize]uint32
}

const pageSize = 128

func (h *histogram) page(n int) *[pageSize]uint32 {
	for len(h.pages) <= n {
		h.pages = append(h.pages, nil)
	}
	if h.pages[n] == nil {
		h.pages[n] = new([pageSize]uint32)
	}
	return h.pages[n]
}

func (h *histogram) add(samples []uint32) {
	h.count += int64(len(samples))
	for _, s := range samples {
		h.page(int(s / pageSize))[s%pageSize]++
	}
}

func (h *histogram) merge(o *histogram) {
	h.count += o.count
	for n, from := range o.pages {
		if from == nil {
			continue
		}
		to := h.page(n)
		for i, c := range from {
			to[i] += c
		}
	}
}

// median is the middle sample over 1, or the sum of the middle two over 2.
func (h *histogram) median() (numerator, denominator int64) {
	if h.count%2 == 1 {
		return h.nth(h.count / 2), 1
	}
	return h.nth(h.count/2-1) + h.nth(h.count/2), 2
}

// nth is the sample with n smaller or equal ones before it.
func (h *histogram) nth(n int64) int64 {
	for i, p := range h.pages {
		if p == nil {
			continue
		}
		for j, c := range p {
			if n -= int64(c); n < 0 {
				return int64(i)*pageSize + int64(j)
			}
		}
	}
	return -1 // n is not below the count
}

// upTo counts the samples of at most so much.
func (h *histogram) upTo(most int64) (n int64) {
	for i, p := range h.pages {
		if p == nil {
			continue
		}
		for j, c := range p {
			if int64(i)*pageSize+int64(j) <= most {
				n += int64(c)
			}
		}
	}
	return n
}
