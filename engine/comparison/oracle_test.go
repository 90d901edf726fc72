package comparison_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
)

// middle of values: of an even number the mean of the two in the middle.
func middle(all []float64) float64 {
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// literal is the numbers of a path, by loops over the rows of a world in which nothing is set apart.
func literal(answers []measurement.Answer, networkOf map[measurement.VantagePoint]int64, f comparison.Fail) (asked, good int64, availability, latency float64) {
	type hourly map[time.Time][]int64
	took, sent, well := map[measurement.VantagePoint]hourly{}, map[measurement.VantagePoint]float64{}, map[measurement.VantagePoint]float64{}
	for _, a := range answers {
		if a.RSI != f.RSI || a.Family != f.Family || a.Transport != f.Transport || a.Interval.Before(from) || a.Outcome == measurement.LocalError {
			continue
		}
		asked++
		sent[a.VantagePoint]++
		if a.Outcome == measurement.Answered && *a.LatencyUS <= 4_000_000 {
			good++
			well[a.VantagePoint]++
			if took[a.VantagePoint] == nil {
				took[a.VantagePoint] = hourly{}
			}
			h := a.Interval.Truncate(time.Hour)
			took[a.VantagePoint][h] = append(took[a.VantagePoint][h], *a.LatencyUS)
		}
	}
	shares, times := map[int64][]float64{}, map[int64][]float64{}
	for vp, n := range sent {
		shares[networkOf[vp]] = append(shares[networkOf[vp]], well[vp]/n)
		var hours []float64
		for _, all := range took[vp] {
			slices.Sort(all)
			hours = append(hours, float64(all[(len(all)-1)/2]))
		}
		slices.Sort(hours)
		times[networkOf[vp]] = append(times[networkOf[vp]], hours[(len(hours)-1)/2])
	}
	var networks []float64
	for n, all := range shares {
		availability += middle(all) / float64(len(shares))
		networks = append(networks, middle(times[n]))
	}
	return asked, good, availability, middle(networks)
}

// The numbers are those of loops over all rows.
func TestLiteral(t *testing.T) {
	t.Parallel()
	w := calm(150)
	late := int64(4_500_000)
	w.rules = append(w.rules, down(in("europe")), func(p person, a *measurement.Answer) {
		if hash("late", p.id, a.Interval, a.RSI)%50 == 0 && a.Outcome == measurement.Answered {
			a.LatencyUS = &late
		}
	})
	d := w.compare(t)
	crowd, _ := w.rows(w.crowd)
	ours, _ := w.rows(w.ours)
	networkOf := map[measurement.VantagePoint]int64{}
	for _, p := range slices.Concat(w.crowd, w.ours) {
		networkOf[p.id] = p.asn
	}
	for _, p := range d.Paths {
		f := availabilityOf(p.RSI, p.Family, p.Transport)
		for _, side := range []struct {
			name string
			got  comparison.Measured
			rows []measurement.Answer
		}{{"ours", p.Ours, ours}, {"theirs", p.Theirs, crowd}} {
			asked, good, availability, latency := literal(side.rows, networkOf, f)
			if side.got.Asked != asked || side.got.Good != good || math.Abs(float64(side.got.Availability.Value)-1e6*availability) > 2 || math.Abs(float64(side.got.Latency.Median.Value)-latency) > 0.04*latency {
				t.Errorf("%s %v: %d of %d, %d, %d µs; by loops %d of %d, %.0f, %.0f µs", side.name, f, side.got.Good, side.got.Asked, side.got.Availability.Value, side.got.Latency.Median.Value, good, asked, 1e6*availability, latency)
			}
			if l := side.got.Availability; l.Low == nil || *l.Low > l.Value || *l.High < l.Value {
				t.Errorf("%s %v: availability %+v", side.name, f, l)
			}
		}
	}
}

// Latency that rises for both is confirmed, and what rises for ours alone is not seen.
func TestSlow(t *testing.T) {
	t.Parallel()
	fail := comparison.Fail{Metric: measurement.RSILatency, RSI: "a", Family: measurement.IPv6, Transport: measurement.TCP}
	for _, c := range []struct {
		name   string
		struck func(person) bool
		want   comparison.Verdict
	}{{"everybody", everybody, comparison.Confirmed}, {"ours", machine, comparison.NotSeen}, {"nobody", func(person) bool { return false }, comparison.NoData}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := calm(300)
			w.rules = append(w.rules, func(p person, a *measurement.Answer) {
				if a.RSI == "a" && a.LatencyUS != nil && c.struck(p) && !a.Interval.Before(from.Add(5*time.Hour)) {
					a.LatencyUS = new(*a.LatencyUS*2 + 30_000)
				}
			})
			if o := w.compare(t, fail).Opinions[0]; o.Verdict != c.want {
				t.Errorf("%+v", o)
			}
		})
	}
}

// oftenPublished is a world of forty zones, one in twenty minutes, and of a crowd that asks often.
func oftenPublished() *world {
	w := calm(130)
	w.zones = nil
	for i := range 40 {
		w.zones = append(w.zones, comparison.Published{Serial: uint32(2026112000 + i), At: from.Add(time.Duration(i-10) * 20 * time.Minute)})
	}
	for i := range w.crowd {
		w.crowd[i].every, w.crowd[i].asn = 10*time.Minute, int64(64512+i)
	}
	return w
}

// Whether zones come late for the crowd too can be said of DNSMON, which asks every five minutes.
func TestLateZones(t *testing.T) {
	t.Parallel()
	fail := comparison.Fail{Metric: measurement.RSIPublication, RSI: "b"}
	for _, c := range []struct {
		name, set string
		struck    func(person) bool
		want      comparison.Verdict
	}{
		{"everybody", "dnsmon", everybody, comparison.Confirmed}, {"ours", "dnsmon", machine, comparison.NotSeen}, {"nobody", "dnsmon", func(person) bool { return false }, comparison.NoData},
		{"everybody, but too seldom", "builtin", everybody, comparison.NoData},
		{"everybody, of measurements that nobody knows", "file-0123456789ab", everybody, comparison.NoData},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := oftenPublished()
			w.rules = append(w.rules, func(p person, a *measurement.Answer) {
				if a.RSI == "b" && a.Serial != nil && c.struck(p) && !a.Interval.Before(from.Add(6*time.Hour)) {
					*a.Serial = max(w.serialAt(a.Interval.Add(-time.Hour)), w.serialAt(from.Add(6*time.Hour)))
				}
			})
			j := w.job(t)
			j.Set, j.Fails = c.set, []comparison.Fail{fail}
			if o := run(t, j).Opinions[0]; o.Verdict != c.want {
				t.Errorf("%+v", o)
			}
		})
	}
}
