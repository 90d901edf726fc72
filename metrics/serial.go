package metrics

// before says whether a serial is older than another by RFC 1982 section 3.2.
// Two serials 2³¹ apart are in no order.
func before(a, b uint32) bool { return int32(a-b) < 0 && a-b != 1<<31 }

// Newer says whether a serial is newer than another; of two that are in no order neither is.
func Newer(a, b uint32) bool { return before(b, a) }

// Reaches says whether a serial is as new as s, or newer.
func Reaches(m, s uint32) bool { return m == s || before(s, m) }

// oldest is the RFC 1982 minimum of a set [cnj]: the one older than all others.
// Serials without such an order have none.
func oldest(set []uint32) (m uint32, ok bool) {
	for i, s := range set {
		if i == 0 || before(s, m) {
			m = s
		}
	}
	for _, s := range set {
		if s != m && !before(m, s) {
			return 0, false
		}
	}
	return m, len(set) > 0
}
