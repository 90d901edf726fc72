package atlas_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/measurement"
)

// Where most answers of a measurement are to another question than it is said to ask, it
// is described wrongly, and no server is charged with what it did not say.
func TestMeasurementsThatAskSomethingElse(t *testing.T) {
	soa, other := wire(t, ".", "SOA", nil), wire(t, "example.", "SOA", nil)
	noQuestion := wire(t, ".", "SOA", func(m *dns.Msg) { m.Question, m.Answer, m.Rcode = nil, nil, dns.RcodeNotImplemented })
	for name, c := range map[string]struct {
		right, others, probes int
		other                 string
		taken                 int
	}{
		"most are to another": {9, 10, 3, other, 0},
		"half are":            {10, 10, 3, other, 20},
		"few are":             {0, 9, 3, other, 9},
		"of few probes":       {0, 12, 2, other, 12},
		"to none":             {0, 12, 3, noQuestion, 12},
	} {
		var lines []string
		for i := range c.right + c.others {
			abuf := c.other
			if i < c.right {
				abuf = soa
			}
			at := map[string]any{"prb_id": 1 + i%c.probes, "timestamp": noon + 300*int64(i), "stored_timestamp": nil}
			lines = append(lines, line(t, with(answer(abuf, nil), at)))
		}
		// Another measurement of the same RSI is not touched; nor is a timeout an answer.
		lines = append(lines, line(t, with(answer(soa, nil), map[string]any{"msm_id": 10101, "proto": "TCP"})),
			line(t, map[string]any{"prb_id": 77, "error": map[string]any{"timeout": 5000}}))
		dir := filepath.Join(t.TempDir(), "lake")
		counts := importLines(t, dir, atlas.Importer{}, lines...)
		want, left := c.taken+2, map[string]int64(nil)
		if c.taken == 0 {
			want, left = 1, map[string]int64{atlas.Contradiction: int64(len(lines) - 1)}
		}
		if got := len(rows[measurement.Answer](t, dir)); got != want || !cmp.Equal(counts.Left, left) {
			t.Errorf("%s: %d rows, want %d; %+v", name, got, want, counts)
		}
		if told := strings.Join(counts.Contradicted, "\n"); (c.taken == 0) != strings.HasPrefix(told, "measurement 10001: 10 of 19 answers are to another question than . SOA, ") {
			t.Errorf("%s: %q", name, told)
		}
	}
}

// Of a measurement that tries again only what was answered at once does not say so: it
// would look as if nothing ever failed.
func TestMeasurementsThatTryAgain(t *testing.T) {
	described, err := atlas.Measurements(strings.NewReader(`[{"id":900001,"type":"dns","af":4,"target":"k.root-servers.net","protocol":"UDP","query_type":"SOA","query_argument":".","retry":1},
 {"id":900002,"type":"dns","af":4,"target":"a.root-servers.net","protocol":"UDP","query_type":"SOA","query_argument":".","retry":0}]`), servers)
	if err != nil {
		t.Fatal(err)
	}
	soa := answer(wire(t, ".", "SOA", nil), nil)
	dir := filepath.Join(t.TempDir(), "lake")
	counts := importLines(t, dir, atlas.Importer{Set: atlas.Set{Name: "file-1", Questions: described}},
		line(t, with(soa, map[string]any{"msm_id": 900001})), line(t, with(soa, map[string]any{"msm_id": 900002, "dst_addr": "198.41.0.4"})))
	if all := rows[measurement.Answer](t, dir); len(all) != 1 || all[0].RSI != "a" || counts.Left[atlas.Retried] != 1 {
		t.Errorf("%+v; %+v", all, counts)
	}
}
