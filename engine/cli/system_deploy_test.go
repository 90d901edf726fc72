//go:build system

package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// deployed are three machines with systemd of their own behind the rig's first
// router, and what the playbooks need to build them.
type deployed struct {
	*rig
	local string // what a site keeps in local/
	cache string // what testdata/deploy/install.sh has made
	whole bool   // MTRIC_DEPLOY=whole: bare machines, cron at its own times, a killed vantage point
	began time.Time
	nets  map[string]int // by machine: 10.53.NET.2
	runs  map[string]*exec.Cmd
}

const (
	playbooks     = "../../ansible"
	deployScripts = "../../testdata/deploy"
	reportFolder  = "monthly-2026-01"
)

// TestDeploy has the playbooks build two vantage points and a collector
// over SSH, and sees data, alerts and attacks go the ways they should, and no
// others. The shortened form has packages installed beforehand and cron lines
// that come due every minute; MTRIC_DEPLOY=whole is the whole.
func TestDeploy(t *testing.T) {
	d := &deployed{whole: os.Getenv("MTRIC_DEPLOY") == "whole", runs: map[string]*exec.Cmd{},
		nets: map[string]int{"101": 203, "102": 204, "c00": 205}, began: time.Now().UTC()}
	d.cache = os.Getenv("MTRIC_CACHE")
	if d.cache == "" {
		dir, err := os.UserCacheDir()
		must(t, err)
		d.cache = filepath.Join(dir, "mtric")
	}
	d.bootable(t)
	d.rig = startRig(t)
	d.boot(t)
	d.site(t)
	t.Run("examples", d.testExamples)
	if !t.Run("what is missing", d.testMissing) || !t.Run("certificates", d.testCertificates) || !t.Run("build", d.testBuild) {
		t.FailNow()
	}
	t.Run("machines", d.testMachines)
	d.hurry(t)
	t.Run("build again", d.testAgain)
	t.Run("cron, SFTP, lake", d.testFlow)
	gone := d.power(t)
	t.Run("vantage point broken into", d.testBrokenInto)
	t.Run("public site", d.testPublic)
	t.Run("alerts in Prometheus", d.testAlerts)
	if d.whole {
		t.Run("killed vantage point", func(t *testing.T) { d.testKilled(t, gone) })
		t.Run("runbook", d.testRunbook)
	}
}

// bootable skips the shortened form, aloud, where machines of one's own cannot be had,
// as in a container with few rights.
func (d *deployed) bootable(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"systemd-nspawn", "-q", "--register=no", "--keep-unit", "--read-only", "-D", filepath.Join(d.cache, "machines", "bare"), "true"},
		{"losetup", "--find"},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		switch {
		case err != nil && d.whole:
			t.Fatalf("%v: %v\n%s", args, err, out)
		case err != nil:
			t.Skipf("THE PLAYBOOKS ARE NOT TESTED: no machine boots here. %v: %v\n%s", args, err, out)
		}
	}
}

// boot makes the three machines and turns them on.
func (d *deployed) boot(t *testing.T) {
	t.Helper()
	shell(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(d.dir, "admin"))
	for _, m := range []string{"101", "102", "c00"} {
		layer := map[bool]string{true: "vantage_points", false: "collector"}[m != "c00"]
		if d.whole {
			layer = "bare"
		}
		t.Cleanup(func() { d.forget(m) })
		d.make(t, m, layer)
		d.on(t, m)
	}
	for _, m := range []string{"101", "102", "c00"} {
		d.up(t, m)
	}
}

// forget ends a machine and takes it away.
func (d *deployed) forget(m string) {
	if p := d.runs[m]; p != nil {
		_ = p.Process.Kill()
		_ = p.Wait()
	}
	_ = d.machine("remove", m).Run() // it may be half made
}

func (d *deployed) make(t *testing.T, m, layer string) {
	t.Helper()
	if out, err := d.machine("make", m, strconv.Itoa(d.nets[m]), layer, m+".mtric.net", filepath.Join(d.dir, "admin")).CombinedOutput(); err != nil {
		t.Fatalf("boot.sh make %s: %v\n%s", m, err, out)
	}
}

// on turns a machine on.
func (d *deployed) on(t *testing.T, m string) {
	t.Helper()
	d.runs[m] = d.machine("run", m)
	must(t, d.runs[m].Start())
}

// up waits until a machine that was turned on can be reached.
func (d *deployed) up(t *testing.T, m string) {
	t.Helper()
	d.until(t, time.Minute, m+" can be reached", func() bool {
		return strings.Contains(d.in("vp", "sh", "-c", "ssh-keyscan -T 1 "+d.address(m)+" 2>&1 || true"), "ssh-ed25519")
	})
}

// machine is a call of boot.sh.
func (d *deployed) machine(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(deployScripts, "boot.sh"), args...)
	hosts := ""
	for m := range d.nets {
		hosts += fmt.Sprintf("%s %s.mtric.net\n", d.address(m), m)
	}
	cmd.Env = append(os.Environ(), "PREFIX="+d.prefix, "RUN="+filepath.Join(d.dir, "run"), "MACHINES="+filepath.Join(d.cache, "machines"), "HOSTS="+hosts)
	return cmd
}

