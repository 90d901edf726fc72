package comparison_test

import (
	"time"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
)

var november = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func hour(day, h int) time.Time {
	return november.AddDate(0, 0, day-1).Add(time.Duration(h) * time.Hour)
}

func estimate(value, low, high int64) *comparison.Estimate {
	return &comparison.Estimate{Value: value, Low: &low, High: &high}
}

func latency(p10, median, p90 int64) *comparison.Latency {
	return &comparison.Latency{P10: p10, Median: *estimate(median, median-median/12, median+median/10), P90: p90}
}

// empty is a comparison without an hour that both sides covered.
func empty() *comparison.Document {
	d := blank()
	d.Paths = []comparison.Path{{RSI: "a", Family: measurement.IPv4, Transport: measurement.UDP}}
	d.Publication = []comparison.Publication{{RSI: "a"}}
	return d
}

func blank() *comparison.Document {
	return &comparison.Document{Schema: comparison.Schema, Version: "test", Revision: 1, From: november, Until: november.AddDate(0, 1, 0), Plan: "rssac047", Set: "builtin", Identities: "2026-11-01",
		Ours: comparison.Side{VantagePoints: 20}, Draws: 1000, Seed: 20261101, Notes: []string{"There is no hour in which both sides asked."}}
}

// rich is a comparison that has everything a page shows.
func rich() *comparison.Document {
	d := blank()
	d.Notes = []string{"Of 720 hours 700 were covered by both sides."}
	d.Ours = comparison.Side{VantagePoints: 20, Networks: 20, Asked: 8_985_600, Good: 8_983_000, Regions: regions(4, 4, 4, 4, 4)}
	d.Theirs = comparison.Side{VantagePoints: 9812, Networks: 1400, Asked: 24_102_331, Good: 23_800_112, Regions: regions(310, 1204, 6104, 420, 1774),
		Apart: comparison.Apart{Intercepted: comparison.ApartCount{VantagePoints: 491, Asked: 790_000, Good: 786_331},
			NoNetwork: comparison.ApartCount{VantagePoints: 1204, Asked: 310_220}, NoRoute: comparison.ApartCount{VantagePoints: 812, Asked: 290_000},
			NotWorking: comparison.ApartCount{VantagePoints: 930, Asked: 302_110, Good: 12_004},
			Signs: []comparison.Sign{{Sign: comparison.SignRecursion, RSI: "a", VantagePoints: 402, Networks: 311, Answers: 290_110},
				{Sign: comparison.SignOperator, RSI: "k", VantagePoints: 12, Networks: 4, Answers: 8_100}}}}
	for _, path := range measurement.Paths {
		for i := range 13 {
			d.Paths = append(d.Paths, pathOf(measurement.RSI(rune('a'+i)), path, int64(i)))
		}
	}
	alone := &d.Paths[40] // one network has no interval; one side may have no latency
	alone.Theirs.Availability.Low, alone.Theirs.Availability.High = nil, nil
	d.Paths[41].Theirs.Latency, d.Paths[41].Slower = nil, nil
	d.Paths[42] = comparison.Path{RSI: d.Paths[42].RSI, Family: d.Paths[42].Family, Transport: d.Paths[42].Transport}
	for i := range int64(13) {
		rsi := measurement.RSI(rune('a' + i))
		d.Publication = append(d.Publication, comparison.Publication{RSI: rsi, Serials: 58, Ours: &comparison.Lag{Networks: 20, Median: 60 * i, P90: 300 + 61*i, Cadence: 300},
			Theirs: &comparison.Lag{Networks: 1380, Median: 900 + 17*i, P90: 3600 + 600*i, Cadence: 1800}})
		d.Content = append(d.Content, comparison.Content{RSI: rsi, Correct: 1_704_113 - i, Incorrect: i % 3, Unchecked: 310 * i, Probes: int(i % 3), Networks: int(i % 3), Apart: 12 * i})
	}
	d.Publication[12].Theirs = nil
	d.Opinions, d.Outages, d.Stale = opinions(), outages(), []comparison.Stale{
		{RSI: "f", From: hour(14, 3), Until: hour(16, 9), Oldest: 2026111301, Probes: 212, Networks: 61, Of: 1388, Regions: []string{"africa", ""}, Ours: 0}}
	return d
}

func regions(n ...int) (list []comparison.Region) {
	for i, name := range []string{"africa", "asia_pacific", "europe", "latin_america", "north_america"} {
		list = append(list, comparison.Region{Region: name, VantagePoints: n[i], Networks: 1 + n[i]/7})
	}
	return list
}

