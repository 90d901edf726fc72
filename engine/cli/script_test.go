package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mtric.net/mtric/engine/cli"
	kept "mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/transfer"
)

// atEnd is done after all tests.
var atEnd []func() error

// tests are all, with what is done after them.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	for _, f := range atEnd {
		if err := f(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"mtric": func() { os.Exit(cli.RunInTime(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// world is what the scripts run against: a root server system in good order, one
// with faults, and for each script a dropbox for vantage point 101.
type world struct {
	zone         *lab.Zone
	good, faulty *lab.System
}

// faults of the second system, by RSI.
var faults = []lab.Fault{
	{Kind: lab.Refuse, RSIs: []measurement.RSI{"c"}, Transports: []measurement.Transport{measurement.TCP}},
	{Kind: lab.ServFail, RSIs: []measurement.RSI{"d"}},
	{Kind: lab.Drop, RSIs: []measurement.RSI{"e"}},
	{Kind: lab.Stale, RSIs: []measurement.RSI{"k"}},
	{Kind: lab.TC, RSIs: []measurement.RSI{"m"}},
}

func newWorld(t *testing.T) *world {
	now := time.Now()
	// Good at the times that scripts set with --now, and now.
	inception := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	zone, err := lab.Generate(lab.Options{Seed: 1, Serial: 2026112301, TLDs: 40, Inception: inception, Expiration: now.AddDate(0, 0, 13)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{zone: zone}
	for _, s := range []struct {
		system **lab.System
		faults []lab.Fault
	}{{&w.good, nil}, {&w.faulty, faults}} {
		if *s.system, err = lab.Start(lab.Config{Zone: zone, Faults: s.faults, TLS: true, Versions: true}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := (*s.system).Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return w
}

// setup gives a script its home: zone.txt, site/ with its anchor, key and
// known_hosts of vantage point 101, and as variables the plan's values that make
// a command ask one system or the other.
func (w *world) setup(env *testscript.Env, atEnd func(func())) error {
	var text bytes.Buffer
	if _, err := w.zone.WriteTo(&text); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(env.WorkDir, "zone.txt"), text.Bytes(), 0o644); err != nil {
		return err
	}
	// A plan to lie over another: the zone's own trust anchor.
	_, ds, _ := strings.Cut(w.zone.DS(), "DS")
	ds = strings.TrimSpace(ds)
	tag, _, _ := strings.Cut(ds, " ")
	site := fmt.Sprintf("anchor %q {\n  ds = %q\n}\n", tag, ds)
	if err := os.Mkdir(filepath.Join(env.WorkDir, "site"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(env.WorkDir, "site", "anchor.hcl"), []byte(site), 0o644); err != nil {
		return err
	}
	box, err := transfer.NewDropbox(filepath.Join(env.WorkDir, "sftp"))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- box.Serve(l) }()
	atEnd(func() { _, _ = box.Close(), <-served })
	line, err := transfer.GenerateKey(filepath.Join(env.WorkDir, ".ssh", "id_ed25519"))
	if err != nil {
		return err
	}
	if err := box.Allow("transfer-101", line); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	known := transfer.KnownHostsLine("127.0.0.1", uint16(number), box.HostKey())
	if err := os.WriteFile(filepath.Join(env.WorkDir, ".ssh", "known_hosts"), []byte(known), 0o600); err != nil {
		return err
	}
	for name, s := range map[string]*lab.System{"PORTS": w.good, "FAULTY_PORTS": w.faulty} {
		env.Setenv(name, fmt.Sprintf("port_base=%d", s.PortBase()))
	}
	env.Setenv("SFTP", "sftp_port="+port)
	env.Setenv("IPV6", fmt.Sprintf("ipv6=%t", w.good.IPv6))
	if err := w.serveZones(env, atEnd); err != nil {
		return err
	}
	env.Setenv("HOME", env.WorkDir)
	if program, err := exec.LookPath("mtric"); err == nil {
		env.Setenv("MTRIC", program) // for scripts that change PATH
	}
	return nil
}

// status runs a program and compares its exit code: status 2 mtric plan check.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func TestScripts(t *testing.T) {
	w := newWorld(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		UpdateScripts:       *kept.Update,
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return w.setup(env, env.Defer) },
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"status": status, "sighting": sighting, "kind": kind},
	})
}
