package lab

import (
	"net/netip"
	"slices"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// Letters are the thirteen RSIs.
var Letters = []measurement.RSI{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"}

// flavours of a to m, as in a rig of real servers.
var flavours = []Flavour{NSD, Knot, BIND, NSD, Knot, BIND, NSD, Knot, BIND, NSD, Knot, BIND, NSD}

func indexOf(rsi measurement.RSI) int { return slices.Index(Letters, rsi) }

// Server is a name server of a System.
type Server struct {
	RSI      measurement.RSI
	Name     string // "a.root-servers.net."
	Flavour  Flavour
	IPv4     netip.Addr // of the loopback interface; the address in IPv6 is ::1
	IPv4Only bool
	TLS      bool // answers over TLS too
}

// RootServers are those of the root zone, at 127.0.53.1 to .13.
func RootServers() []Server {
	var all []Server
	for i, rsi := range Letters {
		all = append(all, Server{RSI: rsi, Name: string(rsi) + rootServersNet, Flavour: flavours[i], IPv4: loopback(53, i)})
	}
	return all
}

// ZoneServers are those of a zone below the root, ns1 to ns4, at 127.0.54.1 to .4, as its
// operator may have them: two have IPv4 alone, and one answers over TLS.
func ZoneServers(origin string) []Server {
	var all []Server
	for i, s := range zoneServers {
		s.Name, s.IPv4 = string(s.RSI)+"."+origin, loopback(54, i)
		all = append(all, s)
	}
	return all
}

var zoneServers = []Server{{RSI: "ns1", Flavour: NSD, TLS: true}, {RSI: "ns2", Flavour: Knot}, {RSI: "ns3", Flavour: BIND, IPv4Only: true}, {RSI: "ns4", Flavour: NSD, IPv4Only: true}}

func loopback(network byte, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, network, byte(i + 1)})
}

// apexOf are the names and addresses of a zone's own name servers, as the zone has them:
// those of the root as of 2026, others in the networks for documentation.
func apexOf(origin string) ([]string, []addresses) {
	var names []string
	if origin == "." {
		for _, s := range RootServers() {
			names = append(names, s.Name)
		}
		return names, rootServers
	}
	var at []addresses
	for i, s := range ZoneServers(origin) {
		a := addresses{v4: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})}}
		if !s.IPv4Only {
			a.v6 = []netip.Addr{netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(i + 1)})}
		}
		names, at = append(names, s.Name), append(at, a)
	}
	return names, at
}

// NSID is the identity of an RSI's only instance, "lab-a-01.mtric.example".
func NSID(rsi measurement.RSI) string { return "lab-" + string(rsi) + "-01.mtric.example" }

// Version is what an RSI calls its software, "lab-nsd".
func Version(rsi measurement.RSI) string { return version(FlavourOf(rsi)) }

func version(f Flavour) string { return "lab-" + string(f) }

// FlavourOf is the software a root server imitates: a d g j m NSD, b e h k Knot,
// c f i l BIND; empty where the RSI is not known.
func FlavourOf(rsi measurement.RSI) Flavour {
	if i := indexOf(rsi); i >= 0 {
		return flavours[i]
	}
	return ""
}

// certified are the names that the lab's certificate is for, without the final dot.
func certified() []string {
	var all []string
	for _, s := range append(RootServers(), ZoneServers("example.")...) {
		all = append(all, strings.TrimSuffix(s.Name, "."))
	}
	return all
}