func (d *deployed) address(m string) string { return fmt.Sprintf("10.53.%d.2", d.nets[m]) }

// until waits for something that must come true.
func (d *deployed) until(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("after %s not yet: %s", limit, what)
		}
	}
}

// as runs a command on a machine through SSH, as root.
func (d *deployed) as(m, command string) (string, error) {
	cmd := d.command("vp", "ssh", "-q", "-i", filepath.Join(d.dir, "admin"), "-o", "BatchMode=yes", "-o", "HostKeyAlias="+m+".mtric.net",
		"-o", "UserKnownHostsFile="+filepath.Join(d.local, "known_hosts"), "root@"+d.address(m), command)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must runs a command on a machine that has to succeed.
func (d *deployed) must(t *testing.T, m, command string) string {
	t.Helper()
	out, err := d.as(m, command)
	if err != nil {
		t.Fatalf("%s: %s: %v\n%s", m, command, err, out)
	}
	return out
}

// site writes what a site has in local/, as local/README.md tells.
func (d *deployed) site(t *testing.T) {
	t.Helper()
	tag, _, _ := strings.Cut(d.anchor, " ")
	var zones strings.Builder
	for _, label := range []string{"internic", "icann-lax", "icann-cjr", "b-root", "f-root"} {
		fmt.Fprintf(&zones, "zone_source %q {\n  axfr    = %q\n  timeout = \"20s\"\n}\n", label, v4('b', 53))
	}
	d.local = d.plan(t, "", fmt.Sprintf("anchor %q {\n  ds = %q\n}\n%s", tag, d.anchor, &zones)+`
schedule "interval" {
  every  = "5m"
  jitter = "2s"
}
collector "c00" {}
site "public" {
  url = "https://c00.mtric.net/site/"
}
site "internal" {}
vantage_point "101" {
  region = "africa"
  metro  = "Nairobi"
}
vantage_point "102" {
  region = "asia_pacific"
  metro  = "Tokyo"
}
rule "interval-missing" {
  on       = "window"
  over     = ["vantage_point"]
  window   = "5m"
  severity = "warning"
  expr     = "window.coverage < 100.0"
  summary  = "{vantage_point} has not measured"
}
`)
	known, hosts := "", "[all:vars]\nansible_user=root\nansible_ssh_private_key_file="+filepath.Join(d.dir, "admin")+"\n"
	for m := range d.nets {
		key, err := os.ReadFile(filepath.Join(d.dir, "run", m, "root/etc/ssh/ssh_host_ed25519_key.pub"))
		must(t, err)
		known += m + ".mtric.net " + string(key)
		hosts = fmt.Sprintf("%s.mtric.net ansible_host=%s\n", m, d.address(m)) + hosts
	}
	for name, text := range map[string]string{
		"known_hosts":        known,
		"hosts":              hosts,
		"group_vars/all.yml": "---\ncollector_dropbox_megabytes: 24\ncollector_prometheus_interval: 5s\n",
	} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(d.local, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(d.local, name), []byte(text), 0o644))
	}
	must(t, os.MkdirAll(filepath.Join(d.local, "tls"), 0o755))
	d.certificate(t, "c00.mtric.net", nextMonth())
}

var recap = regexp.MustCompile(`(?m)^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)`)

