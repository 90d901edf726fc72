package plan

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"mtric.net/mtric/engine/measurement"
)

var rsiName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// placed is an address and where it is written.
type placed struct {
	Address
	at    hcl.Range
	dated bool
}

// decodeServer reads one RSI. The attributes ipv4 and ipv6 are the address of
// today: valid from the end of the last dated address block of the family.
func (l *loader) decodeServer(b *block) {
	d := l.open(b)
	rsi := d.line("rsi", "")
	s := Server{Group: b.label, RSI: measurement.RSI(rsi), Port: uint16(d.number("port", 53, 1, 65535))}
	if rsi != "" && !rsiName.MatchString(rsi) {
		d.errorf("rsi", `Write the letter of the RSI, "a", in lower case, or a short name: at most 32 letters, digits and -.`, "%q is no RSI", rsi)
		rsi = ""
	}
	s.Name = d.domain("name", rootName(rsi))
	s.Sites = d.sites()
	s.TLS = d.tls(s.Name)

	all := d.dated()
	for _, family := range measurement.Families {
		a, ok := d.address(family)
		if !ok {
			continue
		}
		from, ok := l.latest(all, family, d)
		if !ok {
			continue
		}
		all = append(all, placed{Address{Family: family, Address: a, From: from}, d.place(string(family)), false})
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		if c := strings.Compare(string(a.Family), string(b.Family)); c != 0 {
			return c
		}
		return compareStart(a.From, b.From)
	})
	for i, a := range all {
		for _, earlier := range all[:i] {
			if a.Family == earlier.Family && overlap(a.From, a.Until, earlier.From, earlier.Until) {
				l.errorf(a.at, fmt.Sprintf("The other is %s at %s. Exactly one address of a family is valid at any time [yns]: give valid_until and valid_from.",
					earlier.Address.Address, position(earlier.at)), "%s of %s overlaps another %s address", a.Address.Address, rsi, a.Family)
				break
			}
		}
		s.Addresses = append(s.Addresses, a.Address)
	}
	who := d.what
	if rsi != "" {
		who = ref{kind: "server", label: b.label, rsi: rsi}.String()
	}
	if len(all) == 0 && !l.faulty[d.at] && !d.addressed() && len(d.blocks) == 0 { // what is written was refused
		l.errorf(d.at, "Give ipv4 or ipv6.", "%s has no address", who)
	}
	if rsi == "" {
		return // reported, and no key to go on with
	}
	l.addServer(s, named{b.dir, d.place("rsi"), all})
}

// rootName is what the root server of that letter is called; of others nothing is known.
func rootName(rsi string) string {
	if len(rsi) == 1 && "a" <= rsi && rsi <= "m" {
		return rsi + ".root-servers.net."
	}
	return ""
}

