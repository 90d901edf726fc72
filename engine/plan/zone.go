package plan

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decodeZoneSource reads a place to fetch root zones from [ooy].
func (l *loader) decodeZoneSource(b *block) {
	d := l.open(b)
	s := ZoneSource{
		Label:    b.label,
		Priority: int(d.number("priority", 100, 0, 1000000)),
		URL:      d.url("url"),
		AXFR:     d.hostPort("axfr"),
		File:     d.line("file", ""),
		Timeout:  d.duration("timeout", Duration(time.Minute), Duration(time.Second), Duration(20*time.Minute)),
		MaxSize:  d.number("max_size", 16<<20, 1<<10, 64<<20),
	}
	n := 0
	for _, name := range []string{"url", "axfr", "file"} {
		if d.has(name) {
			n++
		}
	}
	if strings.Contains(s.File, serialPlace) {
		d.errorf("file", "Only a url can be asked for one zone; files of zones are put in by mtric zone add.", "%s in a file", serialPlace)
	}
	if n != 1 {
		l.errorf(d.at, "Give exactly one of url, axfr and file.", "%s has %d places to fetch from", d.what, n)
	}
	l.plan.ZoneSources = append(l.plan.ZoneSources, s)
}

// serialPlace stands in the url of a zone source for a zone's serial.
const serialPlace = "{serial}"

// BySerial says whether the source has zones under addresses of their own: its url
// holds {serial}. It is asked for zones that are missing, and never for the newest.
func (z ZoneSource) BySerial() bool { return strings.Contains(z.URL, serialPlace) }

// HasNewest says whether the plan has a source that can be asked for the newest zone.
func (p *Plan) HasNewest() bool {
	return slices.ContainsFunc(p.ZoneSources, func(z ZoneSource) bool { return !z.BySerial() })
}

// url reads a whole https URL: what is fetched by http anybody on the way may change,
// or withhold. One with a password in it is refused, as plans are published.
func (d *decoder) url(name string) string {
	s := d.line(name, "")
	if s == "" {
		return ""
	}
	if strings.ContainsAny(strings.ReplaceAll(s, serialPlace, ""), "{}") {
		d.errorf(name, `Only the serial of a zone can stand in it: "https://c00.example.net/rootzones/{serial}.root.txt".`,
			"%q has braces that are not of %s", s, serialPlace)
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		d.errorf(name, `Write it whole, such as "https://www.internic.net/domain/root.zone".`, "%q is no https URL of a zone", s)
		return ""
	}
	return s
}

// hostPort reads "host" or "host:port" and returns host:port, 53 by default.
func (d *decoder) hostPort(name string) string {
	s := d.line(name, "")
	if s == "" {
		return ""
	}
	if strings.Contains(s, serialPlace) {
		d.errorf(name, "Only a url can be asked for one zone.", "%s in an axfr", serialPlace)
		return ""
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.Trim(s, "[]"), "53"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || (!isAddress(host) && !hostName.MatchString(host)) {
		d.errorf(name, `Write a name or an address, with a port if it is not 53: "xfr.lax.dns.icann.org", "[2001:db8::1]:5353".`,
			"%q is no host to transfer from", s)
		return ""
	}
	return net.JoinHostPort(host, port)
}

var dsData = regexp.MustCompile(`^([0-9]{1,5}) ([0-9]{1,3}) ([0-9]{1,3}) ([0-9A-F]+)$`)

// digestLength is the number of hexadecimal digits by DS digest type.
var digestLength = map[string]int{"1": 40, "2": 64, "4": 96}

// dsText writes DS record data in one way, so that equal anchors have equal hashes:
// in upper case, with one blank between its fields and none in the digest, where RFC
// 4034, 5.3 allows any and dig writes one.
func dsText(s string) string {
	fields := strings.Fields(strings.ToUpper(s))
	n := min(3, len(fields))
	return strings.TrimSpace(strings.Join(fields[:n], " ") + " " + strings.Join(fields[n:], ""))
}

// decodeAnchor reads a trust anchor of the root.
func (l *loader) decodeAnchor(b *block) {
	d := l.open(b)
	a := Anchor{Label: b.label, From: d.moment("valid_from"), Until: d.moment("valid_until")}
	d.order("valid_from", "valid_until", a.From, a.Until)
	a.DS = dsText(d.line("ds", ""))
	if d.has("ds") {
		tag, _, _ := strings.Cut(a.DS, " ")
		if summary, remedy := checkDS(a.DS); summary != "" {
			d.errorf("ds", remedy, "%s", summary)
		} else if tag != b.label {
			d.errorf("ds", "The label of an anchor is its key tag.", "key tag %s in anchor %q", tag, b.label)
		}
	}
	l.plan.Anchors = append(l.plan.Anchors, a)
}
