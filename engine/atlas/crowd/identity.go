package crowd

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
)

// Where g and b have sites, by region.
var (
	sitesOfG = map[string]string{"europe": "eur", "north_america": "con", "asia_pacific": "pac", "latin_america": "con", "africa": "eur"}
	sitesOfB = map[string]string{"europe": "ams", "north_america": "lax", "asia_pacific": "sin", "latin_america": "ari", "africa": "ams"}
)

// identityOf is what the server calls itself that answers: a network is served by one site.
func identityOf(q *query) string {
	if q.moved != nil && q.moved.Identity != "" {
		return q.moved.Identity
	}
	c, n := q.probe.country, int(q.probe.asn)%3+1
	city := c.cities[int(q.probe.asn)%len(c.cities)]
	if q.moved != nil { // to the next country's
		for i := range countries {
			if countries[i].code == c.code {
				c = &countries[(i+1)%len(countries)]
			}
		}
		city = c.cities[0]
	}
	return siteName(q.rsi, c, city, n)
}

// siteName is a name of a site as each RSI gives them.
func siteName(rsi measurement.RSI, c *country, city string, n int) string {
	code := strings.ToLower(c.code)
	switch rsi {
	case "a":
		return fmt.Sprintf("nnn1-%s%d", city, n)
	case "b":
		return fmt.Sprintf("b%d-%s", n, sitesOfB[c.region])
	case "c":
		return fmt.Sprintf("%s1%c.c.root-servers.org", city, 'a'+n-1)
	case "d":
		return fmt.Sprintf("%s%s%d.droot.maxgigapop.net", city[:2], code, n)
	case "e":
		return fmt.Sprintf("p%02d.%s.eroot", n, city)
	case "f":
		if n == 1 {
			return strings.ToUpper(city) + ".cf.f.root-servers.org"
		}
		return fmt.Sprintf("%s1%c.f.root-servers.org", city, 'a'+n-1)
	case "g":
		return fmt.Sprintf("groot-%s1-%d", sitesOfG[c.region], n)
	case "h":
		return fmt.Sprintf("%03d.%s.h.root-servers.org", n, city)
	case "i":
		return fmt.Sprintf("s1.%s", city)
	case "j":
		return fmt.Sprintf("rootns-%s%d", city, n)
	case "k":
		return fmt.Sprintf("ns%d.%s-%s.k.ripe.net", n, code, city)
	case "l":
		return fmt.Sprintf("%s-%s-aa", code, city)
	case "m":
		return fmt.Sprintf("M-%s-%d", strings.ToUpper(city), n)
	}
	return fmt.Sprintf("s%d.%s.example", n, city)
}

// nsid puts an identity into a message as a server does that was asked for it.
func nsid(m *dns.Msg, text string) {
	if m.IsEdns0() == nil {
		m.SetEdns0(1232, false)
	}
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: hex.EncodeToString([]byte(text))})
}
