package rootzone

import (
	"slices"
	"strings"
)

// Sources says how many different sources gave exactly these records of a zone, by
// the sha256 of its file: what is not signed, and under no digest that was verified,
// is believed against an answer only when two did. Sources differ by their labels,
// and files added by hand by their names. Who only told that it has the zone has not
// given it. A zone of long ago needs OldRecords as well.
func Sources(records []Record, serial uint32, sha256 string) int {
	witnesses := map[string]bool{}
	for _, r := range records {
		if r.gave(serial, sha256) {
			witnesses[r.witness()] = true
		}
	}
	return len(witnesses)
}

// gave says whether the source sent these records in full.
func (r Record) gave(serial uint32, sha256 string) bool {
	return !r.Unchanged && sha256 != "" && r.Serial == serial && r.SHA256 == sha256
}

// byHand begins the source of a file that was added by hand.
const byHand = "file "

// witness names who gave a zone.
func (r Record) witness() string {
	if r.ByHand && strings.HasPrefix(r.Source, byHand) {
		return r.Source
	}
	label, _, _ := strings.Cut(r.Source, " ")
	return label
}

// confirmed says whether the records of a proved zone need no further witness: its
// digest covers all of it, or two sources gave the same.
func confirmed(z *Zone, records []Record, sha256 string) bool {
	return z.Digested() || Sources(records, z.Serial, sha256) > 1
}

// gaveBefore says whether this very source has given these records before.
func gaveBefore(s Source, records []Record, serial uint32, sha256 string) bool {
	return slices.ContainsFunc(records, func(r Record) bool {
		return r.gave(serial, sha256) && r.Source == s.String()
	})
}