func pathOf(rsi measurement.RSI, path measurement.Path, i int64) comparison.Path {
	slow := int64(1)
	if path.Transport == measurement.TCP {
		slow = 2
	}
	theirs := comparison.Measured{Counts: comparison.Counts{Asked: 463_000 + 7*i, Good: 461_900 - 311*i}, VantagePoints: 9321, Networks: 1398,
		Availability: estimate(999_120-311*i, 998_800-400*i, 999_500), Latency: latency(slow*(1_300+700*i), slow*(9_400+4_100*i), slow*(68_000+9_000*i))}
	p := comparison.Path{RSI: rsi, Family: path.Family, Transport: path.Transport, Hours: 700, Theirs: theirs,
		Ours: comparison.Measured{Counts: comparison.Counts{Asked: 172_800, Good: 172_790 - i}, VantagePoints: 20, Networks: 20,
			Availability: estimate(1_000_000-100*i, 999_800-100*i, 1_000_000), Latency: latency(slow*(900+400*i), slow*(7_000+2_900*i), slow*(90_000+3_000*i))},
		Apart: comparison.Counts{Asked: 23_100, Good: 15_400 + i}, Slower: estimate(710_000-31_000*i, 640_000-31_000*i, 770_000-31_000*i)}
	for j, name := range []string{"africa", "asia_pacific", "europe", "latin_america", "north_america"} {
		m := theirs
		m.Networks = 40 + 300*j
		p.Regions = append(p.Regions, comparison.Regional{Region: name, Measured: m})
	}
	return p
}

func strongest(struck int) comparison.Strongest {
	return comparison.Strongest{OursStruck: 18, Ours: 20, ProbesStruck: 4 * struck, Probes: 9321, NetworksStruck: struck, Networks: 1398, Expected: 12.4, P: 0.00000002, Power: 0.997}
}

func opinions() []comparison.Opinion {
	quiet := strongest(13)
	quiet.P = 4.2
	var many []comparison.Window
	for i := range 5 {
		many = append(many, comparison.Window{From: hour(3+i, 22), Until: hour(4+i, 2), Opinion: comparison.NotSeen, Failed: 2_310, Asked: 4_800, Strongest: quiet})
	}
	return []comparison.Opinion{
		{Metric: measurement.RSIPublication, RSI: "d", Verdict: comparison.NoData, Reason: "The crowd asks every 30 minutes: a publication latency cannot be told from it."},
		{Metric: measurement.RSIAvailability, RSI: "b", Family: measurement.IPv6, Transport: measurement.TCP, Verdict: comparison.NotSeen,
			Reason: "In none of 20 hours were more networks affected than usual.", Windows: many, Failed: 11_550, NotSeen: 11_550},
		{Metric: measurement.RSIAvailability, RSI: "c", Family: measurement.IPv4, Transport: measurement.UDP, Verdict: comparison.Confirmed,
			Reason: "In 2 of 2 hours more networks were affected than usual.", Failed: 8_204, Confirmed: 8_204,
			Windows: []comparison.Window{{From: hour(8, 4), Until: hour(8, 6), Opinion: comparison.Confirmed, Failed: 8_204, Asked: 9_600, Strongest: strongest(340)}}},
		{Metric: measurement.RSSCorrectness, Verdict: comparison.NoData, Reason: "Beyond the SOA the crowd's answers cannot be judged."},
	}
}

func outages() (list []comparison.Outage) {
	for i, by := range []string{comparison.SeenByOurs, comparison.SeenByTheirs, comparison.SeenByBoth} {
		o := comparison.Outage{RSI: measurement.RSI(rune('b' + i)), Family: measurement.IPv6, Transport: measurement.TCP, From: hour(3+i, 22), Until: hour(4+i, 2), SeenBy: by, Strongest: strongest(13 + 200*i)}
		o.Opinion = []comparison.Verdict{comparison.NotSeen, comparison.NoData, comparison.Confirmed}[i]
		if i > 0 {
			o.Regions = []string{"latin_america", "europe"}
		}
		list = append(list, o)
	}
	return append(list, comparison.Outage{RSI: "g", Family: measurement.IPv4, Transport: measurement.UDP, From: hour(20, 1), Until: hour(20, 2),
		SeenBy: comparison.SeenByOurs, Opinion: comparison.NoData, Strongest: comparison.Strongest{OursStruck: 7, Ours: 20}})
}
