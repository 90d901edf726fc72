package probe_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/engine/rootzone"
)

// testPlan has the queries of the production plan for 13 RSIs; m has no IPv6.
func testPlan() *plan.Plan {
	p := &plan.Plan{Schedules: []plan.Schedule{
		{Label: "interval", Every: plan.Duration(5 * time.Minute)},
		{Label: "hourly", Every: plan.Duration(time.Hour)},
	}}
	renumbered := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	for i, rsi := range "abcdefghijklm" {
		s := plan.Server{Group: "root", RSI: measurement.RSI(rsi), Port: 53, Addresses: []plan.Address{
			{Family: measurement.IPv4, Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})},
		}}
		switch rsi {
		case 'm':
		case 'b':
			s.Addresses = append(s.Addresses,
				plan.Address{Family: measurement.IPv6, Address: netip.MustParseAddr("2001:db8::b"), Until: &renumbered},
				plan.Address{Family: measurement.IPv6, Address: netip.MustParseAddr("2001:db8::bb"), From: &renumbered})
		default:
			s.Addresses = append(s.Addresses, plan.Address{Family: measurement.IPv6, Address: netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1))})
		}
		p.Servers = append(p.Servers, s)
	}
	p.Servers = append(p.Servers, plan.Server{Group: "other", RSI: "x", Port: 5353,
		Addresses: []plan.Address{{Family: measurement.IPv4, Address: netip.MustParseAddr("192.0.2.99")}}})
	p.Queries = []plan.Query{
		{
			Label: "correctness", Schedule: "interval", Servers: []string{"root"},
			Transports: measurement.MetricTransports, Families: measurement.Families, Pick: 1,
			Timeout: plan.Duration(4 * time.Second), OnTruncation: plan.RetryTCP, KeepResponse: measurement.KeepAlways,
			DNSSEC: true, UDPSize: 1220, NSID: true, Pace: plan.Duration(2 * time.Millisecond),
			Choices: []plan.Choice{
				{Label: "positive", Weight: 90, Root: []string{"SOA", "DNSKEY", "NS"}, TLD: []string{"NS", "DS"}, Except: []string{"arpa./NS"}},
				{Label: "negative", Weight: 10, QName: "www.rssac047-test.<letters:10>.", QType: "A"},
			},
		},
		{
			Label: "soa", Schedule: "interval", Servers: []string{"root"}, QName: ".", QType: "SOA",
			Transports: measurement.MetricTransports, Families: measurement.Families,
			Timeout: plan.Duration(4 * time.Second), OnTruncation: plan.KeepTruncated, KeepResponse: measurement.KeepOdd, UDPSize: 1220, NSID: true,
		},
		{
			Label: "version", Schedule: "hourly", Servers: []string{"root", "other"}, QName: "id.server.", QType: "TXT",
			Transports: []measurement.Transport{measurement.UDP}, Families: []measurement.Family{measurement.IPv4},
		},
	}
	return p
}

