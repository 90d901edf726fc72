//go:build system

package cli_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// collector is a real OpenSSH server on the first router, with the dropbox of
// one vantage point: chrooted, keys only, SFTP only.
type collector struct {
	r        *rig
	dir      string
	incoming string
	server   *exec.Cmd
}

const sshdPort = "2222"

func (r *rig) startCollector(t *testing.T, home string) *collector {
	c := &collector{r: r, dir: filepath.Join(r.dir, "collector")}
	must(t, os.MkdirAll(c.dir, 0o755))
	c.newHostKey(t)
	c.incoming = c.admit(t, "101", home)
	c.start(t)
	t.Cleanup(func() { c.stop() }) // the server of that time
	return c
}

// admit makes the account, the chroot and the dropbox of a vantage point, which
// the collector's user may read and clear by its group, and the key in its home.
func (c *collector) admit(t *testing.T, vp, home string) (incoming string) {
	t.Helper()
	account := "transfer-" + vp
	incoming = filepath.Join(c.dir, "sftp", account, "incoming")
	must(t, os.RemoveAll(incoming)) // what an earlier test left would be ingested
	must(t, os.MkdirAll(incoming, 0o755))
	if exec.Command("id", account).Run() != nil {
		shell(t, "useradd", "--no-create-home", "--shell", "/usr/sbin/nologin", account)
		t.Cleanup(func() { shell(t, "userdel", "--force", account) }) // its last session may be ending still
	}
	shell(t, "usermod", "-p", "*", account) // else the account counts as locked
	shell(t, "chown", account+":metrics", incoming)
	must(t, os.Chmod(incoming, 0o770|os.ModeSetgid))
	shell(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(home, "id"))
	must(t, os.Chown(filepath.Join(home, "id"), c.r.uid, c.r.gid))
	must(t, os.MkdirAll(filepath.Join(c.dir, "keys"), 0o755))
	public, err := os.ReadFile(filepath.Join(home, "id.pub"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(c.dir, "keys", account), public, 0o644))
	c.pin(t, home)
	return incoming
}

func shell(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}

func (c *collector) newHostKey(t *testing.T) {
	t.Helper()
	key := filepath.Join(c.dir, "host_key")
	for _, f := range []string{key, key + ".pub"} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	shell(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
}

// pin writes the present host key into the vantage point's known_hosts.
func (c *collector) pin(t *testing.T, home string) {
	t.Helper()
	public, err := os.ReadFile(filepath.Join(c.dir, "host_key.pub"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(home, "known_hosts"), []byte("[10.53.200.1]:"+sshdPort+" "+string(public)), 0o644))
}

func (c *collector) start(t *testing.T) {
	t.Helper()
	must(t, os.MkdirAll("/run/sshd", 0o755))
	config := filepath.Join(c.dir, "sshd_config")
	must(t, os.WriteFile(config, []byte(fmt.Sprintf(`Port %s
ListenAddress 10.53.200.1
HostKey %s/host_key
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile %s/keys/%%u
Subsystem sftp internal-sftp
Match User transfer-*
  ChrootDirectory %s/sftp/%%u
  ForceCommand internal-sftp -u 0027
  AllowTcpForwarding no
  PermitTTY no
`, sshdPort, c.dir, c.dir, c.dir)), 0o644))
	c.server = c.r.command("r1", "/usr/sbin/sshd", "-D", "-e", "-f", config)
	log, err := os.OpenFile(filepath.Join(c.dir, "sshd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(t, err)
	defer log.Close()
	c.server.Stderr = log
	must(t, c.server.Start())
	for range 100 {
		if strings.Contains(c.r.in("r1", "ss", "-Hltn"), ":"+sshdPort) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("sshd does not listen")
}

func (c *collector) stop() {
	_ = c.server.Process.Kill()
	_ = c.server.Wait()
}

// arrived checks that the dropbox has n files of rows whose sidecars match, and
// nothing half done. Alerts and plans, which travel along, are not counted.
func (c *collector) arrived(t *testing.T, n int) {
	t.Helper()
	sidecars, err := filepath.Glob(filepath.Join(c.incoming, "*.parquet.sha256"))
	must(t, err)
	all, err := os.ReadDir(c.incoming)
	must(t, err)
	all = slices.DeleteFunc(all, func(e os.DirEntry) bool {
		name := strings.TrimSuffix(e.Name(), ".sha256")
		return strings.HasSuffix(name, ".alerts.json") || strings.HasSuffix(name, ".plan.json")
	})
	if len(sidecars) != n || len(all) != 2*n {
		t.Errorf("%d sidecars of %d files in the dropbox, want %d of %d", len(sidecars), len(all), n, 2*n)
	}
	for _, s := range sidecars {
		cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", filepath.Base(s))
		cmd.Dir = c.incoming
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s, err, out)
		}
	}
}

func sentNames(t *testing.T, home string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, "Output", "Sent", "*.parquet"))
	must(t, err)
	return files
}

