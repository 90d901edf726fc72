//go:build system

package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// testRunbook follows what docs/runbook.md marks with *.
func (d *deployed) testRunbook(t *testing.T) {
	d.on(t, "102")
	d.up(t, "102")
	d.clone(t)
	t.Cleanup(func() { d.forget("103") })
	t.Run("rotate a key", d.testRotate)
	t.Run("go back", func(t *testing.T) {
		d.edit(t, func(plan string) string {
			return plan + "\nannotation \"n\" {\n  by     = \"test\"\n  reason = \"test\"\n  added  = \"2026-01-01\"\n  from   = \"2026-01-01\"\n  until  = \"2026-01-02\"\n  rsis   = [\"a\"]\n}\n"
		})
		if out, changed, err := d.play("--check", "vps_building.yml"); err != nil || changed["101.mtric.net"] == "0" {
			t.Errorf("--check with a change: %v, changed %v\n%s", err, changed, out)
		}
		d.build(t, "vps_building.yml")
		d.must(t, "101", "cd /opt/mtric && now=$(readlink current) && ln -sfn $(readlink previous) current.new && mv -T current.new current && test $now != $(readlink current)")
		if out, err := d.mtricOn("101", "plan check"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("lost dropbox", d.testLostDropbox)
	t.Run("renew a vantage point's machine", d.testRenew)
	t.Run("add a vantage point", d.testAdd)
	t.Run("change the size of a dropbox", d.testResize)
	t.Run("renew the certificate", d.testCertificate)
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
	const old = "sftp -q -o BatchMode=yes -o IdentitiesOnly=yes -i /home/metrics/old transfer-101@c00.mtric.net"
	d.must(t, "101", "cd /; runuser -u metrics -- bash -c 'sleep 3000 | "+old+"' > /dev/null 2>&1 &")
	d.until(t, time.Minute, "a session of the old key", func() bool { _, err := d.as("c00", "pgrep -u transfer-101"); return err == nil })
	sessions := strings.Fields(d.must(t, "c00", "pgrep -u transfer-101"))
	d.follow(t, "Rotate a vantage point's key", "101")
	if after, err := os.ReadFile(public); err != nil || string(after) == string(before) {
		t.Errorf("the key is the same: %v", err)
	}
	for _, pid := range sessions {
		d.must(t, "c00", "! kill -0 "+pid)
	}
	if out, err := d.mtricOn("101", "push"); err != nil {
		t.Errorf("push with the new key: %v\n%s", err, out)
	}
	if out, err := d.as("101", "runuser -u metrics -- "+old+" < /dev/null"); err == nil {
		t.Errorf("the old key still opens: %s", out)
	}
}

// testLostDropbox: the collector starts without the image of a dropbox, and goes on for all others.
func (d *deployed) testLostDropbox(t *testing.T) {
	sent := strings.Fields(d.must(t, "102", "cd /home/metrics/Output/Sent && ls | grep answers"))
	d.off(t, "c00")
	must(t, os.Remove(filepath.Join(d.dir, "run/c00/root/var/lib/mtric/dropboxes/transfer-102.img")))
	d.on(t, "c00")
	d.up(t, "c00")
	d.until(t, time.Minute, "the collector has started", func() bool {
		out, _ := d.as("c00", "systemctl is-system-running")
		return strings.TrimSpace(out) == "degraded"
	})
	d.must(t, "c00", `test "$(systemctl --failed --plain --no-legend | cut -d . -f 2 | cut -d ' ' -f 1)" = mount && ! mountpoint -q /sftp/transfer-102`)
	if status, _ := d.curl(t, "https://"+d.address("c00")+"/plan/plan.json"); status != "200" {
		t.Errorf("public site: %s", status)
	}
	d.until(t, time.Minute, "push of the other", func() bool { _, err := d.mtricOn("101", "push"); return err == nil }) // one by cron may hold the lock
	d.comesIn(t, "101")
	d.follow(t, "Repair a lost dropbox", "102")
	d.must(t, "c00", "mountpoint -q /sftp/transfer-102 && test $(systemctl is-system-running) = running")
	d.until(t, 2*time.Minute, "all that 102 has ever sent is there", func() bool {
		_, _ = d.mtricOn("102", "push")
		_, _ = d.mtricOn("c00", "ingest")
		out, err := d.as("c00", "ls /home/metrics/Originals/*/")
		return err == nil && !slices.ContainsFunc(sent, func(file string) bool { return !strings.Contains(out, file+"\n") })
	})
}

func (d *deployed) testRenew(t *testing.T) {
	d.off(t, "102")
	d.renew(t, "102")
	d.follow(t, "Renew a vantage point's machine", "102")
	d.comesIn(t, "102")
}

func (d *deployed) testAdd(t *testing.T) {
	d.nets["103"] = 206
	d.make(t, "103", "bare")
	d.on(t, "103")
	d.up(t, "103")
	d.edit(t, func(plan string) string {
		return plan + "\nvantage_point \"103\" {\n  region = \"europe\"\n  metro  = \"Riga\"\n  from   = \"" + time.Now().UTC().Truncate(time.Hour).Format(time.RFC3339) + "\"\n}\n"
	})
	hosts := filepath.Join(d.local, "hosts")
	text, err := os.ReadFile(hosts)
	must(t, err)
	must(t, os.WriteFile(hosts, []byte("103.mtric.net ansible_host="+d.address("103")+"\n"+string(text)), 0o644))
	d.follow(t, "Add a vantage point", "103")
	d.comesIn(t, "103")
}

// comesIn sees that the key of a vantage point opens its dropbox.
func (d *deployed) comesIn(t *testing.T, vp string) {
	t.Helper()
	if out, err := d.as(vp, "runuser -u metrics -- sftp -q -o BatchMode=yes transfer-"+vp+"@c00.mtric.net < /dev/null"); err != nil {
		t.Errorf("%s does not come in: %v\n%s", vp, err, out)
	}
}

func (d *deployed) testResize(t *testing.T) {
	vars := filepath.Join(d.local, "group_vars/all.yml")
	text, err := os.ReadFile(vars)
	must(t, err)
	must(t, os.WriteFile(vars, []byte(strings.Replace(string(text), "megabytes: 24", "megabytes: 48", 1)), 0o644))
	d.follow(t, "Change the size of a dropbox", "101")
	d.must(t, "c00", "test $(df --output=size -m /sftp/transfer-101 | tail -1) -gt 30")
	d.must(t, "c00", "test $(df --output=itotal /sftp/transfer-101 | tail -1) -gt 6000")
	d.must(t, "c00", "! grep /sftp/ /etc/fstab | grep -v nofail")
	d.comesIn(t, "101")
}

func (d *deployed) testCertificate(t *testing.T) {
	d.certificate(t, "c00.mtric.net", nextMonth())
	d.follow(t, "Renew the certificate", "")
	if status, _ := d.curl(t, "https://"+d.address("c00")+"/plan/plan.json"); status != "200" {
		t.Errorf("with the new certificate: %s", status)
	}
}

// testRestore: the collector is lost with its disk; what was public is what is left.
func (d *deployed) testRestore(t *testing.T) {
	const count = "SELECT count(*), count(DISTINCT (vantage_point, \"interval\")) FROM answers WHERE \"interval\" < date_trunc('hour', now()) - INTERVAL 1 HOUR OR vantage_point = '101'"
	copied := filepath.Join(d.dir, "clone", "mirror")
	d.must(t, "c00", "crontab -u metrics -r") // so that the copy and the count are of one moment
	d.in("vp", "rsync", "-rt", "--timeout=30", "rsync://"+d.address("c00")+"/public/", copied)
	before := d.overHTTPS(t, count)
	d.off(t, "c00")
	d.renew(t, "c00")
	d.follow(t, "Restore a lost collector", "")
	if after := d.overHTTPS(t, count); after != before {
		t.Errorf("lake before %s, after %s", before, after)
	}
	d.until(t, time.Minute, "push to the new collector", func() bool { _, err := d.mtricOn("101", "push"); return err == nil })
	if out, err := d.mtricOn("c00", "ingest"); err != nil {
		t.Errorf("ingest: %v\n%s", err, out)
	}
	again := filepath.Join(d.dir, "mirror-again")
	d.in("vp", "rsync", "-rt", "--timeout=30", "rsync://"+d.address("c00")+"/public/", again)
	d.verifyManifests(t, again)
	if signers, err := os.ReadFile(filepath.Join(again, "manifests", "allowed_signers")); err != nil || strings.Count(string(signers), "\n") != 2 {
		t.Errorf("signers: %v\n%s", err, signers)
	}
}

func (d *deployed) testRemove(t *testing.T) {
	const count = "SELECT count(*) > 0 FROM answers WHERE vantage_point = '102'"
	d.edit(t, func(plan string) string {
		return strings.Replace(plan, `metro  = "Tokyo"`, `metro  = "Tokyo"`+"\n  until  = \""+time.Now().UTC().Truncate(5*time.Minute).Format(time.RFC3339)+"\"", 1)
	})
	d.follow(t, "Remove a vantage point", "102")
	if out, err := d.as("102", "runuser -u metrics -- sftp -q -o BatchMode=yes transfer-102@c00.mtric.net < /dev/null"); err == nil {
		t.Errorf("102 still comes in: %s", out)
	}
	if got := d.overHTTPS(t, count); got != "[(True,)]" {
		t.Errorf("rows of 102: %s", got)
	}
	d.build(t, "collector_building.yml")
	d.must(t, "c00", "test ! -e /sftp/transfer-102 && ! grep -q transfer-102 /etc/fstab /etc/passwd")
	out, changed, err := d.play("vps_building.yml")
	if _, there := changed["102.mtric.net"]; err != nil || there {
		t.Errorf("102 is still built: %v, %v\n%s", changed, err, out)
	}
}
