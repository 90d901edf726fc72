package ingest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// Genuine answers whose rows say another thing than they do accuse nobody: the file goes
// to Quarantine, which names the row and what contradicts.
func TestRowThatContradictsItsResponse(t *testing.T) {
	c := newCourt(t, 1)
	c.keep(c.zones[0], day.Add(-200*time.Hour))
	c.watched(c.zones[0], day.Add(-199*time.Hour), day.Add(40*time.Hour))
	c.all(c.zones[0])
	var rows []measurement.Answer
	c.alter = func(r []measurement.Answer) { rows = r }
	label := day
	c.ask("101", label)
	if r := c.ingest(); r.Files != 1 || len(r.Accused) != 0 {
		t.Fatalf("%+v", r)
	}
	c.expect(label, "correct correct correct")
	at := func(query string, rsi measurement.RSI) (n int) {
		return slices.IndexFunc(rows, func(a measurement.Answer) bool { return a.Query == query && a.RSI == rsi })
	}
	first, ofB := at("correctness", "a"), at("correctness", "b")
	ds := rows[ofB].QName
	for _, k := range []struct {
		want  string
		forge func(a, b *measurement.Answer)
	}{
		{`row 1: the question is "` + ds + ` IN DS", the response says ". IN SOA"`, func(a, b *measurement.Answer) {
			a.QName, a.QType, b.QName, b.QType = b.QName, b.QType, a.QName, a.QType
		}},
		{`row 1: the question is ". IN NS", the response says ". IN SOA"`, func(a, _ *measurement.Answer) { a.QType = "NS" }},
		{`row 3: the question is "x. IN DS", the response`, func(_, b *measurement.Answer) { b.QName = "x." }},
		{`row 1: nsid is "y", the response says null`, func(a, _ *measurement.Answer) { a.NSID = ptr("y") }},
		{`row 1: rcode is "NXDOMAIN", the response says "NOERROR"`, func(a, _ *measurement.Answer) { a.RCode = ptr("NXDOMAIN") }},
		{`row 1: aa is false, the response says true`, func(a, _ *measurement.Answer) { a.AA = ptr(false) }},
		{`row 3: tc is true, the response says false`, func(_, b *measurement.Answer) { b.TC = ptr(true) }},
		{`row 1: serial is null, the response says 2026112200`, func(a, _ *measurement.Answer) { a.Serial = nil }},
		{`row 3: serial is 2026112201, the response says null`, func(_, b *measurement.Answer) { b.Serial = ptr(int64(2026112201)) }},
		{`row 1: response of `, func(a, _ *measurement.Answer) { a.ResponseSize = ptr(int32(99)) }},
		{`row 1: answered, the response does not parse: bytes after`, func(a, _ *measurement.Answer) {
			a.Response = append(slices.Clone(a.Response), 0)
			a.ResponseSize = ptr(int32(len(a.Response)))
		}},
		{`row 1: outcome malformed and an rcode`, func(a, _ *measurement.Answer) {
			a.Outcome, a.LatencyUS, a.Serial = measurement.Malformed, nil, nil
		}},
	} {
		label = label.Add(5 * time.Minute)
		c.alter = func(rows []measurement.Answer) { k.forge(&rows[first], &rows[ofB]) }
		c.ask("101", label)
		r := c.ingest()
		if len(r.Quarantined) != 1 || !strings.HasPrefix(r.Quarantined[0].Reason, k.want) {
			t.Errorf("%+v, want %s", r.Quarantined, k.want)
		}
		if len(r.Accused) != 0 || r.Added != 0 {
			t.Errorf("%s: accused %v, %d rows", k.want, r.Accused, r.Added)
		}
	}
	// Letter case says nothing: a server may answer in its own.
	label = label.Add(5 * time.Minute)
	c.alter = func(rows []measurement.Answer) { rows[ofB].QName = strings.ToUpper(rows[ofB].QName) }
	c.ask("101", label)
	if r := c.ingest(); r.Files != 1 {
		t.Errorf("%+v", r)
	}
}