func (r *rig) testPush(t *testing.T) {
	home := r.home(t)
	r.giveZone(t, home)
	c := r.startCollector(t, home)
	plan := r.plan(t, "", untraced+`
collector "c00" {
  host = "10.53.200.1"
  sftp = { user = "transfer-{vantage_point}", port = `+sshdPort+`, key = "id", known_hosts = "known_hosts", directory = "incoming" }
}
`)
	at := time.Now().UTC().Truncate(5 * time.Minute)
	next := func() []string { // each measure belongs to the next interval
		at = at.Add(5 * time.Minute)
		return []string{"--now", at.Add(time.Second).Format(time.RFC3339)}
	}
	alert := func(want string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(home, "Logs", "101-alerts.txt"))
		must(t, err)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, want) {
			t.Errorf("last alert %q, want %q", last, want)
		}
	}

	t.Run("arrives", func(t *testing.T) {
		r.measureAt(t, home, plan, 0, next())
		c.arrived(t, 1)
		if sent := sentNames(t, home); len(sent) != 1 {
			t.Errorf("sent %v", sent)
		}
	})
	t.Run("changed host key", func(t *testing.T) {
		c.stop()
		c.newHostKey(t)
		c.start(t)
		r.measureAt(t, home, plan, 3, next())
		alert("FIRING rule=mtric.push condition=unsent")
		alert("host key has changed")
		c.arrived(t, 1)
	})
	t.Run("silent collector, next interval on time", func(t *testing.T) {
		r.in("r1", "iptables", "-A", "INPUT", "-p", "tcp", "--dport", sshdPort, "-j", "DROP")
		began := time.Now()
		r.measureAt(t, home, plan, 3, next())
		if elapsed := time.Since(began); elapsed > 2*time.Minute {
			t.Errorf("took %s", elapsed)
		}
		r.in("r1", "iptables", "-F", "INPUT")
		c.arrived(t, 1)
	})
	t.Run("all arrives later", func(t *testing.T) {
		c.pin(t, home)
		r.measureAt(t, home, plan, 0, next())
		c.arrived(t, 4)
		alert("RESOLVED rule=mtric.push")
		if sent := sentNames(t, home); len(sent) != 4 {
			t.Errorf("sent %v", sent)
		}
	})
	t.Run("cut and resumed", func(t *testing.T) { r.testCut(t, c, home, plan) })
}

func (r *rig) measureAt(t *testing.T, home, plan string, want int, now []string) {
	t.Helper()
	args := append([]string{"measure", "--no-wait", "--vp", "101", "--home", home, "--plan", "rssac047", "--plan", plan}, now...)
	if out, errs, code := r.mtric(t, args...); code != want {
		t.Fatalf("exit code %d, want %d\n%s%s", code, want, out, errs)
	}
}

// testCut kills the server's side of a connection in the middle of a large file.
func (r *rig) testCut(t *testing.T, c *collector, home, plan string) {
	const size = 200 << 20
	name := "202601010000-101.answers.parquet"
	path := filepath.Join(home, "Output", name)
	data := make([]byte, size)
	_, err := rand.Read(data)
	must(t, err)
	must(t, os.WriteFile(path, data, 0o644))
	must(t, os.WriteFile(path+".sha256", []byte(fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name)), 0o644))
	args := []string{"push", "--vp", "101", "--home", home, "--plan", "rssac047", "--plan", plan}
	push := r.mtricCommand(args...)
	var said bytes.Buffer
	push.Stderr = &said
	must(t, push.Start())
	remote := filepath.Join(c.incoming, name)
	for range 5000 {
		if info, err := os.Stat(remote); err == nil && info.Size() > 1<<20 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	// Of this server's network alone: another rig, or a machine that boots here, may have the account too.
	shell(t, "pkill", "-KILL", "-u", "transfer-101", "--ns", strconv.Itoa(c.server.Process.Pid), "--nslist", "net")
	if err := push.Wait(); err == nil {
		t.Fatal("the push ended well although its connection was cut")
	}
	if !strings.Contains(said.String(), "connection was lost") {
		t.Errorf("it said %q", said.String())
	}
	info, err := os.Stat(remote)
	must(t, err)
	if info.Size() <= 1<<20 || info.Size() >= size {
		t.Fatalf("%d bytes arrived before the cut", info.Size())
	}
	if out, errs, code := r.mtric(t, args...); code != 0 || out+errs != "mtric: push: what was unsent is delivered\n" {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	c.arrived(t, 5)
	log, err := os.ReadFile(filepath.Join(home, "Logs", "101-log.txt"))
	must(t, err)
	if !strings.Contains(string(log), fmt.Sprintf("push resumed\" file=%s at=", name)) {
		t.Error("the second push did not resume")
	}
}
