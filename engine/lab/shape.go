package lab

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// model is what a zone delegates, before it is signed.
type model struct {
	tlds  map[string]delegation
	hosts map[string]addresses // of all name servers of delegations
	apex  []string             // the zone's own name servers
	roots []addresses          // of these
}

type delegation struct {
	ns []string
	ds []dns.DS
}

type addresses struct{ v4, v6 []netip.Addr }

// platform is a set of name server names below a TLD, as one registry operator
// gives them to every TLD it runs.
type platform struct {
	prefixes string
	times    int
}

// In-domain name servers of the real zone: names, and TLDs that have them.
var platforms = []platform{
	{"v0n0.nic v0n1.nic v0n2.nic v0n3.nic v2n0.nic v2n1.nic", 330},
	{"a.nic b.nic c.nic x.nic y.nic z.nic", 100},
	{"a.nic b.nic c.nic ns1.dns.nic ns2.dns.nic ns3.dns.nic", 91},
	{"a0.nic a2.nic b0.nic c0.nic", 167},
	{"a.nic b.nic c.nic d.nic", 117},
	{"dns1.nic dns2.nic dns3.nic dns4.nic dnsa.nic dnsb.nic dnsc.nic dnsd.nic", 82},
	{"ns1.nic ns2.nic ns3.nic", 22},
	{"a.dns b.dns c.dns d.dns e.dns", 18},
	{"ns1.nic ns2.nic", 5},
	{"a.ns b.ns c.ns d.ns e.ns f.ns g.ns", 7},
}

// How a TLD is served: by hosts below itself, by hosts of an operator shared
// with other TLDs, or by both.
var styles = []weight{{styleInDomain, 949}, {styleShared, 371}, {styleMixed, 118}}

const (
	styleInDomain = iota
	styleShared
	styleMixed
)

var (
	sharedCounts = []weight{{4, 186}, {5, 69}, {3, 35}, {8, 34}, {6, 32}, {2, 9}, {7, 4}, {9, 2}}
	dsCounts     = []weight{{0, 88}, {1, 1225}, {2, 120}, {3, 5}}
	// Algorithm and digest type of DS records: 100 times the first plus the second.
	dsKinds = []weight{{802, 1183}, {1302, 236}, {1002, 29}, {801, 11}, {702, 6}, {1304, 5}, {804, 4}, {1502, 3}, {1401, 1}}
)

// One host in twenty has an IPv4 address only.
const onlyIPv4 = 20

// newModel draws the delegations of count TLDs.
func newModel(r *rand.Rand, count int) *model {
	m := &model{tlds: make(map[string]delegation, count), hosts: map[string]addresses{}}
	m.apex, m.roots = apexOf(".")
	names := tldNames(r, count)
	ops := operators(r, names)
	for _, tld := range names {
		m.tlds[tld] = delegation{ns: nameServers(r, tld, ops), ds: dsRecords(r, pick(r, dsCounts))}
	}
	m.dress(r)
	return m
}

// operators draws the host sets that TLDs share, the most used ones first: a
// set is spread over one to three TLDs of the zone.
func operators(r *rand.Rand, tlds []string) [][]string {
	var all [][]string
	for range max(3, len(tlds)/24) {
		name, count := word(r, 5+r.IntN(6)), pick(r, sharedCounts)
		homes := []string{"com.", "net.", "org.", "info.", tlds[r.IntN(len(tlds))]}
		homes = slices.DeleteFunc(homes, func(h string) bool { return h == "arpa." })
		r.Shuffle(len(homes), func(i, j int) { homes[i], homes[j] = homes[j], homes[i] })
		spread := 1 + r.IntN(3)
		var hosts []string
		for i := range count {
			hosts = append(hosts, fmt.Sprintf("ns%d.%s.%s", i+1, name, homes[i%spread]))
		}
		all = append(all, hosts)
	}
	return all
}

// nameServers draws the hosts of one TLD, in canonical order. Three are as in
// the real zone, because tests ask for them.
func nameServers(r *rand.Rand, tld string, operators [][]string) []string {
	switch tld {
	case "arpa.":
		return lettered("abcdefghiklm", ".ns.arpa.")
	case "com.", "net.", "edu.":
		return lettered("abcdefghijklm", ".gtld-servers.net.")
	case "us.":
		return lettered("bfkmnwxy", ".cctld.us.")
	}
	var hosts []string
	style := pick(r, styles)
	if style != styleShared {
		hosts = below(pickPlatform(r), tld)
	}
	if style != styleInDomain {
		// A small square of a random number: few operators serve many TLDs.
		x := r.Float64()
		shared := operators[int(x*x*float64(len(operators)))]
		if style == styleMixed {
			hosts = hosts[:1+r.IntN(min(3, len(hosts)))]
			shared = shared[:1+r.IntN(len(shared))]
		}
		hosts = append(hosts, shared...)
	}
	slices.SortFunc(hosts, compareNames)
	return slices.Compact(hosts)
}

