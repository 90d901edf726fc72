package correctness_test

import (
	"time"

	"pgregory.net/rapid"
)

// history is a root, those who serve it, those who watch and a collector, as they may
// be: all times are true ones by default.
type history struct {
	zones   []published
	servers []server
	vps     []observer
	fetches []fetched
	days    int

	// blind is a history in which no serial is seen and each zone has a key of its own, so
	// that fetches alone say which zones there are: each is the newest for hours.
	blind bool
	good  bool // nothing is missing in the end, and somebody always looked
}

// published is a zone of the root.
type published struct {
	serial     uint32
	signed, at time.Time
	key        int       // of the zone signing key
	archived   time.Time // zero: the archive lacks it
}

// server serves each zone that long after it was published, and stands still once.
type server struct {
	lag         time.Duration
	still, goes time.Time
}

// observer is a vantage point.
type observer struct {
	offset  time.Duration // of its clock
	trusted bool          // its clock is not known to be wrong
	from    time.Time     // it was away
	until   time.Time
	liar    bool
	silent  float64 // how many of its soa rows are lost
}

type fetched struct {
	at   time.Time
	zone int
}

var begins = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// drawHistory draws one: zones twice a day, but for gaps of sixty hours and three in an
// hour; a collector that is away and whose source is behind at times.
func drawHistory(t *rapid.T) *history {
	h := &history{days: rapid.IntRange(5, 9).Draw(t, "days")}
	ends := begins.AddDate(0, 0, h.days)
	at, signed, key := begins.Add(-70*time.Hour), begins.Add(-80*time.Hour), 0
	gaps := []time.Duration{12 * hour, 12 * hour, 12 * hour, 20 * time.Minute, 60 * hour, 48*hour + time.Minute, 3 * hour}
	rolls := rapid.Uint32Range(0, 20).Draw(t, "key rolls") // one key signs many zones
	h.blind, h.good = rapid.IntRange(0, 3).Draw(t, "blind") == 0, rapid.IntRange(0, 2).Draw(t, "good") == 0
	if h.blind {
		gaps = []time.Duration{12 * hour, 60 * hour, 3 * hour}
	}
	for n := uint32(0); at.Before(ends); n++ {
		if n == rolls || h.blind {
			key++
		}
		ago := time.Duration(rapid.SampledFrom([]int{10, 600, 3600, 10800}).Draw(t, "signed before")) * time.Second
		signed = max2(signed.Add(time.Second), at.Add(-ago))
		h.zones = append(h.zones, published{serial: 4294967290 + n, signed: signed, at: at, key: key}) // they wrap
		at = at.Add(rapid.SampledFrom(gaps).Draw(t, "gap"))
	}
	for range rapid.IntRange(2, 4).Draw(t, "servers") {
		s := server{lag: time.Duration(rapid.SampledFrom([]int{0, 1, 5, 40, 1440, 1500, 2800, 2870}).Draw(t, "lag")) * time.Minute}
		if rapid.Bool().Draw(t, "stands still") {
			s.still = begins.Add(h.drawHours(t, "still"))
			s.goes = s.still.Add(h.drawHours(t, "goes"))
		}
		h.servers = append(h.servers, s)
	}
	h.drawObservers(t)
	h.drawArchive(t)
	return h
}

