package correctness_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/metrics/correctness"
)

// A query of these tests is sent at q in the interval of the label, which ends at e.
var (
	label = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	q     = label.Add(7 * time.Second)
	e     = label.Add(5 * time.Minute)
)

const (
	hour = time.Hour
	tick = time.Microsecond
)

// zone is an archived one, signed an hour before it was used.
func zone(serial uint32, used time.Time) correctness.Known {
	return correctness.Known{Serial: serial, Archived: true, FirstUsed: used, SignedAt: used.Add(-hour)}
}

// shown is one that is proven and not archived, and was signed nobody knows when.
func shown(serial uint32, used, shown time.Time) correctness.Known {
	return correctness.Known{Serial: serial, FirstUsed: used, Shown: shown}
}

func signed(z correctness.Known, at time.Time) correctness.Known {
	z.SignedAt = at
	return z
}

// First used: the earliest evidence of a zone and of every archived one after it, not
// before it was signed.
func TestDate(t *testing.T) {
	t0, none := label, time.Time{}
	for name, c := range map[string]struct {
		zones []correctness.Known
		want  []time.Time
	}{
		"its own evidence": {[]correctness.Known{zone(1, t0)}, []time.Time{t0}},
		"a zone before it dates nothing": {[]correctness.Known{zone(1, t0), zone(2, t0.Add(hour))},
			[]time.Time{t0, t0.Add(hour)}},
		"added late, it is dated by the zone after it": {[]correctness.Known{signed(zone(1, t0.Add(240*hour)), t0.Add(-9*hour)), zone(2, t0)},
			[]time.Time{t0, t0}},
		"by any after it": {[]correctness.Known{signed(zone(1, t0.Add(9*hour)), none), signed(zone(2, t0.Add(10*hour)), none), zone(3, t0)},
			[]time.Time{t0, t0, t0}},
		"shown by a server that is days behind": {[]correctness.Known{shown(1, t0.Add(72*hour), t0.Add(71*hour)), zone(2, t0)},
			[]time.Time{t0, t0}},
		"used by nobody who counts": {[]correctness.Known{shown(1, none, t0)}, []time.Time{none}},
		"and nevertheless before the next": {[]correctness.Known{shown(1, none, t0.Add(50*hour)), zone(2, t0)},
			[]time.Time{t0, t0}},
		"what is not archived dates nothing but itself": {[]correctness.Known{zone(1, t0.Add(hour)), shown(2, t0, t0)},
			[]time.Time{t0.Add(hour), t0}},
		"not before it was signed": {[]correctness.Known{signed(zone(1, t0), t0.Add(tick)), signed(shown(2, t0, t0), t0.Add(hour)), zone(3, t0)},
			[]time.Time{t0.Add(tick), t0.Add(hour), t0}},
		"serials that wrap": {[]correctness.Known{zone(0, t0), signed(zone(math.MaxUint32, t0.Add(hour)), none), signed(zone(math.MaxUint32-1, t0.Add(2*hour)), none)},
			[]time.Time{t0, t0, t0}}, // sorted: …94, …95, 0
	} {
		for range 2 { // once dated, nothing changes
			correctness.Date(c.zones)
			for i, z := range c.zones {
				if !z.FirstUsed.Equal(c.want[i]) {
					t.Errorf("%s: zone %d first used %s, want %s", name, z.Serial, z.FirstUsed, c.want[i])
				}
			}
		}
	}
}

func serialsOf(zones []correctness.Known) []uint32 {
	var all []uint32
	for _, z := range zones {
		all = append(all, z.Serial)
	}
	return all
}