// sites reads the beginnings of the identities (NSID) that are expected, sorted.
func (d *decoder) sites() []string {
	var all []string
	for _, it := range d.texts("sites") {
		s := it.v.AsString()
		if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			d.l.errorf(it.at, `Write how the identities of a site begin: "fra4", at most 64 plain characters.`, "%q is no beginning of an identity", s)
			continue
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// named is where a server is written.
type named struct {
	dir       int
	at        hcl.Range // of its RSI
	addresses []placed  // by family, then From
}

// addServer takes a server into the plan. Laid over another of its group and RSI, it
// replaces that one and no other. An RSI is one server of one group: its rows, its
// addresses and what mtric query asks could not be told apart from another's.
func (l *loader) addServer(s Server, n named) {
	i := slices.IndexFunc(l.plan.Servers, func(o Server) bool { return o.RSI == s.RSI })
	if i < 0 {
		l.plan.Servers, l.servers = append(l.plan.Servers, s), append(l.servers, n)
		return
	}
	group, old := l.plan.Servers[i].Group, l.servers[i]
	switch {
	case group != s.Group:
		if old.dir > n.dir {
			n.at, old.at = old.at, n.at // what was laid over is the mistake
		}
		l.errorf(n.at, fmt.Sprintf("The other is at %s. An RSI is in one group; what else should be asked, such as a former address, gets a name of its own: rsi = %q.",
			position(old.at), s.RSI+"-old"), "RSI %q is in server.%s and in server.%s", s.RSI, group, s.Group)
	case old.dir == n.dir && old.at == n.at:
		l.errorf(n.at, "Make it of each.key, or of each.value.", "for_each makes several servers, and all have the RSI %q", s.RSI)
	case old.dir == n.dir:
		l.errorf(n.at, "The other is at "+position(old.at)+". Within one directory an RSI stands once.", "RSI %q twice in server.%s", s.RSI, s.Group)
	case old.dir < n.dir:
		l.plan.Servers[i], l.servers[i] = s, n
	}
}

// checkGaps warns where a server has no address of a family between two dated ones:
// nothing is asked of it then, and nothing held against it.
func (l *loader) checkGaps() {
	for i, s := range l.plan.Servers {
		all := l.servers[i].addresses
		for j := 1; j < len(all); j++ {
			before, a := all[j-1], all[j]
			if a.Family == before.Family && before.Until != nil && a.From != nil && before.Until.Before(*a.From) {
				l.warnf(a.at, "It is not asked over "+string(a.Family)+" in between. If it should be, let this address begin when the one at "+position(before.at)+" ends.",
					"%s has no %s address from %s until %s", s.RSI, a.Family, before.Until.Format(time.RFC3339), a.From.Format(time.RFC3339))
			}
		}
	}
}

// checkTwins warns where two servers are asked at one address and port at one time: what is
// said of the one is said of the other.
func (l *loader) checkTwins() {
	type place struct {
		address netip.Addr
		port    uint16
		tls     bool
	}
	type use struct {
		Address
		rsi measurement.RSI
		at  hcl.Range
	}
	met := map[place][]use{}
	for i, s := range l.plan.Servers {
		for _, a := range l.servers[i].addresses {
			if a.Address.Address.IsLoopback() {
				continue // servers of a lab
			}
			places := []place{{a.Address.Address, s.Port, false}}
			if s.TLS != nil {
				places = append(places, place{a.Address.Address, s.TLS.Port, true})
			}
			for _, p := range places {
				twin := slices.IndexFunc(met[p], func(o use) bool { return o.rsi != s.RSI && overlap(o.From, o.Until, a.From, a.Until) })
				if twin >= 0 {
					other := met[p][twin]
					l.warnf(a.at, "The other is at "+position(other.at)+". If they are one server, leave one out: it counts twice.",
						"%s and %s are asked at the same address and port, %s", other.rsi, s.RSI, netip.AddrPortFrom(p.address, p.port))
					break
				}
				met[p] = append(met[p], use{a.Address, s.RSI, a.at})
			}
		}
	}
}

// dated reads the address blocks.
func (d *decoder) dated() []placed {
	var all []placed
	for _, b := range d.blocks {
		e := d.l.openBody(b.Body, typeNamed(d.t.blocks, "address"), d.ctx, "address of "+d.what, b.DefRange)
		from, until := e.moment("valid_from"), e.moment("valid_until")
		e.order("valid_from", "valid_until", from, until)
		if !e.addressed() && !d.l.faulty[b.DefRange] {
			d.l.errorf(b.DefRange, "Give ipv4 or ipv6, and valid_until or valid_from.", "no address in %s", e.what)
		}
		for _, family := range measurement.Families {
			if a, ok := e.address(family); ok {
				all = append(all, placed{Address{family, a, from, until}, e.place(string(family)), true})
			}
		}
	}
	return all
}

// latest is the end of the last dated address of the family, nil without any;
// false where one has no end.
func (l *loader) latest(all []placed, family measurement.Family, d *decoder) (*time.Time, bool) {
	var last *time.Time
	for _, a := range all {
		if a.Family != family {
			continue
		}
		if a.Until == nil {
			l.errorf(a.at, fmt.Sprintf("The attribute %s is the address of today; end this one with valid_until, or remove the attribute at %s.",
				family, position(d.place(string(family)))), "an address without end beside the attribute %s", family)
			return nil, false
		}
		if last == nil || a.Until.After(*last) {
			last = a.Until
		}
	}
	return last, true
}

// compareStart orders starts of spans; an open one comes first.
func compareStart(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Compare(*b)
}

// addressed reports whether an address of any family is written.
func (d *decoder) addressed() bool {
	return slices.ContainsFunc(measurement.Families, func(f measurement.Family) bool { return d.attrs[string(f)] != nil })
}

// address reads an IP address of one family.
func (d *decoder) address(family measurement.Family) (netip.Addr, bool) {
	name := string(family)
	it, ok := d.get(name)
	if !ok {
		return netip.Addr{}, false
	}
	s, ok := d.itemText(it, "an address")
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil || measurement.FamilyOf(a) != family || a.Is4In6() || a.Zone() != "":
		d.errorf(name, "Write it as digits, without port, prefix length or zone.", "%q is no %s address", s, family.Title())
	case a.IsUnspecified() || a.IsMulticast():
		d.errorf(name, "Give the address of one server.", "%s cannot be asked", a)
	default:
		return a, true
	}
	return netip.Addr{}, false
}

// domain reads an absolute domain name of at most 253 characters.
func (d *decoder) domain(name, def string) string {
	s := d.line(name, def)
	if s == "" || checkDomain(s) {
		return s
	}
	remedy := "Write labels of letters, digits, - and _, each followed by a dot."
	if checkDomain(s + ".") {
		remedy = "Add the dot at the end: " + quote(s+".") + "."
	}
	d.errorf(name, remedy, "%q is no absolute domain name", s)
	return def
}

// checkDomain reports whether s is an absolute name of plain labels; escapes and
// octets above 127 have no use in a plan.
func checkDomain(s string) bool {
	if s == "." {
		return true
	}
	if len(s) > 254 || !strings.HasSuffix(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-' && r != '*'
		}) {
			return false
		}
	}
	return true
}
