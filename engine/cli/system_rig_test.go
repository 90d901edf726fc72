//go:build system

package cli_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
)

// letters are the RSIs of the rig; the letter at index i has 10.53.i+1.53.
const letters = "abcdefghijklm"

// rig is thirteen real root servers behind three routers, and the program under
// test at the vantage point, run as the user metrics.
type rig struct {
	shared
	t          *testing.T
	prefix     string // of the namespaces
	dir        string // of what is this rig's own; below /var/lib, since sshd wants no parent that others can write
	ca         string // the authority of the servers' certificates; empty where they have none
	uid        int
	timestamps string // of the last run read
	gid        int
}

const rigScripts = "../../testdata/rig"

// startRig has the servers serve the root.
func startRig(t *testing.T) *rig {
	r := newRig(t)
	r.script(t, "up.sh", r.zone)
	return r
}

// newRig is a rig whose servers do not run yet.
func newRig(t *testing.T) *rig {
	if os.Getuid() != 0 {
		t.Fatal("the system test needs root for network namespaces: make test-system as root")
	}
	dir, err := os.MkdirTemp("/var/lib", "mtric-system-")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{shared: prepare(t), t: t, prefix: fmt.Sprintf("mt%d", os.Getpid()), dir: dir}
	t.Cleanup(func() {
		r.script(t, "down.sh")
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	must(t, os.Chmod(dir, 0o755))
	u, err := user.Lookup("metrics")
	if err != nil {
		t.Fatalf("%v; testdata/rig/install.sh makes the user", err)
	}
	r.uid, _ = strconv.Atoi(u.Uid)
	r.gid, _ = strconv.Atoi(u.Gid)
	return r
}

func (r *rig) build(dir, out string, env ...string) {
	r.t.Helper()
	must(r.t, goBuild(dir, out, env...))
}

// script runs one of the rig's scripts.
func (r *rig) script(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(rigScripts, name), args...)
	cmd.Env = append(os.Environ(), "PREFIX="+r.prefix, "RUN="+filepath.Join(r.dir, "run"))
	if r.ca != "" {
		cmd.Env = append(cmd.Env, "CERTIFICATES="+filepath.Dir(r.ca))
	}
	// Servers started by the script outlive it and must not hold a pipe of ours.
	out, err := os.Create(filepath.Join(r.dir, name+".log"))
	if errors.Is(err, os.ErrNotExist) {
		return // set-up ended before there was anything
	}
	must(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
}

// in runs a command in the namespace of a machine and fails the test when it fails.
func (r *rig) in(machine string, command ...string) string {
	r.t.Helper()
	out, err := r.command(machine, command...).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %s: %v\n%s", machine, strings.Join(command, " "), err, out)
	}
	return string(out)
}

func (r *rig) command(machine string, command ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", r.prefix + machine}, command...)...)
}

// start runs a daemon until the test ends and waits for its first line.
func (r *rig) start(t *testing.T, machine string, command ...string) {
	t.Helper()
	cmd := r.command(machine, command...)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%s: %q, %v", command[0], line, err)
	}
}

// v4 and v6 are the addresses of an RSI; host is 53 for the server itself and 54
// for what stands in front of it.
func v4(letter byte, host int) string {
	return fmt.Sprintf("10.53.%d.%d", strings.IndexByte(letters, letter)+1, host)
}
func v6(letter byte, host int) string {
	return fmt.Sprintf("fd53:%x::%d", strings.IndexByte(letters, letter)+1, host)
}

// home makes a home of the user metrics.
func (r *rig) home(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp(r.dir, "home-")
	must(t, err)
	must(t, os.Chown(home, r.uid, r.gid))
	return home
}

