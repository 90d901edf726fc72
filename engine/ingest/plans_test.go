package ingest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// planOf is a small plan; each number is another one.
func planOf(n int) *plan.Plan {
	return &plan.Plan{Name: "site", Description: fmt.Sprint(n), Queries: []plan.Query{{Label: "soa"}},
		Servers: []plan.Server{{Group: "root", RSI: "a", Addresses: []plan.Address{{Family: measurement.IPv4, Address: netip.MustParseAddr("192.0.2.1")}}}}}
}

// sendPlan puts a plan.json into a dropbox and returns its sha256.
func (c *collector) sendPlan(box, vp measurement.VantagePoint, label time.Time, text []byte) string {
	c.t.Helper()
	path := filepath.Join(c.box(box), interval.Format(label)+"-"+string(vp)+".plan.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		c.t.Fatal(err)
	}
	if err := files.WriteSidecar(path); err != nil {
		c.t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// plans are the names in Lake/plans, each held to its contents.
func (c *collector) plans() map[string]bool {
	c.t.Helper()
	all := map[string]bool{}
	for _, name := range left(c.t, filepath.Join(c.in.Lake.Dir, "plans")) {
		sum := strings.TrimSuffix(name, ".json")
		if _, err := c.in.Lake.Plan(sum); err != nil {
			c.t.Error(err)
		}
		all[sum] = true
	}
	return all
}

// Every plan that was used is kept: the collector's own, and each that a vantage point
// sent when it began to measure by it.
func TestPlansAreKept(t *testing.T) {
	c := newCollector(t)
	c.measure("101", day)
	sum := c.sendPlan("101", "101", day, planOf(1).JSON())
	if r := c.ingest(); r.Files != 3 || len(r.Quarantined) != 0 || len(r.Left) != 0 {
		t.Errorf("%+v", r)
	}
	own := c.in.Plan.SHA256()
	if got := c.plans(); len(got) != 2 || !got[own] || !got[sum] || sum != planOf(1).SHA256() {
		t.Errorf("kept %v, want %s and %s", got, own, sum)
	}
	if _, err := os.Stat(filepath.Join(c.in.Originals, "202611", "202611220000-101.plan.json.sha256")); err != nil {
		t.Error(err)
	}
	// The collector's changes, and what another has sent before comes again.
	c.in.Plan = planOf(2)
	c.sendPlan("102", "102", day, planOf(1).JSON())
	c.ingest()
	if got := c.plans(); len(got) != 3 || !got[planOf(2).SHA256()] || len(left(t, c.box("102"))) != 0 {
		t.Errorf("kept %v", got)
	}
	if _, err := c.in.Lake.Plan(strings.Repeat("0", 64)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a plan that nobody sent: %v", err)
	}
	if err := os.WriteFile(c.in.Lake.PlanPath(sum), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.in.Lake.Plan(sum); err == nil || !strings.Contains(err.Error(), "another sha256") {
		t.Errorf("a plan that was tampered with: %v", err)
	}
}

// What is no plan goes to Quarantine, and nothing of it into the lake.
func TestHostilePlans(t *testing.T) {
	mapped := strings.Replace(string(planOf(1).JSON()), "192.0.2.1", "::ffff:192.0.2.1", 1)
	for name, text := range map[string]string{
		"not JSON":    "plan",
		"two values":  string(planOf(1).JSON()) + "{}",
		"not a plan":  `{"name": "site"}`,
		"other types": `{"name": "site", "servers": "all", "queries": []}`,
		"a list":      `[]`,
		"an exponent": strings.Replace(string(planOf(1).JSON()), `"thresholds": null`, `"thresholds": [{"metric": "x", "at_least": 1e999999}]`, 1),
		"an address":  mapped,
		"an RSI":      strings.Replace(string(planOf(1).JSON()), `"rsi": "a"`, `"rsi": "\u001b[2J"`, 1),
		"too large":   strings.Replace(string(planOf(1).JSON()), `"site"`, `"site"`+strings.Repeat(" ", plan.MaxJSON), 1),
		"nesting":     strings.Repeat("[", 1<<19),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			c.sendPlan("101", "101", day, []byte(text))
			r := c.ingest()
			if len(r.Quarantined) != 1 || !strings.HasPrefix(r.Quarantined[0].Reason, "plan: ") {
				t.Errorf("%+v", r)
			}
			if got := c.plans(); len(got) != 1 || !got[c.in.Plan.SHA256()] {
				t.Errorf("kept %v", got)
			}
		})
	}
	c := newCollector(t)
	c.sendPlan("101", "102", day, planOf(1).JSON())
	if r := c.ingest(); len(r.Quarantined) != 1 || len(c.plans()) != 1 {
		t.Errorf("a plan of another vantage point: %+v, kept %v", r, c.plans())
	}
}

// One vantage point adds a bounded number of plans, whatever it sends and in however
// many runs; what others send is kept.
func TestPlansOfOneVantagePointAreBounded(t *testing.T) {
	c := newCollector(t)
	refused := 0
	for i := range 4 {
		for j := range 12 {
			n := 12*i + j
			c.sendPlan("101", "101", day.Add(-time.Duration(n+1)*interval.Length), planOf(n).JSON())
		}
		refused += len(c.ingest().Quarantined)
	}
	if got := len(c.plans()); got != 33 || refused != 48-32 {
		t.Errorf("%d plans are kept, %d refused; want 32 and the collector's, and 16", got, refused)
	}
	c.sendPlan("102", "102", day, planOf(100).JSON())
	c.sendPlan("101", "101", day, planOf(0).JSON()) // known
	if r := c.ingest(); len(r.Quarantined) != 0 || len(c.plans()) != 34 {
		t.Errorf("%+v, %d plans", r, len(c.plans()))
	}
}

// A run that is killed at any step leaves what the next one makes whole.
func TestPlansWhereARunIsKilled(t *testing.T) {
	killed := errors.New("killed")
	for step := 0; ; step++ {
		c := newCollector(t)
		sum := c.sendPlan("101", "101", day, planOf(1).JSON())
		steps := 0
		c.in.Step = func(string) error {
			if steps++; steps == step+1 {
				return killed
			}
			return nil
		}
		_, err := c.in.Run(t.Context())
		c.in.Step = nil
		if r := c.ingest(); len(r.Quarantined) != 0 || len(left(t, c.box("101"))) != 0 {
			t.Errorf("killed at step %d: %+v", step, r)
		}
		if got := c.plans(); len(got) != 2 || !got[sum] {
			t.Errorf("killed at step %d: kept %v", step, got)
		}
		if err == nil {
			if step < 6 {
				t.Errorf("only %d steps", step)
			}
			return
		}
	}
}
