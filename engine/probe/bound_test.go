package probe

import (
	"bytes"
	"strings"
	"testing"

	"mtric.net/mtric/engine/measurement"
)

// What servers answer at length never makes a run more than a collector takes, and costs
// no other server a byte.
func TestBoundContent(t *testing.T) {
	nsid := strings.Repeat("ab", 65_000)
	run := func(hostile int) []measurement.Answer {
		var rows []measurement.Answer
		for i := range 65 {
			r := measurement.Answer{RSI: measurement.RSI(rune('a' + i%13)), QName: "org.", Response: bytes.Repeat([]byte{1}, 1200), NSID: new("good"),
				FirstResponse: []byte{2}, Extra: []measurement.Extra{{Kind: measurement.ExtraLate, Wire: make([]byte, 512)}}}
			if i%13 < hostile {
				r.Response, r.FirstResponse, r.NSID = make([]byte, 65_535), make([]byte, 65_535), &nsid
			}
			rows = append(rows, r)
		}
		return rows
	}
	for hostile := range 14 {
		rows := run(hostile)
		boundContent(rows)
		total := 0
		for i, want := range run(hostile) {
			r := rows[i]
			total += r.Content()
			if i%13 >= hostile && (r.NSID == nil || len(r.Response) != 1200 || r.Extra == nil || r.FirstResponse == nil) {
				t.Errorf("%d hostile: the rows of %s went without something", hostile, r.RSI)
			}
			if r.RSI != want.RSI || r.QName != want.QName {
				t.Error("a row is another")
			}
		}
		if total > measurement.MaxContent {
			t.Errorf("%d hostile: %d bytes", hostile, total)
		}
	}
	// As long as all is within the bound, nobody loses anything, however uneven.
	rows := []measurement.Answer{{RSI: "a", Response: make([]byte, 65_535), NSID: &nsid}, {RSI: "a", Response: make([]byte, 65_535), NSID: &nsid}, {RSI: "b"}}
	if boundContent(rows); rows[0].Response == nil || rows[1].NSID == nil {
		t.Error("a run within the bound lost something")
	}
	// Where all answer at some length, no share is too large.
	rows = nil
	total := 0
	for i := range 65 {
		rows = append(rows, measurement.Answer{RSI: measurement.RSI(rune('a' + i%13)), Response: make([]byte, 14_000)})
	}
	boundContent(rows)
	for _, r := range rows {
		total += r.Content()
	}
	if total > measurement.MaxContent {
		t.Errorf("%d bytes where each server answers at some length", total)
	}
}
