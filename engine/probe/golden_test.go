package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/plans"
)

// TestGoldenDraws holds what the shipped plans draw and send to what they drew and sent
// before the plan language grew (issue 16): with equal seeds all of it stays equal, byte
// for byte.
func TestGoldenDraws(t *testing.T) {
	for _, c := range []struct {
		plan    string
		queries int
		sum     string
	}{
		{"rssac047", 1950, "2134520b0f9c1fc5aaa6d17c77ab1e5715efe3bfc6ab3dd718770ac1e6476b98"},
		{"demo", 1950, "334d7c76419fa339a3ebce766c54ff8027b2be4dabdbfd58f0be0290951026a6"},
		{"survey", 1950, "2134520b0f9c1fc5aaa6d17c77ab1e5715efe3bfc6ab3dd718770ac1e6476b98"},
	} {
		fsys, ok := plans.Dir(c.plan)
		if !ok {
			t.Fatalf("no plan %s", c.plan)
		}
		p, wrong := plan.Load([]plan.Dir{{Name: c.plan, FS: fsys}}, nil)
		if p == nil {
			t.Fatal(wrong.Error())
		}
		sum, n := sha256.New(), 0
		for seed := range uint64(5) {
			for _, zone := range []*rootzone.Zone{nil, goldenZone(t)} {
				for _, label := range []time.Time{
					time.Date(2023, 11, 26, 23, 55, 0, 0, time.UTC), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 22, 40, 0, 0, time.UTC),
				} {
					r := rand.New(rand.NewPCG(seed, 7))
					for _, q := range Draw(p, label, zone, r) {
						writeGolden(t, sum, q)
						n++
					}
					fmt.Fprintln(sum, r.Uint64()) // no more chance is drawn, and no less
				}
			}
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != c.sum || n != c.queries {
			t.Errorf("plan %s: %d queries, sum %s; want %d, %s", c.plan, n, got, c.queries, c.sum)
		}
	}
}

// writeGolden writes a query as it was when the sums were made, and its wire.
func writeGolden(t *testing.T, w io.Writer, q measurement.Query) {
	t.Helper()
	r, err := newRequest(q, strings.NewReader("id"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, q.Label, q.RSI, q.Family, q.Transport, q.Address, q.Port, q.Name, q.Type, q.NSID, q.DNSSEC, q.UDPSize,
		q.RetryTCP, q.Timeout, q.Pace, q.Keep, hex.EncodeToString(r.wire), hex.EncodeToString(r.question))
}

func goldenZone(t *testing.T) *rootzone.Zone {
	t.Helper()
	var b strings.Builder
	b.WriteString(". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026112200 1800 900 604800 86400\n")
	b.WriteString(". 518400 IN NS a.root-servers.net.\n. 172800 IN DNSKEY 257 3 8 AwEAAQ==\narpa. 172800 IN NS ns.arpa.\n")
	for i := range 20 {
		fmt.Fprintf(&b, "t%02d. 172800 IN NS ns.t%02[1]d.\nt%02[1]d. 86400 IN DS 1 8 2 %064[1]x\n", i)
	}
	z, err := rootzone.Read(strings.NewReader(b.String()), "golden")
	if err != nil {
		t.Fatal(err)
	}
	return z
}
