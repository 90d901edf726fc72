package cli

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// demoZone is the zone below the root that the demo has servers of.
const demoZone = "example."

// choose takes the plan of --plan; without one, the demo's own.
func (w *demoWorld) choose() error {
	f := w.app.flags
	if len(f.plans) == 0 || slices.Equal(f.plans, []string{"demo"}) && !isPlanDir("demo") {
		return nil
	}
	var err error
	if w.plan, err = w.app.loadPlan(); err != nil {
		return err
	}
	if w.vars = f.vars; len(w.asked()) == 0 {
		return usagef("demo: plan %s asks no servers; name a plan with queries", w.plan.Name)
	}
	for _, dir := range f.plans {
		if isPlanDir(dir) {
			if dir, err = filepath.Abs(dir); err != nil {
				return err
			}
		}
		w.given = append(w.given, dir)
	}
	return w.serves()
}

// judges says whether the demo is that of RSSAC047, with root zones, verdicts and its report.
func (w *demoWorld) judges() bool { return w.given == nil || len(w.plan.Reports) > 0 }

// asked are the servers that queries ask.
func (w *demoWorld) asked() (all []plan.Server) {
	for _, s := range w.plan.Servers {
		if slices.ContainsFunc(w.plan.Queries, func(q plan.Query) bool {
			return slices.Contains(q.Servers, s.Group) || slices.Contains(q.Servers, s.Group+"/"+string(s.RSI))
		}) {
			all = append(all, s)
		}
	}
	return all
}

func (w *demoWorld) asks(rsi measurement.RSI) bool {
	return slices.ContainsFunc(w.asked(), func(s plan.Server) bool { return s.RSI == rsi })
}

// among says whether the plan asks one of these servers.
func (w *demoWorld) among(group []lab.Server) bool {
	return slices.ContainsFunc(w.asked(), func(s plan.Server) bool { _, found := demoServer(group, s); return found })
}

// demoServer is the lab's server of the same name.
func demoServer(group []lab.Server, s plan.Server) (lab.Server, bool) {
	i := slices.IndexFunc(group, func(g lab.Server) bool { return g.Name == strings.ToLower(s.Name) })
	if i < 0 {
		return lab.Server{}, false
	}
	return group[i], true
}

