package report

import (
	"testing"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
)

// TestAboveOf: a comparison is told the threshold of what takes too long in its own units.
func TestAboveOf(t *testing.T) {
	limits := metrics.RSSAC047()
	for _, c := range []struct {
		metric    measurement.Metric
		transport measurement.Transport
		want      int64
	}{{measurement.RSILatency, measurement.UDP, 250_000}, {measurement.RSILatency, measurement.TCP, 500_000}, {measurement.RSIPublication, "", 65 * 60}, {measurement.RSIAvailability, "", 0}} {
		if got := aboveOf(c.metric, limits[metrics.LimitKey(c.metric, c.transport)]); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.metric, c.transport, got, c.want)
		}
	}
	if got := aboveOf(measurement.RSILatency, metrics.Limit{}); got != 0 {
		t.Errorf("no threshold: %d", got)
	}
}
