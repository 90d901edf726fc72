//go:build system

package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clone makes what the runbook's commands want around them: a clone of the project
// with local/ filled, names that lead to the machines, a key that opens them.
func (d *deployed) clone(t *testing.T) {
	t.Helper()
	dir := filepath.Join(d.dir, "clone")
	must(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	must(t, os.MkdirAll(d.hostsDir(), 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(d.hostsDir()) })
	shell(t, "cp", "-r", "../../ansible", "../../docs", dir)
	must(t, os.Symlink(d.local, filepath.Join(dir, "local")))
	must(t, os.Symlink(d.bin, filepath.Join(dir, "bin", "mtric")))
	agent := exec.Command("ssh-agent", "-D", "-a", d.agent())
	must(t, agent.Start())
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	d.until(t, time.Minute, "the agent", func() bool { _, err := os.Stat(d.agent()); return err == nil })
	shell(t, "env", "SSH_AUTH_SOCK="+d.agent(), "ssh-add", "-q", filepath.Join(d.dir, "admin"))
}

func (d *deployed) agent() string { return filepath.Join(d.dir, "agent") }

// hostsDir is what ip netns exec lays over /etc.
func (d *deployed) hostsDir() string { return "/etc/netns/" + d.prefix + "vp" }

// follow runs what a section of docs/runbook.md says, to the letter, but for the
// number of the vantage point that is meant.
func (d *deployed) follow(t *testing.T, heading, vp string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/runbook.md")
	must(t, err)
	_, section, found := strings.Cut(string(page), "\n## "+heading+" *\n")
	if !found {
		t.Fatalf("docs/runbook.md has no section %q that is marked *", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	hosts := "127.0.0.1 localhost\n"
	for m := range d.nets {
		hosts += fmt.Sprintf("%s %s.mtric.net\n", d.address(m), m)
	}
	must(t, os.WriteFile(filepath.Join(d.hostsDir(), "hosts"), []byte(hosts), 0o644))
	for _, commands := range blocks(section) {
		if vp != "" {
			commands = strings.ReplaceAll(commands, "101", vp)
		}
		cmd := d.command("vp", "bash", "-e", "-o", "pipefail", "-c", commands)
		cmd.Dir = filepath.Join(d.dir, "clone")
		cmd.Env = append(os.Environ(), "EDITOR=true", "SSH_AUTH_SOCK="+d.agent(), "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "ANSIBLE_HOME="+filepath.Join(d.dir, "ansible"))
		log, err := os.CreateTemp(d.dir, "follow-")
		must(t, err)
		cmd.Stdout, cmd.Stderr = log, log // as in play
		err = cmd.Run()
		must(t, log.Close())
		if out, _ := os.ReadFile(log.Name()); err != nil {
			t.Fatalf("%s: %v\n%s\n%s", heading, err, commands, out)
		}
	}
}

// blocks are the indented blocks of a section.
func blocks(section string) (all []string) {
	within := false
	for line := range strings.Lines(section) {
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented && within:
			all[len(all)-1] += text
		case indented:
			all = append(all, text)
		}
		within = indented
	}
	return all
}

// testExamples: what local/README.md has one copy is enough for Ansible to begin.
func (d *deployed) testExamples(t *testing.T) {
	const copy = `set -e
cd ../../local
for f in *.example */*.example; do install -D -m 644 "$f" "$MTRIC_LOCAL/${f%.example}"; done
ssh-keygen -l -f "$MTRIC_LOCAL/known_hosts"
cd ../ansible && ansible-inventory -i inventory.sh -i "$MTRIC_LOCAL/hosts" --list`
	cmd := exec.Command("bash", "-c", copy)
	cmd.Env = append(os.Environ(), "MTRIC_LOCAL="+filepath.Join(d.dir, "examples"), "MTRIC_BINARY="+d.bin, "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"504.mtric.net"`) || !strings.Contains(string(out), `"ansible_user": "root"`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// renew puts a bare machine in the place of one that is off.
func (d *deployed) renew(t *testing.T, m string) {
	t.Helper()
	if out, err := d.machine("remove", m).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shell(t, "ip", "netns", "delete", d.prefix+m)
	d.make(t, m, "bare")
	d.on(t, m)
	d.up(t, m)
}
