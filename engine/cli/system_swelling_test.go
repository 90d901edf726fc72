//go:build system

package cli_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// swell is a message of nearly the largest size, all of it names that are pointers: small
// by a dictionary, and large when it is unpacked.
func swell(seed int) []byte {
	wire := []byte{byte(seed >> 8), byte(seed), 0x84, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0}
	question := len(wire)
	for range 3 {
		wire = append(append(wire, 63), bytes.Repeat([]byte{'a' + byte(seed%26)}, 63)...)
	}
	wire = append(wire, 0, 0, 6, 0, 1)
	for len(wire) < 60_000 { // SOA records whose three names are the question's
		wire = append(wire, 0xc0, byte(question), 0, 6, 0, 1, 0, 0, 0, 0, 0, 24, 0xc0, byte(question), 0xc0, byte(question))
		wire = append(wire, make([]byte, 20)...)
	}
	return wire
}

// testSwelling: files of good shape, whose responses are made to cost memory and
// time when they are merged and judged, are refused and cost little of both.
func (g *collecting) testSwelling(t *testing.T) {
	const files = 150
	e := g.dial(t, "103")
	day := interval.Day(g.next).AddDate(0, 0, -2)
	random := rand.NewChaCha8([32]byte{5})
	for i := range files {
		label := day.Add(time.Duration(i) * interval.Length)
		e.put(t, spool.Name(label, "103", column.Answers), g.forge(t, "103", label, func(rows []measurement.Answer) []measurement.Answer {
			for j := range rows {
				a := &rows[j]
				a.Query, a.RSI = "correctness", measurement.RSI(fmt.Sprintf("r%03d", j))
				a.Response = swell(i*len(rows) + j)
				if i%10 == 0 {
					a.Response = make([]byte, 512)
					_, _ = random.Read(a.Response) // never fails
				}
				size := int32(len(a.Response))
				a.ResponseSize = &size
			}
			return rows
		}))
	}
	r, cost := g.ingest(t, 3)
	t.Logf("%d files refused in %s, %d MiB", len(r.Quarantined), cost.elapsed, cost.peak>>20)
	for _, q := range r.Quarantined {
		if !strings.Contains(q.Reason, "bytes of responses and texts") && !strings.Contains(q.Reason, "the response does not parse") {
			t.Errorf("%s: %s", q.File, q.Reason)
		}
	}
	if len(r.Quarantined) != files || r.Files != 0 {
		t.Errorf("%d refused, want %d; %d taken", len(r.Quarantined), files, r.Files)
	}
	if cost.peak > mostMemory || cost.elapsed > time.Minute {
		t.Errorf("took %s and %d MiB", cost.elapsed, cost.peak>>20)
	}
	g.empty(t, "103")
}
