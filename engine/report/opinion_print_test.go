package report_test

import (
	"slices"
	"testing"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

// The public read one line where the same is said of several paths of an RSI; with reasons each
// path has its own.
func TestOpinionsOfPathsAreOne(t *testing.T) {
	on := func(m measurement.Metric, rsi measurement.RSI, path measurement.Path, word comparison.Verdict) report.Opinion {
		return report.Opinion{Metric: m, RSI: rsi, Family: path.Family, Transport: path.Transport, Opinion: word}
	}
	s := report.SecondOpinion{Opinions: []report.Opinion{
		on(measurement.RSIAvailability, "k", measurement.Paths[0], comparison.Confirmed),
		on(measurement.RSIAvailability, "k", measurement.Paths[1], comparison.Confirmed),
		on(measurement.RSIAvailability, "k", measurement.Paths[2], comparison.NotSeen),
		on(measurement.RSIAvailability, "m", measurement.Paths[2], comparison.NotSeen),
		on(measurement.RSICorrectness, "m", measurement.Path{}, comparison.NoData),
		on(measurement.RSSCorrectness, "", measurement.Path{}, comparison.NoData),
	}}
	said := func() (lines []string) {
		for _, o := range s.Said() {
			lines = append(lines, o.Of+": "+o.Word)
		}
		return lines
	}
	want := []string{"Availability of k over IPv4 UDP, IPv4 TCP: confirmed", "Availability of k over IPv6 UDP: not seen", "Availability of m over IPv6 UDP: not seen",
		"Correctness of m: no data", "Correctness of the root server system: no data"}
	if got := said(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for i := range s.Opinions {
		s.Opinions[i].Seen = &report.Seen{Reason: "so"}
	}
	if got := said(); len(got) != len(s.Opinions) {
		t.Errorf("with reasons: %q", got)
	}
}