// play runs a playbook and returns what it printed, and how much it changed by machine.
func (d *deployed) play(args ...string) (out string, changed map[string]string, err error) {
	cmd := d.command("vp", append([]string{"ansible-playbook", "-i", "inventory.sh", "-i", filepath.Join(d.local, "hosts")}, args...)...)
	cmd.Dir = playbooks
	cmd.Env = append(os.Environ(), "MTRIC_LOCAL="+d.local, "MTRIC_BINARY="+d.bin, "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "ANSIBLE_HOME="+filepath.Join(d.dir, "ansible"))
	// Connections that are kept open must not hold a pipe of ours.
	log, err := os.CreateTemp(d.dir, "play-")
	if err != nil {
		return "", nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Run()
	text, readErr := os.ReadFile(log.Name())
	changed = map[string]string{}
	for _, m := range recap.FindAllStringSubmatch(string(text), -1) {
		changed[m[1]] = m[2]
	}
	return string(text), changed, errors.Join(err, readErr)
}

// What local/ lacks is said before a machine is touched, with what to do.
func (d *deployed) testMissing(t *testing.T) {
	for file, book := range map[string]string{
		"hosts": "vps_building.yml", "known_hosts": "vps_building.yml", "group_vars/all.yml": "vps_building.yml", "site.hcl": "vps_building.yml",
		"tls/privkey.pem": "collector_building.yml", "keys/101.pub": "collector_building.yml",
	} {
		if !d.whole && file != "known_hosts" && file != "site.hcl" && file != "keys/101.pub" {
			continue // a second each
		}
		path := filepath.Join(d.local, file)
		if strings.HasPrefix(file, "keys/") || strings.HasPrefix(file, "tls/") { // the key of 101 is missing last
			must(t, os.MkdirAll(filepath.Join(d.local, "keys"), 0o755))
			if file != "keys/101.pub" {
				for _, vp := range []string{"101", "102"} {
					must(t, os.WriteFile(filepath.Join(d.local, "keys", vp+".pub"), []byte("ssh-ed25519 AAAA\n"), 0o644))
				}
			} else {
				_ = os.Remove(path)
			}
		}
		_ = os.Rename(path, path+".away")
		out, changed, err := d.play(book)
		_ = os.Rename(path+".away", path)
		said := strings.Join(strings.Fields(out), " ") // Ansible breaks lines
		if err == nil || len(changed) > 1 || !strings.Contains(said, "is missing") && !strings.Contains(said, "has no plan") {
			t.Errorf("without %s: %v, changed %v\n%s", file, err, changed, out)
		}
	}
	if out, changed, err := d.play("vps_building.yml", "--limit", "101.mtric.net"); err == nil || changed["101.mtric.net"] != "0" || !strings.Contains(out, "The first play was left out") {
		t.Errorf("without localhost: %v, changed %v\n%s", err, changed, out)
	}
}

func (d *deployed) testBuild(t *testing.T) {
	for _, book := range []string{"vps_building.yml", "collector_building.yml"} {
		if out, changed, err := d.play("--check", book); err != nil || len(changed) < 2 {
			t.Errorf("--check %s before the first build: %v\n%s", book, err, out)
		}
		began := time.Now()
		out, changed, err := d.play(book)
		t.Logf("%s: changed %v in %s", book, changed, time.Since(began).Round(time.Second))
		if err != nil || len(changed) < 2 {
			t.Fatalf("%s: %v\n%s", book, err, out)
		}
	}
}

// The second run changes nothing, and neither does a run that only looks.
func (d *deployed) testAgain(t *testing.T) {
	for _, book := range []string{"vps_building.yml", "collector_building.yml"} {
		runs := [][]string{{book}}
		if d.whole {
			runs = append(runs, []string{"--check", book})
		}
		for _, args := range runs {
			out, changed, err := d.play(args...)
			for m, n := range changed {
				if n != "0" {
					err = errors.Join(err, fmt.Errorf("%s: changed %s", m, n))
				}
			}
			if err != nil || len(changed) < 2 {
				t.Errorf("%v: %v\n%s", args, err, out)
			}
		}
	}
}

// testMachines looks at what the plays have made of the machines.
func (d *deployed) testMachines(t *testing.T) {
	for m := range d.nets {
		for command, want := range map[string]string{
			"hostname":                            "",
			"cat /proc/sys/net/ipv4/tcp_fastopen": "0",
			"readlink /etc/localtime":             "/usr/share/zoneinfo/Etc/UTC",
			"systemctl is-active cron nftables ssh prometheus-node-exporter | sort -u": "active",
			"systemctl --failed --plain --no-legend":                                   "-",
			"grep -c rtcsync /etc/chrony/chrony.conf":                                  "1",
			"stat -c '%U %G %a' /home/metrics/.ssh":                                    "metrics metrics 700",
			"logrotate --debug /etc/logrotate.d/mtric > /dev/null 2>&1; echo $?":       "0",
			"apt-config dump APT::Periodic::Unattended-Upgrade":                        `APT::Periodic::Unattended-Upgrade "1";`,
		} {
			out := strings.TrimSpace(d.must(t, m, command))
			switch {
			case want == "-":
				want = ""
			case want == "":
				want = m + ".mtric.net"
			}
			if out != want {
				t.Errorf("%s: %s: %q, want %q", m, command, out, want)
			}
		}
		// What listens where others could reach it, and what the firewall lets through of it.
		want := []string{"22"}
		if m == "c00" {
			want = []string{"22", "443", "80", "873"}
		}
		listens := strings.Fields(d.must(t, m, `ss -Hltn | awk '$4 !~ /^(127\.|\[::1\])/ { sub(/.*:/, "", $4); print $4 }' | sort -u`))
		if !slices.Equal(listens, want) {
			t.Errorf("%s listens on %v, want %v", m, listens, want)
		}
		d.must(t, m, "systemd-run -q --unit=stray python3 -m http.server 8099")
		for _, port := range append([]string{"8099", "9090", "9100"}, want...) {
			err := d.command("vp", "timeout", "1", "bash", "-c", "< /dev/tcp/"+d.address(m)+"/"+port).Run()
			if open := err == nil; open != slices.Contains(want, port) {
				t.Errorf("%s: port %s open: %v", m, port, open)
			}
		}
		d.must(t, m, "systemctl stop stray")
	}
	if key := d.must(t, "101", "ls -l /home/metrics/.ssh/id_ed25519"); !strings.HasPrefix(key, "-rw------- 1 metrics metrics") {
		t.Errorf("key: %s", key)
	}
}