// testZone has 20 top-level domains, t01 to t19 and arpa; odd ones have DS.
func testZone(t testing.TB) *rootzone.Zone {
	t.Helper()
	var b strings.Builder
	b.WriteString(". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026112200 1800 900 604800 86400\n")
	b.WriteString(". 518400 IN NS a.root-servers.net.\n. 172800 IN DNSKEY 257 3 8 AwEAAQ==\n. 86400 IN TXT \"not asked\"\n")
	for i := range 20 {
		name := fmt.Sprintf("t%02d.", i)
		if i == 0 {
			name = "arpa."
		}
		fmt.Fprintf(&b, "%s 172800 IN NS ns.%s\n", name, name)
		if i%2 == 1 || i == 0 {
			fmt.Fprintf(&b, "%s 86400 IN DS 1 8 2 %064x\n", name, i)
		}
	}
	z, err := rootzone.Read(strings.NewReader(b.String()), "test")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// kinds lists the RRsets that testPlan's positive choice may ask of testZone.
func kinds() []string {
	all := []string{"./SOA", "./DNSKEY", "./NS", "arpa./DS"}
	for i := 1; i < 20; i++ {
		all = append(all, fmt.Sprintf("t%02d./NS", i))
		if i%2 == 1 {
			all = append(all, fmt.Sprintf("t%02d./DS", i))
		}
	}
	slices.Sort(all)
	return all
}

var negative = regexp.MustCompile(`^(?i:www\.rssac047-test)\.[A-Za-z]{10}\.$`)

// TestDraw holds every draw, whatever the seed, to what the plan says.
func TestDraw(t *testing.T) {
	p, zone := testPlan(), testZone(t)
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		withZone := rapid.Bool().Draw(t, "zone")
		z, asked := zone, kinds()
		if !withZone {
			z, asked = nil, []string{"./DNSKEY", "./NS", "./SOA"}
		}
		queries := probe.Draw(p, label, z, rand.New(rand.NewPCG(seed, 1)))
		perRSI := map[string]int{}
		keys := map[string]bool{}
		for _, q := range queries {
			perRSI[q.Label+" "+string(q.RSI)]++
			key := fmt.Sprint(q.Label, q.RSI, q.Family, q.Transport)
			if keys[key] {
				t.Fatalf("two queries of the key %s", key)
			}
			keys[key] = true
			lower := strings.ToLower(q.Name) + "/" + q.Type
			switch {
			case q.Label == "soa" && lower != "./SOA":
				t.Fatalf("soa asks %s", lower)
			case q.Type == "A" && !withZone:
				t.Fatalf("asks %s without a zone", q.Name)
			case q.Label == "correctness" && q.Type == "A" && !negative.MatchString(q.Name):
				t.Fatalf("negative name %s", q.Name)
			case q.Label == "correctness" && q.Type != "A" && !slices.Contains(asked, lower):
				t.Fatalf("asks %s, which is not in the zone or excepted", lower)
			case !q.Address.IsValid():
				t.Fatalf("%s is asked over %s, of which it has no address", q.RSI, q.Family)
			case measurement.FamilyOf(q.Address) != q.Family:
				t.Fatalf("address %v of family %s", q.Address, q.Family)
			}
		}
		for _, rsi := range "abcdefghijklm" {
			paths := 4
			if rsi == 'm' {
				paths = 2
			}
			if perRSI["soa "+string(rsi)] != paths || perRSI["correctness "+string(rsi)] != 1 {
				t.Fatalf("%c is asked %v", rsi, perRSI)
			}
		}
		if len(queries) != 63 {
			t.Fatalf("%d queries", len(queries))
		}
		again := probe.Draw(p, label, z, rand.New(rand.NewPCG(seed, 1)))
		if !reflect.DeepEqual(queries, again) {
			t.Fatal("the same seed gave other queries")
		}
	})
}

// TestDrawFields compares one query of each kind whole, but for what is drawn.
func TestDrawFields(t *testing.T) {
	find := func(queries []measurement.Query, label, rsi string, f func(measurement.Query) bool) measurement.Query {
		for _, q := range queries {
			if q.Label == label && string(q.RSI) == rsi && f(q) {
				return q
			}
		}
		t.Fatalf("no query %s to %s", label, rsi)
		return measurement.Query{}
	}
	r := rand.New(rand.NewPCG(1, 2))
	queries := probe.Draw(testPlan(), label, nil, r)
	got := find(queries, "correctness", "a", func(measurement.Query) bool { return true })
	want := measurement.Query{
		Label: "correctness", RSI: "a", Family: got.Family, Transport: got.Transport, Address: got.Address, Port: 53,
		Name: got.Name, Type: got.Type, NSID: true, DNSSEC: true, UDPSize: 1220, RetryTCP: true,
		Timeout: 4 * time.Second, Pace: 2 * time.Millisecond, Keep: measurement.KeepAlways,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Errorf("correctness (-want +got):\n%s", diff)
	}
	overIPv6 := func(q measurement.Query) bool { return q.Family == measurement.IPv6 }
	got = find(queries, "soa", "b", overIPv6)
	if got.RetryTCP || got.DNSSEC || got.Address != netip.MustParseAddr("2001:db8::b") {
		t.Errorf("soa to b before its renumbering: %+v", got)
	}
	later := probe.Draw(testPlan(), label.Add(20*time.Minute), nil, r)
	if got = find(later, "soa", "b", overIPv6); got.Address != netip.MustParseAddr("2001:db8::bb") {
		t.Errorf("address of b from its renumbering on: %v", got.Address)
	}
	if n := len(later) - len(queries); n != 14 {
		t.Errorf("the hourly query adds %d at the hour, want 13 RSIs of root and one other", n)
	}
}