// What the prober makes of a response decides the outcome, not what a row says.
func TestOutcomeThatContradictsItsResponse(t *testing.T) {
	good := soaWire(2026112200, "x")
	altered := func(place int, b byte) []byte {
		wire := slices.Clone(good)
		wire[place] = b
		return wire
	}
	longer := append(slices.Clone(good), 0)
	full := slices.Concat(good, []byte{0, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0}) // and a private record that fills the message
	full[11]++
	room := 65535 - len(full)
	full[len(full)-2], full[len(full)-1] = byte(room>>8), byte(room)
	full = append(full, make([]byte, room)...)
	const wellFormed = "row 1: outcome malformed, the response is well formed"
	for _, k := range []struct {
		outcome measurement.Outcome
		wire    []byte
		alter   func(a *measurement.Answer)
		want    string // empty where the file is taken
	}{
		{measurement.Timeout, good, nil, "row 1: outcome timeout and a response"},
		{measurement.Refused, good, nil, "row 1: outcome refused and a response"},
		{measurement.Reset, good, nil, "row 1: outcome reset and a response"},
		{measurement.Unreachable, good, nil, "row 1: outcome unreachable and a response"},
		{measurement.Timeout, nil, func(a *measurement.Answer) { a.ResponseSize = ptr(int32(99)) }, "row 1: outcome timeout and a response"},
		{measurement.LocalError, good, func(a *measurement.Answer) { a.SentAt = nil }, "row 1: outcome local_error and a response"},
		{measurement.Malformed, good, nil, wellFormed},
		{measurement.Malformed, good, func(a *measurement.Answer) { a.Error = ptr("wrong id") }, wellFormed}, // over UDP it is a stray
		{measurement.Malformed, good, func(a *measurement.Answer) { a.QName = "com." }, "row 1: outcome malformed, the response is none to this question: wrong question"},
		{measurement.Malformed, altered(2, 0), nil, "row 1: outcome malformed, the response is none to this question: QR is 0"},
		{measurement.Malformed, []byte{1}, nil, "row 1: outcome malformed, the response is none to this question: shorter than a header"},
		{measurement.Malformed, nil, nil, ""}, // a message of length 0
		{measurement.Malformed, longer, nil, ""},
		{measurement.Malformed, good[:40], nil, ""},
		{measurement.Malformed, full, nil, ""}, // over UDP there may have been more
		{measurement.Malformed, full, overTCP, wellFormed},
		{measurement.Malformed, []byte{1}, overTCP, ""},
		{measurement.Malformed, altered(2, 0), overTCP, ""},
		{measurement.Malformed, altered(2, 0), func(a *measurement.Answer) { a.Attempts = 2 }, ""},
		{measurement.Malformed, good, func(a *measurement.Answer) { overTCP(a); a.Error = ptr("wrong id") }, ""},
		{measurement.Malformed, good, func(a *measurement.Answer) { overTCP(a); a.QName = "com." }, ""},
		{measurement.Answered, altered(2, 4), nil, "row 1: answered, the response does not parse: QR is 0"},
		{measurement.Answered, altered(28, 0x3f), nil, "row 1: answered, the response does not parse: bad record in answer"}, // a name that leaves the data
	} {
		c := newCollector(t)
		rows := answersOf("101", day)[:1]
		a := &rows[0]
		a.Transport = measurement.UDP
		if a.Outcome = k.outcome; k.outcome != measurement.Answered {
			a.LatencyUS, a.RCode, a.AA, a.TC, a.Serial, a.NSID = nil, nil, nil, nil, nil, nil
		}
		if a.Response, a.ResponseSize = k.wire, nil; k.wire != nil {
			a.ResponseSize = ptr(int32(len(k.wire)))
		}
		if k.alter != nil {
			k.alter(a)
		}
		send(c, c.box("101"), spool.Name(day, "101", column.Answers), rows, metaOf(runOf(rows, "101", day)))
		r := c.ingest()
		switch {
		case k.want == "" && r.Files != 1:
			t.Errorf("%s, %.99x: %+v", k.outcome, k.wire, r.Quarantined)
		case k.want != "" && (len(r.Quarantined) != 1 || !strings.HasPrefix(r.Quarantined[0].Reason, k.want) || r.Added != 0):
			t.Errorf("%s, %.99x: %+v, want %s", k.outcome, k.wire, r.Quarantined, k.want)
		}
	}
}

func overTCP(a *measurement.Answer) { a.Transport = measurement.TCP }