// plan writes a site's plan to lie over rssac047: the rig's servers, those of
// fronted at the address of what stands in front of them.
func (r *rig) plan(t *testing.T, fronted, more string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("server \"root\" {\n  for_each = {\n")
	for i := range letters {
		l := letters[i]
		host := 53
		if strings.IndexByte(fronted, l) >= 0 {
			host = 54
		}
		fmt.Fprintf(&b, "    %c = { ipv4 = %q, ipv6 = %q }\n", l, v4(l, host), v6(l, host))
	}
	b.WriteString("  }\n  rsi  = each.key\n  name = \"${each.key}.root-servers.net.\"\n  ipv4 = each.value.ipv4\n  ipv6 = each.value.ipv6\n}\n")
	dir, err := os.MkdirTemp(r.dir, "plan-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "site.hcl"), []byte(b.String()+more), 0o644))
	return dir
}

// untraced keeps an interval short: the routes are traced once a day.
const untraced = `
schedule "seldom" {
  every = "1d"
}
traceroute "path" {
  schedule = schedule.seldom
  servers  = server.root
  families = ["ipv4", "ipv6"]
  after    = [query.soa, query.correctness]
  tool     = "scamper"
  method   = "icmp-paris"
  limit    = "150s"
}
`

// mtric runs the program at the vantage point as the user metrics.
func (r *rig) mtric(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := r.mtricCommand(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		must(t, err)
	}
	return out.String(), errs.String(), code
}

func (r *rig) mtricCommand(args ...string) *exec.Cmd {
	return r.command("vp", append([]string{"setpriv", fmt.Sprintf("--reuid=%d", r.uid), fmt.Sprintf("--regid=%d", r.gid),
		"--clear-groups", "env", "HOME=/nonexistent", "SSL_CERT_FILE=" + r.ca, r.bin}, args...)...)
}

// measure runs one interval and returns its answers.
func (r *rig) measure(t *testing.T, home, plan string, want int, more ...string) []measurement.Answer {
	t.Helper()
	args := append([]string{"measure", "--no-wait", "--vp", "101", "--home", home, "--plan", "rssac047", "--plan", plan}, more...)
	out, errs, code := r.mtric(t, args...)
	if code != want {
		t.Fatalf("exit code %d, want %d\n%s%s", code, want, out, errs)
	}
	if want == 0 && out+errs != "" {
		t.Errorf("not silent:\n%s%s", out, errs)
	}
	return r.rows(t, home)
}

// rows reads the newest answers file of a home, sent or not.
func (r *rig) rows(t *testing.T, home string) []measurement.Answer {
	t.Helper()
	file := newest(t, home, "answers")
	must(t, files.CheckSidecar(file))
	rows, meta, err := column.Read[measurement.Answer](file)
	must(t, err)
	if len(rows) != 65 || meta.Run == nil || meta.Run.Planned != 65 {
		t.Fatalf("%d rows, run %+v", len(rows), meta.Run)
	}
	r.timestamps = meta.Run.Timestamps
	return rows
}

func newest(t *testing.T, home, table string) string {
	t.Helper()
	last := ""
	for _, pattern := range []string{"Output/*." + table + ".parquet", "Output/Sent/*." + table + ".parquet"} {
		files, err := filepath.Glob(filepath.Join(home, pattern))
		must(t, err)
		for _, f := range files {
			if filepath.Base(f) > filepath.Base(last) {
				last = f
			}
		}
	}
	if last == "" {
		t.Fatalf("no file of %s in %s", table, home)
	}
	return last
}

// giveZone puts the zone into a home by hand, as step 1 has it.
func (r *rig) giveZone(t *testing.T, home string) {
	t.Helper()
	dir := filepath.Join(home, "Output", "RootZones")
	must(t, os.MkdirAll(dir, 0o755))
	text, err := os.ReadFile(r.zone)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.root.txt", r.serial)), text, 0o644))
	for _, d := range []string{filepath.Join(home, "Output"), dir} {
		must(t, os.Chown(d, r.uid, r.gid))
	}
}

// signal sends a signal to the server of an RSI.
func (r *rig) signal(letter byte, s syscall.Signal) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "run", string(letter), "pid"))
	must(r.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(r.t, err)
	for _, p := range append(r.children(pid), pid) {
		must(r.t, syscall.Kill(p, s))
	}
}

// children are the processes that a server has started, as NSD does.
func (r *rig) children(pid int) []int {
	out, _ := exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output() // none is no error
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		if p, err := strconv.Atoi(field); err == nil {
			pids = append(append(pids, r.children(p)...), p)
		}
	}
	return pids
}

// restart starts the server of an RSI anew, after its zone file was changed.
func (r *rig) restart(t *testing.T, letter byte) {
	t.Helper()
	r.signal(letter, syscall.SIGKILL)
	for range 100 { // a killed server holds its port for a moment, and the new one would end
		if !strings.Contains(r.in(string(letter), "ss", "-Hlntu"), ":53 ") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	dir := filepath.Join(r.dir, "run", string(letter))
	text, err := os.ReadFile(filepath.Join(dir, "command"))
	must(t, err)
	log, err := os.Create(filepath.Join(dir, "log2"))
	must(t, err)
	cmd := r.command(string(letter), strings.Split(strings.TrimSpace(string(text)), "\n")...)
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = log.Close() })
	must(t, os.WriteFile(filepath.Join(dir, "pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o644))
	for range 200 {
		out, _ := r.command("vp", "dig", "+tries=1", "+time=1", "@"+v4(letter, 53), ".", "SOA").Output()
		if bytes.Contains(out, []byte("status: ")) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	t.Fatalf("root server %c does not answer after its restart; its log:\n%s", letter, said)
}