func TestDrawNothing(t *testing.T) {
	p := testPlan()
	p.Queries = p.Queries[:1]
	p.Queries[0].Choices = []plan.Choice{{Label: "tld", Weight: 1, TLD: []string{"NS"}}}
	if got := probe.Draw(p, label, nil, rand.New(rand.NewPCG(1, 2))); len(got) != 0 {
		t.Errorf("without a zone it asks for top-level domains: %v", got)
	}
	p.Queries[0].Choices = append(p.Queries[0].Choices, plan.Choice{Label: "root", Weight: 1, Root: []string{"SOA"}})
	if got := probe.Draw(p, label, nil, rand.New(rand.NewPCG(1, 2))); len(got) != 13 {
		t.Errorf("%d queries, though a choice is left to ask", len(got))
	}
}

// TestDrawIsUniform compares frequencies with the declared chances by chi
// square; the seed is fixed and the bound five standard deviations out.
func TestDrawIsUniform(t *testing.T) {
	p, zone, r := testPlan(), testZone(t), rand.New(rand.NewPCG(3, 5))
	p.Queries = p.Queries[:1]
	const rounds = 4000
	paths, types, sets := map[string]int{}, map[string]int{}, map[string]int{}
	letters, cases, first := map[string]int{}, map[string]int{}, map[string]int{}
	pairs, n := map[string]int{}, 0
	for range rounds {
		queries := probe.Draw(p, label, zone, r)
		first[string(queries[0].RSI)]++
		drawn := map[measurement.RSI]measurement.Query{}
		for _, q := range queries {
			n++
			drawn[q.RSI] = q
			if q.RSI != "m" { // it has two of them
				paths[measurement.Path{Family: q.Family, Transport: q.Transport}.String()]++
			}
			if q.Type == "A" {
				types["negative"]++
				for _, l := range strings.Split(q.Name, ".")[2] {
					letters[strings.ToLower(string(l))]++
					cases[fmt.Sprint(l >= 'a')]++
				}
				continue
			}
			types["positive"]++
			sets[strings.ToLower(q.Name)+"/"+q.Type]++
		}
		a, b := drawn["a"], drawn["b"]
		pairs[fmt.Sprint(a.Family, a.Transport, b.Family, b.Transport)]++
	}
	uniform(t, "paths", paths, 4, nil)
	uniform(t, "choices", types, 2, map[string]float64{"positive": .9, "negative": .1})
	uniform(t, "RRsets", sets, len(kinds()), nil)
	uniform(t, "letters", letters, 26, nil)
	uniform(t, "case", cases, 2, nil)
	uniform(t, "RSI asked first", first, 13, nil)
	uniform(t, "paths of a and b together", pairs, 16, nil)
}

// uniform fails where the counts of k kinds lie too far from their shares,
// equal ones by default.
func uniform(t *testing.T, what string, counts map[string]int, k int, shares map[string]float64) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	if len(counts) != k {
		t.Errorf("%s: %d kinds were drawn, want %d: %v", what, len(counts), k, counts)
		return
	}
	chi := 0.0
	for kind, n := range counts {
		share := 1 / float64(k)
		if shares != nil {
			share = shares[kind]
		}
		expected := share * float64(total)
		chi += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	freedom := float64(k - 1)
	if chi > freedom+5*math.Sqrt(2*freedom)+5 {
		t.Errorf("%s: chi square %.1f with %.0f degrees of freedom: %v", what, chi, freedom, counts)
	}
}

// TestMixedCase: every letter of every name is sent in both cases [zon], and
// nothing but letters changes.
func TestMixedCase(t *testing.T) {
	p, r := testPlan(), rand.New(rand.NewPCG(7, 11))
	p.Queries = p.Queries[2:]
	p.Queries[0].Schedule, p.Queries[0].Servers = "interval", []string{"other"}
	p.Queries[0].QName = `A[\091@{\255z`
	seen := map[string]int{}
	for range 400 {
		for _, q := range probe.Draw(p, label, nil, r) {
			seen[q.Name]++
		}
	}
	uniform(t, "case", seen, 4, nil)
	for name := range seen {
		if !strings.EqualFold(name, p.Queries[0].QName) {
			t.Errorf("%q is another name", name)
		}
	}
}