func max2(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (h *history) drawHours(t *rapid.T, name string) time.Duration {
	return time.Duration(rapid.IntRange(0, 24*h.days).Draw(t, name)) * hour
}

// drawObservers draws one to four vantage points: the clock of one is wrong and nobody
// knows, or it lies; of others it is known.
func (h *history) drawObservers(t *rapid.T) {
	count := rapid.IntRange(1, 4).Draw(t, "vantage points")
	for n := range count {
		v := observer{trusted: true}
		if rapid.IntRange(0, 2).Draw(t, "away") == 0 {
			v.from = begins.Add(h.drawHours(t, "from"))
			v.until = v.from.Add(h.drawHours(t, "until"))
		}
		if rapid.Bool().Draw(t, "silent") {
			v.silent = 0.5
		}
		switch fault := rapid.SampledFrom([]string{"", "liar", "slow", "fast", "known"}).Draw(t, "fault"); {
		case fault == "known":
			v.offset, v.trusted = -h.drawHours(t, "offset"), false
		case n > 0: // one that nobody knows of
		case fault == "liar" && count > 1: // a plan of one believes it
			v.liar = true
		case fault == "slow" && !h.blind:
			v.offset = -time.Duration(rapid.IntRange(1, 60*50).Draw(t, "minutes")) * time.Minute
		case fault == "fast": // its files come before their labels
			v.offset, v.trusted = 48*hour, false
		}
		if h.blind {
			v.silent = 1
		}
		h.vps = append(h.vps, v)
	}
}

// drawArchive has the collector fetch hourly but while it is away. Its only source is
// behind for a while; then no soa row is lost, for a zone of a new key that neither a
// fetch nor a serial shows is proven by nothing.
func (h *history) drawArchive(t *rapid.T) {
	minute := time.Duration(rapid.IntRange(0, 59).Draw(t, "minute")) * time.Minute
	starts := rapid.SampledFrom([]time.Duration{-69 * hour, -69 * hour, 30 * hour}).Draw(t, "archive begins")
	behind := time.Duration(rapid.IntRange(0, 55).Draw(t, "source behind")) * time.Minute
	if h.good {
		starts, behind = -69*hour, 0
	}
	var away, back, stale, fresh time.Time
	if !h.good && rapid.Bool().Draw(t, "collector away") {
		away = begins.Add(h.drawHours(t, "leaves"))
		if h.blind { // not with a zone that nobody has fetched yet, and that goes before it is back
			away = max2(away, h.zones[h.newest(away)].at.Add(2*hour))
		}
		back = away.Add(h.drawHours(t, "comes back"))
	}
	if !h.good && !h.blind && rapid.IntRange(0, 2).Draw(t, "stale mirror") == 0 {
		stale = begins.Add(h.drawHours(t, "stale from"))
		fresh = stale.Add(h.drawHours(t, "stale until"))
		for i := range h.vps {
			h.vps[i].silent = 0
		}
	}
	for at := begins.Add(starts + minute); at.Before(begins.AddDate(0, 0, h.days+1)); at = at.Add(hour) {
		if !at.Before(away) && at.Before(back) {
			continue
		}
		zone := h.newest(at.Add(-behind))
		if !at.Before(stale) && at.Before(fresh) {
			zone = h.newest(stale)
		}
		h.fetches = append(h.fetches, fetched{at, zone})
		if z := &h.zones[zone]; z.archived.IsZero() {
			z.archived = at
		}
	}
	for i := range h.zones {
		if z := &h.zones[i]; z.archived.IsZero() && (h.good || rapid.Bool().Draw(t, "added late")) {
			z.archived = z.at.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "days later")) * 24 * hour)
		}
	}
}

// newest is the zone that was published last before a time.
func (h *history) newest(at time.Time) int {
	n := 0
	for i, z := range h.zones {
		if !z.at.After(at) {
			n = i
		}
	}
	return n
}

// serves is the zone that a server serves at a time.
func (h *history) serves(s server, at time.Time) int {
	if !at.Before(s.still) && at.Before(s.goes) {
		at = s.still
	}
	return h.newest(at.Add(-s.lag))
}

// genuine says whether a server that serves the zone does no wrong: it was published
// within 48 hours before, or was the newest 24 hours before.
func (h *history) genuine(zone int, at time.Time) bool {
	return !h.zones[zone].at.Before(at.Add(-48*hour)) || zone >= h.newest(at.Add(-24*hour))
}

// answer is one to be judged.
type answer struct {
	vp, zone int
	at, sent time.Time // sent: by the clock of the vantage point
	label    time.Time
	genuine  bool
	withSOA  bool
}

// testimony is a row of the query soa.
type testimony struct {
	vp, server int
	serial     uint32
	sent       time.Time
	trusted    bool
}

// measure draws what the vantage points ask, in an interval of each hour, and what they show.
func (h *history) measure(t *rapid.T) (answers []answer, shows []testimony) {
	dice := rapid.Uint64().Draw(t, "dice")
	chance := func(p float64) bool {
		dice = dice*6364136223846793005 + 1442695040888963407
		return float64(dice>>40)/(1<<24) < p
	}
	invented := h.zones[len(h.zones)-1].serial + 1
	for at := begins; at.Before(begins.AddDate(0, 0, h.days)); at = at.Add(55 * time.Minute) {
		for v, vp := range h.vps {
			if !at.Before(vp.from) && at.Before(vp.until) {
				continue
			}
			label := at.Add(vp.offset).Truncate(5 * time.Minute)
			for s, server := range h.servers {
				sent := at.Add(vp.offset + 7*time.Second)
				zone := h.serves(server, at)
				a := answer{vp: v, zone: zone, at: at, sent: sent, label: label, genuine: h.genuine(zone, at.Add(7*time.Second)), withSOA: chance(0.3)}
				answers = append(answers, a)
				if !chance(vp.silent) {
					shows = append(shows, testimony{v, s, h.zones[zone].serial, sent, vp.trusted})
				}
				if vp.liar && chance(0.3) { // of the future, or just not true yet
					shows = append(shows, testimony{v, s, invented + uint32(dice%8), sent, vp.trusted}, testimony{v, s, h.zones[min(zone+1, len(h.zones)-1)].serial, sent, vp.trusted})
				}
			}
		}
	}
	return answers, shows
}
