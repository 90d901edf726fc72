package atlas

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// meaning is what an error of a probe is to us; the texts are those of our own prober.
type meaning struct {
	outcome measurement.Outcome
	text    string
}

var (
	neverSent   = meaning{measurement.LocalError, "the probe did not send it"}
	unreachable = meaning{measurement.Unreachable, "network unreachable"}
	closedEarly = meaning{measurement.Reset, "closed before a whole message"}
)

// errorKeys are the keys of "error" that are known. An empty meaning is decided by the
// text: that of the system's own error.
var errorKeys = map[string]meaning{
	"timeout":           {measurement.Timeout, "no answer in time"},
	"TUCONNECT":         {},
	"socket":            {},
	"senderror":         {},
	"TU_READ_ERR":       closedEarly,
	"TCPREAD":           closedEarly,
	"TCPREADSIZE":       closedEarly,
	"idmismatch":        {measurement.Malformed, "wrong id"},
	"getsockname":       neverSent,
	"err":               neverSent,
	"reason":            neverSent,
	"TUDNS":             neverSent,
	"getaddrinfo":       neverSent,
	"TU_OUT_OF_ADDRESS": neverSent,
	"TU_BAD_ADDR":       neverSent,
	"query busy":        neverSent,
	"querybusy":         neverSent,
	"evdns_getaddrinfo": neverSent,
	"TUSOCKET":          neverSent,
	"nameserver":        neverSent,
}

// systemErrors are the texts of system errors, and what they mean: the same as to our own
// prober (package probe, meanings).
var systemErrors = []struct {
	part string
	meaning
}{
	{"connection refused", meaning{measurement.Refused, "connection refused"}},
	{"connection reset", meaning{measurement.Reset, "connection reset"}},
	{"broken pipe", meaning{measurement.Reset, "connection reset"}},
	{"timed out", meaning{measurement.Timeout, "no answer in time"}},
	{"network is unreachable", unreachable},
	{"network unreachable", unreachable},
	{"no route to host", meaning{measurement.Unreachable, "host unreachable"}},
	{"host is unreachable", meaning{measurement.Unreachable, "host unreachable"}},
	{"host is down", meaning{measurement.Unreachable, "host unreachable"}},
	{"cannot assign requested address", meaning{measurement.Unreachable, "no local address of that family"}},
	{"address family not supported", meaning{measurement.Unreachable, "no local address of that family"}},
	{"address not available", meaning{measurement.Unreachable, "no local address of that family"}},
	{"connection abort", meaning{measurement.Reset, "connection reset"}},
	{"network is down", meaning{measurement.Unreachable, "network down"}},
	{"not on the network", meaning{measurement.Unreachable, "host unreachable"}},
	{"protocol not available", meaning{measurement.Unreachable, "protocol unreachable"}},
	{"permission denied", meaning{measurement.Unreachable, "prohibited"}},
	{"operation not permitted", meaning{measurement.LocalError, "not permitted here"}},
	{"too many open files", meaning{measurement.LocalError, "no file descriptor"}},
	{"no buffer space available", meaning{measurement.LocalError, "no buffer"}},
	{"cannot allocate memory", meaning{measurement.LocalError, "no memory"}},
	{"resource temporarily unavailable", meaning{measurement.LocalError, "no local port"}},
}

// outcomeOf maps the error of a result. Of several keys the first in order that is known
// counts, but one of a query that was sent before one that says it never was: a probe goes
// on after some errors of calls, and may then wait in vain. unknown is the key that nobody knows, or that with a text that nobody knows: the row
// is local_error then, for it must be charged to no server.
func outcomeOf(fields map[string]json.RawMessage) (outcome measurement.Outcome, text, unknown string) {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(bit(errorKeys[a] == neverSent), bit(errorKeys[b] == neverSent)), cmp.Compare(a, b))
	})
	for _, key := range keys {
		m, known := errorKeys[key]
		if !known {
			continue
		}
		if m.outcome != "" {
			return m.outcome, m.text, ""
		}
		if m = systemError(key, string(fields[key])); m.outcome != "" {
			return m.outcome, m.text, ""
		}
		return measurement.LocalError, "an error of the probe's that is not known", key + ": another text"
	}
	return measurement.LocalError, "an error of the probe's that is not known", printable(keys[0])
}

// systemError reads the text of a failed call. A socket that could not be made or bound
// sent nothing, whatever the cause.
func systemError(key, text string) meaning {
	text = strings.ToLower(text)
	if key == "socket" && !strings.Contains(text, "connect failed") {
		return neverSent
	}
	for _, e := range systemErrors {
		if strings.Contains(text, e.part) {
			return e.meaning
		}
	}
	if key == "senderror" { // of this machine: no buffers, or a firewall of its own
		return neverSent
	}
	return meaning{}
}

// printable is a key as it may be shown to people.
func printable(key string) string {
	key = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, key)
	return key[:min(len(key), 40)]
}