// TestPick: two of four paths, each pair as likely as the others.
func TestPick(t *testing.T) {
	p, r := testPlan(), rand.New(rand.NewPCG(13, 17))
	p.Queries = p.Queries[:1]
	p.Queries[0].Pick = 2
	pairs := map[string]int{}
	for range 500 {
		byRSI := map[measurement.RSI][]string{}
		for _, q := range probe.Draw(p, label, nil, r) {
			byRSI[q.RSI] = append(byRSI[q.RSI], string(q.Family)+"/"+string(q.Transport))
		}
		for rsi, paths := range byRSI {
			if rsi == "m" {
				continue // it has two
			}
			slices.Sort(paths)
			pairs[strings.Join(paths, " ")]++
		}
	}
	uniform(t, "pairs of paths", pairs, 6, nil)
}

// TestNoAddress: an RSI is asked where it has an address when the interval begins, and
// nowhere else; before it has any, nothing is planned.
func TestNoAddress(t *testing.T) {
	p, r := testPlan(), rand.New(rand.NewPCG(19, 23))
	joins := label.Add(7 * time.Minute) // within the second interval from here
	p.Servers = []plan.Server{{Group: "root", RSI: "n", Port: 53, Addresses: []plan.Address{
		{Family: measurement.IPv4, Address: netip.MustParseAddr("192.0.2.14"), From: &joins},
		{Family: measurement.IPv6, Address: netip.MustParseAddr("2001:db8::14"), From: new(joins.Add(5 * time.Minute))},
	}}}
	for i, want := range []map[string]int{
		{}, {}, // the address counts from the next label on
		{"soa ipv4/udp": 1, "soa ipv4/tcp": 1, "correctness": 1},
		{"soa ipv4/udp": 1, "soa ipv4/tcp": 1, "soa ipv6/udp": 1, "soa ipv6/tcp": 1, "correctness": 1},
	} {
		over := map[string]int{}
		for range 100 {
			got := map[string]int{}
			for _, q := range probe.Draw(p, label.Add(time.Duration(i)*5*time.Minute), nil, r) {
				path := string(q.Family) + "/" + string(q.Transport)
				if q.Label == "correctness" {
					over[path]++
					path = ""
				}
				got[strings.TrimSpace(q.Label+" "+path)]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("interval %d (-want +got):\n%s", i, diff)
			}
		}
		if len(over) != 2*max(0, i-1) { // of the paths there are, each is drawn
			t.Errorf("interval %d: correctness goes over %v", i, over)
		}
	}
}

// TestDrawOfBoundQueries: a vantage point draws what it asks, single servers of a group,
// one of several names each as likely as the others.
func TestDrawOfBoundQueries(t *testing.T) {
	p := testPlan()
	p.VantagePoints = []plan.VantagePoint{{ID: "101", Region: "africa"}, {ID: "301", Region: "europe"}}
	p.Schedules = append(p.Schedules, plan.Schedule{Label: "late", Every: plan.Duration(time.Hour), Offset: plan.Duration(40 * time.Minute)})
	p.Queries = append(p.Queries, plan.Query{Label: "extra", Schedule: "late", Servers: []string{"root/a", "other/x"}, Regions: []string{"europe"},
		Transports: measurement.Transports, Families: measurement.Families,
		Choices: []plan.Choice{{Label: "any", Weight: 1, QNames: []string{"one.", "two.", "<letters:3>."}, QType: "SOA"}}})
	r := rand.New(rand.NewPCG(1, 2))
	names := map[string]int{}
	for range 2000 {
		for _, vp := range []measurement.VantagePoint{"101", "301", "999"} {
			asked := map[string]int{}
			for _, q := range probe.Draw(p.For(vp), label, nil, r) {
				if q.Label == "extra" {
					asked[string(q.RSI)]++
					if n := strings.ToLower(q.Name); strings.HasSuffix(n, "e.") || strings.HasPrefix(n, "tw") {
						names[n]++
					}
				}
			}
			if want := map[bool]map[string]int{true: {"a": 4, "x": 2}, false: {}}[vp == "301"]; !maps.Equal(asked, want) {
				t.Fatalf("%s asks %v, want %v", vp, asked, want)
			}
		}
	}
	for _, n := range []string{"one.", "two."} {
		if names[n] < 3800 || names[n] > 4300 {
			t.Errorf("%s is drawn %d times of 12000", n, names[n])
		}
	}
}
