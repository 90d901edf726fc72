package plan_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"mtric.net/mtric/engine/plan"
)

// TestZoneSource: the source of a zone is a part of the plan, and the place of its key is not.
func TestZoneSource(t *testing.T) {
	const block = `zone "own" {
  name    = "example."
  servers = server.root
`
	load := func(more string) *plan.Plan {
		t.Helper()
		p, l := plan.Load([]plan.Dir{demo(t), {Name: "/etc/mtric/own", FS: fstest.MapFS{"own.hcl": {Data: []byte(block + more + "\n}\n")}}}}, nil)
		if p == nil {
			t.Fatal(l.Error())
		}
		return p
	}
	bare := load("")
	if strings.Contains(string(bare.JSON()), `"source": ""`) {
		t.Error("a zone without a source says so, and older plans get another hash")
	}
	for source, want := range map[string]string{"192.0.2.53": "192.0.2.53:53", "192.0.2.53:5353": "192.0.2.53:5353", "2001:db8::53": "[2001:db8::53]:53",
		"[2001:DB8:0::53]": "[2001:db8::53]:53", "[2001:db8::53]:5353": "[2001:db8::53]:5353", "::ffff:192.0.2.53": "192.0.2.53:53"} {
		p := load(`source = "` + source + `"`)
		if got := p.Zones[0].Source; got != want || p.SHA256() == bare.SHA256() {
			t.Errorf("source %s is %s, want %s", source, got, want)
		}
	}
	with := load("source = \"192.0.2.53\"\nkey_file = \"keys/secret-place.key\"")
	if p := load(`source = "192.0.2.53"`); with.SHA256() != p.SHA256() || strings.Contains(string(with.JSON()), "secret-place") {
		t.Error("the place of the key is in the JSON of the plan")
	}
	if got := with.Zones[0].KeyFile; got != "/etc/mtric/own/keys/secret-place.key" {
		t.Errorf("key file %s is not beside the file that names it", got)
	}
	if p := load("source = \"192.0.2.53\"\nkey_file = \"/etc/tsig.key\""); p.Zones[0].KeyFile != "/etc/tsig.key" {
		t.Errorf("key file %s", p.Zones[0].KeyFile)
	}
}