func pickPlatform(r *rand.Rand) platform {
	var w []weight
	for i, p := range platforms {
		w = append(w, weight{i, p.times})
	}
	return platforms[pick(r, w)]
}

func below(p platform, tld string) []string {
	var hosts []string
	for _, prefix := range strings.Fields(p.prefixes) {
		hosts = append(hosts, prefix+"."+tld)
	}
	return hosts
}

func lettered(first, suffix string) []string {
	var hosts []string
	for _, l := range first {
		hosts = append(hosts, string(l)+suffix)
	}
	return hosts
}

// dsRecords draws DS records without owner.
func dsRecords(r *rand.Rand, count int) []dns.DS {
	var all []dns.DS
	for range count {
		kind := pick(r, dsKinds)
		digest := make([]byte, map[int]int{1: 20, 2: 32, 4: 48}[kind%100])
		for i := range digest {
			digest[i] = byte(r.Uint32())
		}
		all = append(all, dns.DS{KeyTag: uint16(r.Uint32()), Algorithm: uint8(kind / 100), DigestType: uint8(kind % 100),
			Digest: hex.EncodeToString(digest)})
	}
	return all
}

// dress gives every name server that lacks them its addresses and drops hosts
// that serve nobody any more.
func (m *model) dress(r *rand.Rand) {
	used, fresh := map[string]bool{}, map[string]bool{}
	for _, tld := range slices.SortedFunc(maps.Keys(m.tlds), compareNames) {
		for _, host := range m.tlds[tld].ns {
			used[host] = true
			if _, ok := m.hosts[host]; !ok {
				m.hosts[host], fresh[host] = randomAddresses(r), true
			}
		}
	}
	maps.DeleteFunc(m.hosts, func(host string, _ addresses) bool { return !used[host] })
	for i, letter := range "abcdefghijklm" {
		if host := string(letter) + ".ns.arpa."; fresh[host] {
			m.hosts[host] = m.roots[i]
		}
	}
}

// randomAddresses stay in the networks for documentation and benchmarks, where
// nobody is reached by mistake.
func randomAddresses(r *rand.Rand) addresses {
	a := addresses{v4: []netip.Addr{netip.AddrFrom4([4]byte{198, byte(18 + r.IntN(2)), byte(r.Uint32()), byte(1 + r.IntN(254))})}}
	if r.IntN(onlyIPv4) > 0 {
		v6 := [16]byte{0x20, 0x01, 0x0d, 0xb8, byte(r.Uint32()), byte(r.Uint32()), 15: byte(1 + r.IntN(254))}
		a.v6 = []netip.Addr{netip.AddrFrom16(v6)}
	}
	return a
}

const rootServersNet = ".root-servers.net."

// rootServers are the addresses of a to m.root-servers.net as of 2026.
var rootServers = parseServers(`198.41.0.4 2001:503:ba3e::2:30  170.247.170.2 2801:1b8:10::b  192.33.4.12 2001:500:2::c
199.7.91.13 2001:500:2d::d  192.203.230.10 2001:500:a8::e  192.5.5.241 2001:500:2f::f  192.112.36.4 2001:500:12::d0d
198.97.190.53 2001:500:1::53  192.36.148.17 2001:7fe::53  192.58.128.30 2001:503:c27::2:30  193.0.14.129 2001:7fd::1
199.7.83.42 2001:500:9f::42  202.12.27.33 2001:dc3::35`)

func parseServers(text string) []addresses {
	var all []addresses
	fields := strings.Fields(text)
	for i := 0; i+1 < len(fields); i += 2 {
		all = append(all, addresses{[]netip.Addr{netip.MustParseAddr(fields[i])}, []netip.Addr{netip.MustParseAddr(fields[i+1])}})
	}
	return all
}

// records are the A and AAAA records of a host.
func (a addresses) records(owner string, ttl uint32) []dns.RR {
	var rrs []dns.RR
	for _, ip := range a.v4 {
		rrs = append(rrs, &dns.A{Hdr: header(owner, dns.TypeA, ttl), A: ip.AsSlice()})
	}
	for _, ip := range a.v6 {
		rrs = append(rrs, &dns.AAAA{Hdr: header(owner, dns.TypeAAAA, ttl), AAAA: ip.AsSlice()})
	}
	return rrs
}
