package ingest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"mtric.net/mtric/engine/measurement"
)

// asked checks what schema 3 tells: of another class than IN, of zones and expectations, and
// of TLS. The reserved queries have none of it, so that no metric does.
func (c checker) asked(a *measurement.Answer) error {
	overTLS := a.Transport == measurement.TLS
	answered := a.Outcome == measurement.Answered
	switch {
	case c.schema < 3 && (overTLS || a.Outcome == measurement.TLSFailed):
		return fmt.Errorf("transport %s and outcome %s in a file of schema %d", a.Transport, a.Outcome, c.schema)
	case slices.Contains(measurement.MetricQueries, a.Query) && (overTLS || a.QClass != nil || a.ZoneSerial != nil || a.Expected != nil):
		return fmt.Errorf("query %s over TLS, of another class than IN, of another zone or with an expectation", a.Query)
	case a.QClass != nil && (*a.QClass == "IN" || !rrtype.fits(*a.QClass)):
		return fmt.Errorf("class %.20q", *a.QClass)
	case a.ZoneSerial != nil && (*a.ZoneSerial < 0 || *a.ZoneSerial > 1<<32-1 || !answered):
		return fmt.Errorf("outcome %s and zone serial %d", a.Outcome, *a.ZoneSerial)
	case a.Expected != nil && !answered:
		return fmt.Errorf("outcome %s and an expectation", a.Outcome)
	}
	return c.tls(a, overTLS)
}

// tls checks what a row tells of TLS: all of a handshake that was completed, or nothing.
func (c checker) tls(a *measurement.Answer, over bool) error {
	done := a.TLSUS != nil
	timeout := c.timeout(a.Query)
	switch {
	case done != (a.TLSAuth != nil) || done != (a.TLSVersion != nil) || !done && (a.TLSSPKI != nil || a.TLSNotAfter != nil):
		return errors.New("a part of what there is to tell of a TLS handshake")
	case done && !over, !over && a.Outcome == measurement.TLSFailed:
		return fmt.Errorf("TLS over %s", a.Transport)
	case over && !done && a.Outcome == measurement.Answered:
		return errors.New("answered over TLS, without a handshake")
	case !done:
		return nil
	case a.ConnectUS == nil || *a.TLSUS < 0 || *a.TLSUS > timeout || a.LatencyUS != nil && *a.TLSUS > *a.LatencyUS-*a.ConnectUS:
		return fmt.Errorf("TLS handshake of %d µs", *a.TLSUS)
	case !slices.Contains(measurement.TLSAuths, *a.TLSAuth):
		return fmt.Errorf("TLS authentication %.40q", *a.TLSAuth)
	case !tlsVersion.fits(*a.TLSVersion):
		return fmt.Errorf("TLS version %.20q", *a.TLSVersion)
	case a.TLSSPKI != nil && !pin(*a.TLSSPKI):
		return fmt.Errorf("TLS key %.80q, want base64 of a SHA-256", *a.TLSSPKI)
	case a.TLSNotAfter != nil && (a.TLSNotAfter.Year() < 1 || a.TLSNotAfter.Year() > 9999): // RFC 5280, section 4.1.2.5
		return fmt.Errorf("TLS certificate until the year %d", a.TLSNotAfter.Year())
	}
	return nil
}

var tlsVersion = form{1, 8, letters(digits + ".")} // "1.3"

// pin says whether a text is a pin of RFC 7858, section 4.2.
func pin(s string) bool {
	sum, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && len(sum) == 32
}