func TestCandidates(t *testing.T) {
	none := time.Time{}
	newer := zone(9, q.Add(-24*hour)) // has taken the place of those before it
	young := zone(9, q.Add(-24*hour+tick))
	for name, c := range map[string]struct {
		zones []correctness.Known
		want  []uint32
	}{
		"first used 48 hours before":            {[]correctness.Known{zone(1, q.Add(-48*hour)), newer}, []uint32{9, 1}},
		"and a microsecond more":                {[]correctness.Known{zone(1, q.Add(-48*hour-tick)), newer}, []uint32{9}},
		"the newest, however old":               {[]correctness.Known{zone(1, q.Add(-900*hour)), zone(2, q.Add(-800*hour))}, []uint32{2}},
		"until the next is a day old":           {[]correctness.Known{zone(1, q.Add(-900*hour)), young}, []uint32{9, 1}},
		"the newest of those a day old":         {[]correctness.Known{zone(1, q.Add(-60*hour)), zone(2, q.Add(-50*hour)), young}, []uint32{9, 2}},
		"it may be missing":                     {[]correctness.Known{zone(1, q.Add(-60*hour)), shown(2, q.Add(-50*hour), q.Add(-50*hour))}, []uint32{2}},
		"signed five minutes after the end":     {[]correctness.Known{newer, signed(zone(10, q.Add(hour)), e.Add(5*time.Minute))}, []uint32{10, 9}},
		"and a microsecond more:":               {[]correctness.Known{newer, signed(zone(10, q.Add(hour)), e.Add(5*time.Minute+tick))}, []uint32{9}},
		"no upper end by first use":             {[]correctness.Known{newer, signed(zone(10, q.Add(200*hour)), q.Add(-hour))}, []uint32{10, 9}},
		"used by nobody who counts":             {[]correctness.Known{newer, signed(shown(10, none, q), q.Add(-hour))}, []uint32{10, 9}},
		"not known when signed, shown before e": {[]correctness.Known{newer, shown(10, q.Add(hour), e.Add(-tick))}, []uint32{10, 9}},
		"shown at e":                            {[]correctness.Known{newer, shown(10, q.Add(hour), e)}, []uint32{9}},
		"shown by nobody":                       {[]correctness.Known{newer, shown(10, none, none)}, []uint32{9}},
		"a gap of 48 h 01 min, and a zone ten seconds old": {
			[]correctness.Known{zone(1, q.Add(-60*hour)), zone(2, q.Add(-48*hour-time.Minute)), signed(zone(3, q.Add(20*time.Minute)), q.Add(-10*time.Second))}, []uint32{3, 2}},
		"three in an hour": {
			[]correctness.Known{zone(1, q.Add(-13*hour)), zone(2, q.Add(-50*time.Minute)), zone(3, q.Add(-30*time.Minute)), zone(4, q.Add(-time.Minute))}, []uint32{4, 3, 2, 1}},
		"added late": {[]correctness.Known{signed(zone(1, q.Add(100*hour)), q.Add(-70*hour)), zone(2, q.Add(-49*hour)), zone(3, q.Add(-30*hour))}, []uint32{3}},
		"added late, of the time": {[]correctness.Known{signed(zone(1, q.Add(100*hour)), q.Add(-50*hour)), zone(2, q.Add(-47*hour)), zone(3, q.Add(-30*hour))},
			[]uint32{3, 2, 1}},
		"shown by a server days behind": {[]correctness.Known{shown(1, q.Add(-hour), q.Add(-2*hour)), zone(2, q.Add(-60*hour)), newer}, []uint32{9}},
		"serials that wrap":             {[]correctness.Known{zone(math.MaxUint32, q.Add(-60*hour)), zone(0, q.Add(-50*hour)), zone(1, q.Add(-hour))}, []uint32{1, 0}},
		"none":                          {nil, nil},
	} {
		correctness.Date(c.zones)
		if got := serialsOf(correctness.Candidates(c.zones, q, label)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestNear(t *testing.T) {
	zones := []correctness.Known{zone(1, q.Add(-96*hour)), zone(2, q.Add(-96*hour+tick)), zone(3, q.Add(-49*hour)), shown(4, q.Add(-48*hour-tick), q.Add(-60*hour)),
		zone(5, q.Add(-30*hour)), signed(zone(6, e.Add(48*hour-tick)), e.Add(47*hour)), signed(zone(7, e.Add(48*hour)), e.Add(47*hour))}
	candidates := correctness.Candidates(zones, q, label)
	if got := serialsOf(candidates); !slices.Equal(got, []uint32{5}) {
		t.Fatal(got)
	}
	if got := serialsOf(correctness.Near(zones, candidates, q, label)); !slices.Equal(got, []uint32{6, 3, 2}) {
		t.Errorf("%d", got)
	}
}

// A fetch counts unless it returns a serial older than one already proven.
func TestCounting(t *testing.T) {
	proven := []correctness.Known{zone(2, q), {Serial: 3, Shown: q.Add(hour)}, zone(math.MaxUint32, q.Add(-hour))}
	for name, c := range map[string]struct {
		at     time.Time
		serial uint32
		counts bool
	}{
		"the newest":             {q.Add(tick), 2, true},
		"newer than any":         {q.Add(tick), 7, true},
		"a stale mirror":         {q.Add(tick), 1, false},
		"before it was proven":   {q, 1, true},
		"proven by a signature":  {q.Add(hour + tick), 2, false},
		"and before":             {q.Add(hour), 2, true},
		"before the wrap":        {q.Add(tick), math.MaxUint32, false},
		"older than that, early": {q.Add(-hour), math.MaxUint32 - 1, true},
		"older than that":        {q.Add(-hour + tick), math.MaxUint32 - 1, false},
	} {
		got := correctness.Counting([]correctness.Fetch{{At: c.at, Serial: c.serial}}, proven)
		if (len(got) == 1) != c.counts {
			t.Errorf("%s: counts %t", name, len(got) == 1)
		}
	}
	two := correctness.Counting([]correctness.Fetch{{At: q.Add(hour), Serial: 7}, {At: q, Serial: 7}}, nil)
	if !slices.IsSortedFunc(two, func(a, b correctness.Fetch) int { return a.At.Compare(b.At) }) || len(two) != 2 {
		t.Errorf("not in order: %v", two)
	}
}

// A serial that nothing proves is nobody's once a fetch that counts returns an older
// one 48 hours after it was shown.
func TestRefuted(t *testing.T) {
	for name, c := range map[string]struct {
		fetch   time.Duration
		serial  uint32
		refuted bool
	}{
		"at 48 hours":           {48 * hour, 7, false},
		"a microsecond later":   {48*hour + tick, 7, true},
		"by the same serial":    {72 * hour, 9, false},
		"by a newer one":        {72 * hour, 10, false}, // it may have been replaced
		"older beyond the wrap": {72 * hour, math.MaxUint32, true},
	} {
		if got := correctness.Refuted([]correctness.Fetch{{At: q.Add(c.fetch), Serial: c.serial}}, 9, q); got != c.refuted {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// fetchesAt are fetches that count.
func fetchesAt(times []time.Time) (all []correctness.Fetch) {
	for _, at := range times {
		all = append(all, correctness.Fetch{At: at})
	}
	return all
}

// hourly are times an hour apart from one to another.
func hourly(from, until time.Time) (all []time.Time) {
	for at := from; !at.After(until); at = at.Add(hour) {
		all = append(all, at)
	}
	return all
}

func except(all []time.Time, i int, instead ...time.Time) []time.Time {
	return slices.Concat(all[:i], instead, all[i+1:])
}

func TestCovers(t *testing.T) {
	begin := q.Add(-48 * hour)
	after := e.Add(hour + tick)
	watched := hourly(begin, q) // 49 times, the last at q
	whole := append(slices.Clone(watched), after)
	in := zone(1, q.Add(-30*hour))
	for name, c := range map[string]struct {
		zones   []correctness.Known
		fetches []time.Time
		sighted []time.Time
		hold    string
	}{
		"all there":                         {[]correctness.Known{in}, whole, nil, ""},
		"no zone at all":                    {nil, whole, nil, "no zone is archived"},
		"a candidate is missing":            {[]correctness.Known{in, shown(2, q.Add(-hour), q.Add(-hour))}, whole, nil, "zone 2 is not archived"},
		"the newest is told":                {[]correctness.Known{in, shown(2, q.Add(-hour), q.Add(-hour)), shown(3, q.Add(-hour), q.Add(-hour))}, whole, nil, "zone 3 is not archived"},
		"what is missing is no candidate":   {[]correctness.Known{shown(0, q.Add(-49*hour), q.Add(-49*hour)), in}, whole, nil, ""},
		"what is missing came later":        {[]correctness.Known{in, shown(2, e, e)}, whole, nil, ""},
		"no fetch":                          {[]correctness.Known{in}, nil, nil, "no zone fetch since"},
		"a fetch an hour after the end":     {[]correctness.Known{in}, append(slices.Clone(watched), e.Add(hour)), nil, "no zone fetch since"},
		"a gap of an hour at the beginning": {[]correctness.Known{in}, except(whole, 0), nil, ""},
		"and a microsecond more": {[]correctness.Known{in}, except(except(whole, 0), 0, begin.Add(hour+tick)), nil,
			"no zone was watched from 2026-11-20T12:00Z to 2026-11-20T13:00Z"},
		"in the middle": {[]correctness.Known{in}, except(whole, 10), nil, "no zone was watched from 2026-11-20T21:00Z to 2026-11-20T23:00Z"},
		"by a microsecond": {[]correctness.Known{in}, except(whole, 10, begin.Add(10*hour+tick)), nil,
			"no zone was watched from 2026-11-20T21:00Z to 2026-11-20T22:00Z"},
		"until the end, an hour": {[]correctness.Known{in}, slices.Concat(hourly(e.Add(-49*hour), e.Add(-hour)), []time.Time{after}), nil, ""},
		"and more": {[]correctness.Known{in}, slices.Concat(hourly(e.Add(-49*hour-tick), e.Add(-hour-tick)), []time.Time{after}), nil,
			"no zone was watched from 2026-11-22T11:04Z to 2026-11-22T13:05Z"},
		"sightings watch":              {[]correctness.Known{in}, except(whole, 10), []time.Time{begin.Add(10 * hour)}, ""},
		"sightings alone":              {[]correctness.Known{in}, []time.Time{after}, watched, ""},
		"but they are no fetch since":  {[]correctness.Known{in}, watched, append(slices.Clone(watched), after), "no zone fetch since"},
		"a gap is told by the fetches": {[]correctness.Known{in}, []time.Time{begin.Add(-8 * hour), after}, nil, "no zone was watched from 2026-11-20T04:00Z to 2026-11-22T13:05Z"},
	} {
		a := correctness.Archive{Zones: c.zones, Fetches: fetchesAt(c.fetches), Sighted: func(from, until time.Time) ([]time.Time, error) {
			if !from.Equal(begin) || !until.Equal(e) {
				t.Errorf("asked for [%s, %s]", from, until)
			}
			return slices.DeleteFunc(slices.Clone(c.sighted), func(at time.Time) bool { return at.Before(from) || at.After(until) }), nil
		}}
		if hold, err := a.Covers(q, label); hold != c.hold || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, hold, err, c.hold)
		}
	}
	broken := correctness.Archive{Zones: []correctness.Known{in}, Fetches: fetchesAt(whole),
		Sighted: func(_, _ time.Time) ([]time.Time, error) { return nil, errors.New("no disk") }}
	if _, err := broken.Covers(q, label); err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Error(err)
	}
}

// A signature proves a hole where the zone it is of would be a candidate, if it were
// at hand.
func TestLacking(t *testing.T) {
	for name, c := range map[string]struct {
		zones  []correctness.Known
		signed time.Time
		want   bool
	}{
		"newer than all":         {[]correctness.Known{zone(1, q.Add(-50*hour))}, q.Add(-hour), true},
		"between two candidates": {[]correctness.Known{zone(1, q.Add(-40*hour)), zone(2, q.Add(-20*hour))}, q.Add(-30 * hour), true},
		"before the oldest candidate, and 48 hours old at most": {[]correctness.Known{zone(1, q.Add(-107*hour)), zone(2, q.Add(-48*hour))}, q.Add(-50 * hour), true},
		"and a microsecond more":                                {[]correctness.Known{zone(1, q.Add(-107*hour)), zone(2, q.Add(-48*hour-tick))}, q.Add(-50 * hour), false},
		"a zone that is not archived tells not":                 {[]correctness.Known{signed(shown(2, q.Add(-49*hour), q.Add(-49*hour)), q.Add(-50*hour))}, q.Add(-60 * hour), true},
		"older than the archive":                                {[]correctness.Known{zone(1, q.Add(-72*hour))}, q.Add(-80 * hour), false},
		"in a young archive":                                    {[]correctness.Known{zone(1, q.Add(-hour))}, q.Add(-24 * hour), true},
		"signed later":                                          {[]correctness.Known{zone(1, q.Add(-hour))}, e.Add(5*time.Minute + tick), false},
	} {
		if got := correctness.Lacking(c.zones, c.signed, q, label); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