// serves refuses a plan that asks servers which the demo has not.
func (w *demoWorld) serves() error {
	var unknown []string
	for _, s := range w.asked() {
		g, found := demoServer(append(lab.RootServers(), lab.ZoneServers(demoZone)...), s)
		switch {
		case !found:
			unknown = append(unknown, strings.TrimSuffix(fmt.Sprintf("%s/%s (%s)", s.Group, s.RSI, s.Name), " ()"))
		case g.IPv4Only && s.Has(measurement.IPv6):
			return usagef("demo: server %s/%s has an IPv6 address in plan %s, and the demo's %s has none: leave it out", s.Group, s.RSI, w.plan.Name, s.Name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return usagef("demo: it has no server %s of plan %s. It has a.root-servers.net. to m.root-servers.net., and ns1.%[3]s to ns4.%[3]s with the zone %[3]s: "+
		"give servers such names in a copy of the plan. Real servers are asked by mtric measure", strings.Join(unknown, ", "), w.plan.Name, demoZone)
}

// demoPlaces are the vantage points where the plan has none.
var demoPlaces = []plan.VantagePoint{{ID: "101", Region: "africa", Metro: "Nairobi"}, {ID: "301", Region: "europe", Metro: "Frankfurt"},
	{ID: "501", Region: "north_america", Metro: "Dallas"}}

// places says how many vantage points there are.
func (w *demoWorld) places() string {
	n := len(demoPlaces)
	if w.plan != nil && len(w.plan.VantagePoints) > 0 {
		n = len(w.plan.VantagePoints)
	}
	return diag.Plural(n, "vantage point")
}

// site is the folder with what is laid over a plan that was given.
func (w *demoWorld) site() string { return filepath.Join(w.dir, "site") }

// demoPaths are all below the demo's folder: nothing goes where the plan has its own.
const demoPaths = `    output     = "Output"
    logs       = "Logs"
    state      = "State"
    originals  = "Originals"
    quarantine = "Quarantine"
    lake       = "Lake"
    reports    = "Reports"
    dropboxes  = "sftp/transfer-{vantage_point}/incoming"
`

// writeSite writes it: the plan's servers, machines and times as the demo has them.
func (w *demoWorld) writeSite(sftpPort string) error {
	text := &strings.Builder{}
	put := func(format string, args ...any) { fmt.Fprintf(text, format+"\n", args...) }
	put("# What mtric demo laid over the plan: its own servers, machines and times.\n")
	put("plan %s {\n  paths = {\n%s  }\n}\n", quoted(w.plan.Name), demoPaths)
	put("collector \"c00\" {\n  host = \"127.0.0.1\"\n  sftp = { port = %s }\n}\n", sftpPort)
	if err := w.putServers(put); err != nil {
		return err
	}
	first, last := w.times()[0], w.times()[len(w.times())-1]
	vps := w.plan.VantagePoints
	if len(vps) == 0 {
		vps = demoPlaces
	}
	for _, vp := range vps {
		put("vantage_point %q {\n  region = %q\n  metro  = %s\n  from   = %q\n  until  = %q\n}\n", vp.ID, vp.Region, quoted(vp.Metro), first.Format(time.RFC3339), last.Format(time.RFC3339))
	}
	if len(w.plan.Traceroutes) > 0 {
		w.putNoTraces(put)
	}
	if w.judges() {
		w.putZones(put)
	}
	if err := os.MkdirAll(w.site(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.site(), "site.hcl"), []byte(text.String()), 0o644)
}

// putServers gives each server that is asked the address of the lab's. The lab's certificate
// is by no authority that machines trust: where the plan verifies, it is pinned.
func (w *demoWorld) putServers(put func(string, ...any)) error {
	certificate, err := lab.Certificate()
	if err != nil {
		return err
	}
	pin := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	for _, s := range w.asked() {
		of := w.systemOf(s)
		g, _ := demoServer(of.Servers(), s)
		put("server %s {\n  rsi  = %s\n  name = %s\n  port = %d", quoted(s.Group), quoted(string(s.RSI)), quoted(s.Name), of.Addr(g.RSI, measurement.IPv4).Port())
		for _, f := range measurement.Families {
			if at := of.Addr(g.RSI, f); s.Has(f) && at.IsValid() {
				put("  %s = %q", f, at.Addr())
			}
		}
		if len(s.Sites) > 0 {
			put("  sites = [%s]", quotedList(s.Sites))
		}
		if s.TLS != nil {
			verify := fmt.Sprintf("verify = \"pin\", pins = [%q]", base64.StdEncoding.EncodeToString(pin[:]))
			if s.TLS.Verify == measurement.VerifyOpportunistic {
				verify = fmt.Sprintf("verify = %q", s.TLS.Verify)
			}
			put("  tls = { port = %d, %s }", of.Addr(g.RSI, measurement.IPv4).Port()+lab.TLSPorts, verify)
		}
		put("}\n")
	}
	return nil
}

// systemOf is the system that has the server's namesake.
func (w *demoWorld) systemOf(s plan.Server) *lab.System {
	if _, root := demoServer(lab.RootServers(), s); root {
		return w.system
	}
	return w.other.system
}

// putNoTraces lets traces be due when nothing is measured: there are no routes here.
func (w *demoWorld) putNoTraces(put func(string, ...any)) {
	never := w.times()[0].Add(12 * time.Hour)
	for slices.ContainsFunc(w.other.labels, func(t time.Time) bool { return t.Hour() == never.Hour() && t.Minute() == never.Minute() }) {
		never = never.Add(interval.Length)
	}
	put("schedule \"not-in-the-demo\" {\n  every  = \"1d\"\n  offset = \"%dh%dm\"\n}\n", never.Hour(), never.Minute())
	for _, t := range w.plan.Traceroutes {
		var servers []string
		for _, s := range t.Servers {
			group, rsi, one := strings.Cut(s, "/")
			ref := "server." + group
			if one {
				ref += "[" + quoted(rsi) + "]"
			}
			servers = append(servers, ref)
		}
		put("traceroute %s {\n  schedule = schedule.not-in-the-demo\n  servers  = [%s]\n  limit    = \"5s\"\n}\n", quoted(t.Label), strings.Join(servers, ", "))
	}
}

// putZones has root zones come from the demo's a, and leaves out the hours that it skips.
func (w *demoWorld) putZones(put func(string, ...any)) {
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 53, 1}), uint16(w.system.PortBase()+1))
	labels := []string{"a-root"}
	for i, z := range w.plan.ZoneSources {
		if labels = append(labels, z.Label); i == 0 {
			labels = labels[1:]
		}
	}
	for i, label := range labels {
		put("zone_source %s {\n  priority = %d\n  axfr     = %q\n  timeout  = \"10s\"\n}\n", quoted(label), 10+i, from)
	}
	tag, _, _ := strings.Cut(w.anchor(), " ")
	put("anchor %q {\n  ds         = %q\n  valid_from = \"2020-01-01\"\n}\n", tag, w.anchor())
	t := w.times()
	for i := 1; i+1 < len(t)-1; i += 2 {
		put("exclusion \"skipped-%d\" {\n  by     = \"mtric demo\"\n  reason = \"The demo lets an hour go by without measuring it.\"\n  added  = %[2]q\n  from   = %q\n  until  = %q\n\n  vantage_points = [%s]\n}\n",
			(i+1)/2, t[0].Format(time.RFC3339), t[i].Format(time.RFC3339), t[i+1].Format(time.RFC3339), quotedList(w.ids()))
	}
}

func (w *demoWorld) ids() (all []string) {
	vps := w.plan.VantagePoints
	if len(vps) == 0 {
		vps = demoPlaces
	}
	for _, vp := range vps {
		all = append(all, string(vp.ID))
	}
	return all
}

// quoted is a text as HCL has it.
func quoted(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", text))
}

func quotedList(texts []string) string {
	var all []string
	for _, t := range texts {
		all = append(all, quoted(t))
	}
	return strings.Join(all, ", ")
}
