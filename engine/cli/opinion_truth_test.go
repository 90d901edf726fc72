package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/atlas/crowd"
	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/measurement"
)

// planted is what a crowd and our vantage points see differently: an outage in one region, an
// old zone at some sites, an RSI that only ours do not reach, and a new site whose name nobody
// knows.
const planted = `
fault "outage" {
  kind    = "down"
  rsis    = ["f"]
  regions = ["north_america"]
  paths   = ["ipv4/udp"]
  from    = "2026-11-21T01:00:00Z"
  until   = "2026-11-21T02:00:00Z"
}
fault "old" {
  kind    = "frozen"
  rsis    = ["c"]
  regions = ["europe"]
  share   = 20
  from    = "2026-11-20T17:00:00Z"
}
fault "ours" {
  kind           = "down"
  vantage_points = ["901", "902", "903", "904", "905"]
  rsis           = ["k"]
  paths          = ["ipv6/udp"]
  from           = "2026-11-21T03:00:00Z"
  until          = "2026-11-21T04:00:00Z"
}
fault "new" {
  kind     = "moved"
  rsis     = ["a"]
  regions  = ["europe"]
  by       = "1ms"
  identity = "pop7.example"
  from     = "2026-11-21T00:00:00Z"
}
`

// TestSecondOpinionSaysWhatWasPlanted makes a lake of ours and a crowd of 400 probes that ask
// four root servers of one world, among them what accuses nobody: one in twenty is intercepted,
// one in ten has no working IPv6, clocks are wrong, results come days late, anchors stand beside
// servers. The comparison says what was planted, and nothing else.
func TestSecondOpinionSaysWhatWasPlanted(t *testing.T) {
	smaller(t, cli.SimulatedTLDs, 100)
	four := fourServers(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("faults.hcl", []byte(planted), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		line string
	}{
		{0, "simulate --wires --out Ours --vps 5 --from 2026-11-20T11:00:00Z --until 2026-11-21T08:00:00Z --seed 7 --faults faults.hcl"},
		{0, "simulate --atlas --out crowd --vps 400 --from 2026-11-20T11:00:00Z --until 2026-11-21T08:00:00Z --seed 7 --faults faults.hcl"},
		{3, "import atlas crowd/results.jsonl crowd/results-late.jsonl --probes crowd/probes/20261120.json --zones Ours/rootzones --identity --out Atlas"}, // an error key is made up
		{0, "report --style comparison --period 2026-11-21/2026-11-22 --lake Ours --with Atlas --out Reports"},
	} {
		args := append(strings.Fields(c.line), "--plan", four, "--quiet")
		if code, said := comparing(nil, args...); code != c.code {
			t.Fatalf("%s: exit code %d\n%s", c.line, code, said)
		}
	}
	var truth crowd.Truth
	readInto(t, "crowd/_truth.json", &truth)
	var d comparison.Document
	readInto(t, "Reports/comparison-2026-11-21-until-2026-11-22/internal/comparison.json", &d)
	struck := map[string]crowd.FaultTruth{}
	for _, f := range truth.Faults {
		struck[f.Label] = f
	}

	if len(d.Opinions) != 1 || d.Opinions[0].Metric != measurement.RSIAvailability || d.Opinions[0].RSI != "k" || d.Opinions[0].Verdict != comparison.NotSeen ||
		d.Opinions[0].Failed != 60 || d.Opinions[0].NotSeen != 60 {
		t.Errorf("opinions: %+v", d.Opinions)
	}
	var outages []string
	for _, o := range d.Outages {
		outages = append(outages, fmt.Sprintf("%s %s %s %02d-%02d by %s, %d of %d ours, %d probes in %d networks, %s", o.RSI, o.Family, o.Transport, o.From.Hour(), o.Until.Hour(), o.SeenBy,
			o.OursStruck, o.Ours, o.ProbesStruck, o.NetworksStruck, o.Regions))
	}
	if want := []string{
		fmt.Sprintf("f ipv4 udp 01-02 by theirs, 0 of 5 ours, %d probes in %d networks, [north_america]", struck["outage"].Probes, len(struck["outage"].ASNs)),
		"k ipv6 udp 03-04 by ours, 5 of 5 ours, 4 probes in 0 networks, []", // chance strikes a few everywhere
	}; !slices.Equal(outages, want) {
		t.Errorf("outages: %q, want %q", outages, want)
	}
	networks := len(struck["old"].ASNs) // of one or two all probes may be set apart
	if len(d.Stale) != 1 || d.Stale[0].RSI != "c" || d.Stale[0].Networks > networks || d.Stale[0].Networks < networks-2 || !slices.Equal(d.Stale[0].Regions, []string{"europe"}) || d.Stale[0].Ours != 0 {
		t.Errorf("old zones: %+v, struck %+v", d.Stale, struck["old"])
	}
	apart := d.Theirs.Apart
	if apart.Intercepted.VantagePoints != len(truth.Intercepted) || apart.NoRoute.VantagePoints != len(truth.NoIPv6) || apart.NotWorking.Asked != 0 {
		t.Errorf("set apart: %+v; intercepted %d, without IPv6 %d", apart, len(truth.Intercepted), len(truth.NoIPv6))
	}
	for _, s := range apart.Signs {
		if s.Sign == comparison.SignOperator {
			t.Errorf("somebody else's identity: %+v", s)
		}
	}
	for _, c := range d.Content {
		if c.Incorrect != 0 || c.Unchecked != 0 || c.Correct == 0 {
			t.Errorf("SOA content: %+v", c)
		}
	}
	for _, p := range d.Paths {
		least := 990_000
		if p.RSI == "f" && (measurement.Path{Family: p.Family, Transport: p.Transport}) == (measurement.Path{Family: measurement.IPv4, Transport: measurement.UDP}) {
			least = 960_000
		}
		if got := p.Theirs.Availability.Value; got < int64(least) {
			t.Errorf("%s over %s %s: %d ppm", p.RSI, p.Family, p.Transport, got)
		}
	}
}

// fourServers is the plan rssac047 with four of the root servers, so that a crowd has less to ask.
func fourServers(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "four")
	err := os.CopyFS(dir, os.DirFS("../../plans/rssac047"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "root.hints")
	hints, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, regexp.MustCompile(`(?m)^.*\b[BDEGHIJLM][.]ROOT-SERVERS.*\n`).ReplaceAll(hints, nil), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func readInto(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
