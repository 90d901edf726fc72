package judge_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// TestEvidenceZones: who is to judge an answer again needs the candidates and those about
// them, and the zone that a response is of by its signatures, or that has their keys, however
// long ago.
func TestEvidenceZones(t *testing.T) {
	signing := func(zsk string) *lab.Signing {
		return lab.Simple(lab.KSK(9, "ksk", lab.ECDSAP256SHA256), lab.ZSK(9, zsk, lab.ECDSAP256SHA256))
	}
	begin := day.AddDate(0, 0, -19)
	var later []lab.Revision
	for n := 1; n < 20; n++ { // a zone a day; the zone's key is another from the fourth on
		r := lab.Revision{Serial: 2026110300 + uint32(n)*100, Inception: begin.AddDate(0, 0, n), Expiration: day.AddDate(0, 0, 30)}
		if n == 3 {
			r.Signing = signing("second")
		}
		later = append(later, r)
	}
	zones, err := lab.History(lab.Options{Seed: 9, Serial: 2026110300, TLDs: 20, Inception: begin, Expiration: day.AddDate(0, 0, 30), Signing: signing("first")}, later...)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &collector{t: t, dir: dir, zones: zones, store: lake.Store{Dir: dir, Version: "test"}}
	if err := os.Mkdir(c.archive(), 0o755); err != nil {
		t.Fatal(err)
	}
	var table []measurement.Zone
	for n, z := range zones {
		signed, sum := begin.AddDate(0, 0, n), c.save(z)
		used := signed.Add(time.Hour)
		table = append(table, measurement.Zone{Serial: int64(z.Serial), State: measurement.ZoneArchived, SHA256: &sum, ArchivedAt: &used, FirstUsed: &used, SignedAt: &signed, Proof: new(measurement.ProofArchive)})
	}
	if err := c.store.SaveZones(table); err != nil {
		t.Fatal(err)
	}
	evidence, err := (&judge.Judge{Lake: c.store, RootZones: c.archive()}).Evidence()
	if err != nil {
		t.Fatal(err)
	}
	old := c.wire(zones[1], ".", "SOA")
	elsewhen := bytes.Clone(old) // its signatures begin when no zone was signed
	from := binary.BigEndian.AppendUint32(nil, uint32(begin.AddDate(0, 0, 1).Unix()))
	to := binary.BigEndian.AppendUint32(nil, uint32(begin.AddDate(0, 0, 1).Unix()+77))
	if elsewhen = bytes.ReplaceAll(elsewhen, from, to); bytes.Equal(elsewhen, old) {
		t.Fatal("the response has no signature of its zone")
	}
	near := []int{16, 17, 18, 19} // used in the 96 hours before, and to come
	for name, test := range map[string]struct {
		wire []byte
		want []int
	}{
		"of the newest": {c.wire(zones[19], ".", "SOA"), near},
		"no response":   {nil, near},
		"of long ago":   {old, append([]int{1}, near...)},
		"by an old key": {elsewhen, append([]int{2}, near...)},
	} {
		var want []uint32
		for _, n := range test.want {
			want = append(want, zones[n].Serial)
		}
		sent := day.Add(10 * time.Hour)
		got := evidence.Zones(&measurement.Answer{Interval: day.Add(10 * time.Hour), SentAt: &sent, Response: test.wire})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s, want %s", name, fmt.Sprint(got), fmt.Sprint(want))
		}
	}
}

// TestEvidenceFetches: the fetch by which the archive covers the last answer is there, however
// late it came, and none after it.
func TestEvidenceFetches(t *testing.T) {
	dir := t.TempDir()
	store := lake.Store{Dir: dir, Version: "test"}
	var records []rootzone.Record
	at := func(days int, serial uint32, byHand bool) {
		records = append(records, rootzone.Record{At: day.AddDate(0, 0, days), Serial: serial, Source: "a", ByHand: byHand, Unchanged: true})
	}
	at(-30, 2026110100, false)
	at(0, 2026112200, false)
	at(9, 2026112300, true)   // counts for nothing
	at(10, 2026110100, false) // a stale mirror
	at(11, 2026112300, false)
	at(12, 2026112300, false)
	if err := rootzone.WriteRecords(dir, records); err != nil {
		t.Fatal(err)
	}
	e, err := (&judge.Judge{Lake: store, RootZones: dir}).Evidence()
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, r := range e.Fetches(day, day.Add(time.Hour)) {
		got = append(got, int(r.At.Sub(day)/(24*time.Hour)))
	}
	if want := []int{0, 10, 11}; !slices.Equal(got, want) {
		t.Errorf("fetches of days %v, want %v", got, want)
	}
}
