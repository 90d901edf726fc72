package plan

import (
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"mtric.net/mtric/engine/measurement"
)

// regions of RSSAC047, section 3: [gjr] [lrr] [fzt] [knk] [vak].
var regions = []string{"africa", "asia_pacific", "europe", "latin_america", "north_america"}

var hostName = regexp.MustCompile(`^([a-zA-Z0-9_]([a-zA-Z0-9-]{0,62})\.)*[a-zA-Z0-9_][a-zA-Z0-9-]{0,62}\.?$`)

// host reads a host name or an address.
func (d *decoder) host(name, def string) string {
	s := d.line(name, def)
	if len(s) > 253 || (!hostName.MatchString(s) && !isAddress(s)) {
		d.errorf(name, "Write a name such as \"c00.mtric.net\", or an address.", "%q is no host name", s)
		return def
	}
	return s
}

// decodeVantagePoint reads a place to measure from. Two in one metropolitan area
// at the same time are warned of, not refused: a site may be moving [ttz].
func (l *loader) decodeVantagePoint(b *block) {
	d := l.open(b)
	v := VantagePoint{ID: measurement.VantagePoint(b.label),
		Host:     d.host("host", b.label+".mtric.net"),
		Region:   d.enum("region", "", regions...),
		Metro:    d.line("metro", ""),
		Provider: d.line("provider", ""),
		From:     d.moment("from"),
		Until:    d.moment("until"),

		Latitude:  d.degrees("latitude", 90),
		Longitude: d.degrees("longitude", 180),
	}
	if asn := d.number("asn", 0, 1, 1<<32-1); asn != 0 {
		v.ASN = &asn
	}
	d.order("from", "until", v.From, v.Until)
	if !v.ID.Machine() {
		l.errorf(b.LabelRanges[0], `The label is the number of the vantage point, three digits: "101".`, "%q is no vantage point", b.label)
	}
	for i, other := range l.plan.VantagePoints {
		if v.Metro != "" && strings.EqualFold(v.Metro, other.Metro) && overlap(v.From, v.Until, other.From, other.Until) {
			l.warnf(d.place("metro"), "RSSAC047 asks for at most one vantage point in a metropolitan area [ttz].",
				"%q has vantage point %s already", v.Metro, l.plan.VantagePoints[i].ID)
			break
		}
	}
	l.plan.VantagePoints = append(l.plan.VantagePoints, v)
}

// overlap reports whether two spans [from, until) share a moment; nil is open.
func overlap(from1, until1, from2, until2 *time.Time) bool {
	before := func(until, from *time.Time) bool { return until != nil && from != nil && !until.After(*from) }
	return !before(until1, from2) && !before(until2, from1)
}

// DefaultDropboxes is where the collector has the dropboxes that vantage points reach by SFTP.
const DefaultDropboxes = "/sftp/transfer-{vantage_point}/incoming"

// OneMachine says whether the vantage points are on the machine that ingests, which is so
// where no collector is declared and dropboxes are: what they measure is moved there.
func (p *Plan) OneMachine() bool { return p.Collector == nil && p.Paths.Dropboxes != DefaultDropboxes }

// decodeCollector reads the machine that gathers; its label is also its name in
// files and flags, hence fixed.
func (l *loader) decodeCollector(b *block) {
	d := l.open(b)
	c := Collector{Label: b.label, Host: d.host("host", b.label+".mtric.net"), SFTP: d.sftp()}
	if b.label != "c00" {
		l.errorf(b.LabelRanges[0], `Name it "c00".`, "%q is no collector", b.label)
	}
	if l.plan.Collector != nil {
		l.errorf(b.DefRange(), "A plan has one collector.", "a second collector")
	}
	l.plan.Collector = &c
}

// sftp reads how a vantage point reaches its dropbox.
func (d *decoder) sftp() SFTP {
	s := SFTP{User: "transfer-{vantage_point}", Port: 22, Key: ".ssh/id_ed25519",
		KnownHosts: ".ssh/known_hosts", Directory: "incoming"}
	o := d.object("sftp", []string{"user", "port", "key", "known_hosts", "directory"})
	for key, to := range map[string]*string{"user": &s.User, "key": &s.Key, "known_hosts": &s.KnownHosts, "directory": &s.Directory} {
		it, ok := o[key]
		if !ok {
			continue
		}
		text, ok := d.itemText(it, "text")
		if ok && (text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })) {
			d.l.errorf(it.at, "Leave it out to get the default.", "%s of sftp is empty or holds control characters", key)
		} else if ok {
			*to = text
		}
	}
	if it, ok := o["port"]; ok {
		if v, ok := d.to(it, cty.Number, "a number"); ok {
			if n, _ := v.AsBigFloat().Int64(); n < 1 || n > 65535 || !v.AsBigFloat().IsInt() {
				d.l.errorf(it.at, "Give a number from 1 to 65535.", "port is out of range")
			} else {
				s.Port = uint16(n)
			}
		}
	}
	return s
}

// decodePlan reads the plan blocks, of which each directory may have one: what
// a later one says replaces what an earlier one said, key by key.
func (l *loader) decodePlan(plans []source) {
	p := l.plan
	p.Paths = Paths{Output: "Output", Logs: "Logs", State: "State", Originals: "Originals", Quarantine: "Quarantine",
		Lake: "Lake", Reports: "Reports", Dropboxes: DefaultDropboxes}
	places := map[string]*string{"output": &p.Paths.Output, "logs": &p.Paths.Logs, "state": &p.Paths.State,
		"originals": &p.Paths.Originals, "quarantine": &p.Paths.Quarantine, "lake": &p.Paths.Lake,
		"reports": &p.Paths.Reports, "dropboxes": &p.Paths.Dropboxes}
	t := typeNamed(language, "plan")
	for _, s := range plans {
		name := what(s.Type, s.Labels[0])
		l.checkBody(s.Body, t, body{what: name, at: s.DefRange(), roots: inLocals})
		ctx := l.context(env{dir: s.dir, roots: inLocals})
		d := l.openBody(hcl.Body(s.Body), t, ctx, name, s.DefRange())
		p.Name = s.Labels[0]
		p.Description = d.text("description", p.Description)
		p.Requires = d.text("requires", p.Requires)
		p.ExportSources = d.flag("export_sources", p.ExportSources)
		o := d.object("paths", sortedKeys(places))
		for _, key := range sortedKeys(o) {
			text, ok := d.itemText(o[key], "a path")
			switch {
			case !ok:
			case text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
				l.errorf(o[key].at, "Write a path relative to the home of the metrics user, or an absolute one.", "%s of paths is empty or holds control characters", key)
			case key == "dropboxes" && !strings.Contains(text, "{vantage_point}"):
				l.errorf(o[key].at, "Each vantage point has a dropbox of its own; write {vantage_point} where its number goes.",
					"dropboxes without {vantage_point}")
			default:
				*places[key] = text
			}
		}
	}
}
