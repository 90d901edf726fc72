//go:build system

package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testRunbook follows docs/runbook.md: rotate a key, go back a release, remove a
// vantage point, restore a lost collector.
func (d *deployed) testRunbook(t *testing.T) {
	d.on(t, "102")
	d.up(t, "102")
	t.Run("rotate a key", d.testRotate)
	t.Run("go back", func(t *testing.T) {
		d.edit(t, func(plan string) string {
			return plan + "\nannotation \"n\" {\n  by     = \"test\"\n  reason = \"test\"\n  added  = \"2026-01-01\"\n  from   = \"2026-01-01\"\n  until  = \"2026-01-02\"\n}\n"
		})
		d.build(t, "vps_building.yml")
		d.must(t, "101", "cd /opt/mtric && now=$(readlink current) && ln -sfn $(readlink previous) current.new && mv -T current.new current && test $now != $(readlink current)")
		if out, err := d.mtricOn("101", "plan check"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("restore the collector", d.testRestore)
	t.Run("remove a vantage point", d.testRemove)
}

// build runs playbooks that must succeed.
func (d *deployed) build(t *testing.T, args ...string) {
	t.Helper()
	if out, _, err := d.play(args...); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// edit changes the plan of the site.
func (d *deployed) edit(t *testing.T, change func(string) string) {
	t.Helper()
	path := filepath.Join(d.local, "site.hcl")
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, []byte(change(string(text))), 0o644))
}

func (d *deployed) testRotate(t *testing.T) {
	public := filepath.Join(d.local, "keys", "101.pub")
	before, err := os.ReadFile(public)
	must(t, err)
	d.must(t, "101", "install -o metrics -m 600 /home/metrics/.ssh/id_ed25519 /home/metrics/old")
	d.build(t, "vps_building.yml", "--limit", "localhost,101.mtric.net", "-e", "vantage_point_rotate_key=true")
	if after, err := os.ReadFile(public); err != nil || string(after) == string(before) {
		t.Errorf("the key is the same: %v", err)
	}
	d.build(t, "collector_building.yml")
	if out, err := d.mtricOn("101", "push"); err != nil {
		t.Errorf("push with the new key: %v\n%s", err, out)
	}
	if out, err := d.as("101", "runuser -u metrics -- sftp -q -o BatchMode=yes -o IdentitiesOnly=yes -i /home/metrics/old transfer-101@c00.mtric.net < /dev/null"); err == nil {
		t.Errorf("the old key still opens: %s", out)
	}
}

// testRestore: the collector is lost with its disk; what was public is what is left.
func (d *deployed) testRestore(t *testing.T) {
	const count = "SELECT count(*), count(DISTINCT (vantage_point, \"interval\")) FROM answers WHERE \"interval\" < date_trunc('hour', now()) - INTERVAL 1 HOUR OR vantage_point = '101'"
	copied := filepath.Join(d.dir, "mirror")
	d.must(t, "c00", "crontab -u metrics -r") // so that the copy and the count are of one moment
	d.in("vp", "rsync", "-rt", "--timeout=30", "rsync://"+d.address("c00")+"/public/", copied)
	before := d.overHTTPS(t, count)
	d.off(t, "c00")
	if out, err := d.machine("remove", "c00").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shell(t, "ip", "netns", "delete", d.prefix+"c00")
	d.make(t, "c00", "bare")
	d.on(t, "c00")
	d.up(t, "c00")
	known := filepath.Join(d.local, "known_hosts")
	text, err := os.ReadFile(known)
	must(t, err)
	key, err := os.ReadFile(filepath.Join(d.dir, "run/c00/root/etc/ssh/ssh_host_ed25519_key.pub"))
	must(t, err)
	kept := ""
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "c00.") {
			kept += line
		}
	}
	must(t, os.WriteFile(known, []byte(kept+"c00.mtric.net "+string(key)), 0o644))

	d.build(t, "vps_building.yml")
	d.build(t, "collector_building.yml", "-e", "common_cron=false")
	home := filepath.Join(d.dir, "run/c00/root/home/metrics")
	for from, to := range map[string]string{"originals/": "Originals/", "lake/": "Lake/", "rootzones/": "Output/RootZones/", "reports/": "Reports/"} {
		shell(t, "rsync", "-rt", filepath.Join(copied, from)+"/", filepath.Join(home, to))
	}
	d.must(t, "c00", "chown -R metrics:metrics /home/metrics")
	d.build(t, "collector_building.yml")
	if after := d.overHTTPS(t, count); after != before {
		t.Errorf("lake before %s, after %s", before, after)
	}
	d.until(t, time.Minute, "push to the new collector", func() bool { _, err := d.mtricOn("101", "push"); return err == nil })
	if out, err := d.mtricOn("c00", "ingest"); err != nil {
		t.Errorf("ingest: %v\n%s", err, out)
	}
}

func (d *deployed) testRemove(t *testing.T) {
	const count = "SELECT count(*) > 0 FROM answers WHERE vantage_point = '102'"
	d.edit(t, func(plan string) string {
		return strings.Replace(plan, `metro  = "Tokyo"`, `metro  = "Tokyo"`+"\n  until  = \""+time.Now().UTC().Truncate(5*time.Minute).Format(time.RFC3339)+"\"", 1)
	})
	out, changed, err := d.play("collector_building.yml")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := d.as("102", "runuser -u metrics -- sftp -q -o BatchMode=yes transfer-102@c00.mtric.net < /dev/null"); err == nil {
		t.Errorf("102 still comes in, changed %v: %s", changed, out)
	}
	if got := d.overHTTPS(t, count); got != "[(True,)]" {
		t.Errorf("rows of 102: %s", got)
	}
	out, changed, err = d.play("vps_building.yml")
	if _, there := changed["102.mtric.net"]; err != nil || there {
		t.Errorf("102 is still built: %v, %v\n%s", changed, err, out)
	}
}
