package measurement_test

import (
	"net/netip"
	"slices"
	"testing"

	"mtric.net/mtric/engine/measurement"
)

func TestPathsReadBack(t *testing.T) {
	for _, f := range measurement.Families {
		for _, tr := range measurement.MetricTransports {
			p := measurement.Path{Family: f, Transport: tr}
			if back, err := measurement.ParsePath(p.String()); err != nil || back != p {
				t.Errorf("%s: read back as %s, %v", p, back, err)
			}
		}
	}
	for _, s := range []string{"", "ipv4", "udp/ipv4", "ipv4/udp/", "IPv4/udp", "ipv5/tcp"} {
		if p, err := measurement.ParsePath(s); err == nil {
			t.Errorf("%q: read as %s", s, p)
		}
	}
}

func TestVantagePointNames(t *testing.T) {
	for s, want := range map[string]struct{ valid, machine bool }{
		"101": {true, true}, "000": {true, true}, "c00": {}, "1010": {}, "10": {}, "": {}, "１０１": {}, "10a": {},
		"atlas-1": {true, false}, "atlas-1000042": {true, false}, "atlas-4294967295": {true, false},
		"atlas-0": {}, "atlas-": {}, "atlas-007": {}, "atlas-12345678901": {}, "Atlas-1": {}, "atlas-1 ": {}, "atlas--1": {},
	} {
		v := measurement.VantagePoint(s)
		if v.Valid() != want.valid || v.Machine() != want.machine {
			t.Errorf("%q: valid %v, machine %v", s, v.Valid(), v.Machine())
		}
	}
	if v := measurement.AtlasProbe(6042); v != "atlas-6042" || !v.Valid() {
		t.Errorf("a probe is %s", v)
	}
}

func TestFamilyOf(t *testing.T) {
	for s, want := range map[string]measurement.Family{
		"198.41.0.4": measurement.IPv4, "2001:503:ba3e::2:30": measurement.IPv6, "::ffff:198.41.0.4": measurement.IPv4,
	} {
		if got := measurement.FamilyOf(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %s", s, got)
		}
	}
}

// The vocabulary of design.md is closed: other programs match on these words.
func TestOutcomes(t *testing.T) {
	want := []measurement.Outcome{"answered", "timeout", "refused", "unreachable", "reset", "malformed", "tls_failed", "local_error"}
	if !slices.Equal(measurement.Outcomes, want) {
		t.Errorf("outcomes %v", measurement.Outcomes)
	}
}
