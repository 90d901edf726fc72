package cli_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// serveZones gives a script places to fetch root zones from: $HTTPS with
// /zone, /next and what is wrong with them, /peer with both by serial and /liar, whose
// certificate its programs believe, and $AXFR.
func (w *world) serveZones(env *testscript.Env, atEnd func(func())) error {
	next, err := w.zone.NextVersion(lab.Revision{})
	if err != nil {
		return err
	}
	other, err := w.zone.NextVersion(lab.Revision{Serial: w.zone.Serial})
	if err != nil {
		return err
	}
	stranger, err := lab.Generate(lab.Options{Seed: 2, Serial: w.zone.Serial, TLDs: 12, Inception: w.zone.Inception, Expiration: w.zone.Expiration})
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for name, z := range map[string]*lab.Zone{"/zone": w.zone, "/next": next, "/other": other, "/stranger": stranger} {
		var b bytes.Buffer
		if _, err := z.WriteTo(&b); err != nil {
			return err
		}
		texts[name] = b.String()
	}
	texts["/cut"] = texts["/next"][:20_000]
	texts["/page"] = "<html><body>503 Service Unavailable</body></html>\n"
	texts["/tampered"] = strings.Replace(texts["/next"], "IN\tA\t", "IN\tA\t1", 1)
	texts["/peer/2026112301.root.txt"], texts["/peer/2026112302.root.txt"] = texts["/zone"], texts["/next"]
	texts["/liar/2026112302.root.txt"] = texts["/zone"]
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := texts[r.URL.Path]
		tag := strconv.Quote(r.URL.Path)
		w.Header().Set("ETag", tag)
		switch {
		case !known:
			http.NotFound(w, r)
		case r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
		default:
			fmt.Fprint(w, text)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of programs that are killed while they ask
	s.StartTLS()
	atEnd(s.Close)
	ca := filepath.Join(env.WorkDir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o644); err != nil {
		return err
	}
	env.Setenv("SSL_CERT_FILE", ca)
	env.Setenv("HTTPS", s.URL)
	env.Setenv("AXFR", w.good.Addr("b", measurement.IPv4).String())
	return nil
}

// sighting writes a lake whose table zones has these serials, as answers show
// them: sighting HOME STATE SERIAL….
func sighting(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sighting LAKE STATE SERIAL…")
	}
	var rows []measurement.Zone
	for _, text := range args[2:] {
		serial, err := strconv.ParseUint(text, 10, 32)
		ts.Check(err)
		rows = append(rows, measurement.Zone{Serial: int64(serial), State: measurement.ZoneState(args[1])})
	}
	ts.Check(lake.Store{Dir: ts.MkAbs(args[0]), Version: "test"}.SaveZones(rows))
}

// Killed at any moment, zone fetch leaves whole zones and readable records, and
// the next run goes on as if nothing had been.
func TestZoneFetchKilledAnywhere(t *testing.T) {
	home := t.TempDir()
	env := &testscript.Env{WorkDir: home}
	w := newWorld(t)
	if err := w.setup(env, t.Cleanup); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "mtric") // by this name the test binary is the program
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(home, "plan")
	if err := os.Mkdir(plan, 0o755); err != nil {
		t.Fatal(err)
	}
	fetch := func(path string) *exec.Cmd {
		text := fmt.Sprintf("zone_source \"x\" {\n  url = %q\n}\n", env.Getenv("HTTPS")+path)
		if err := os.WriteFile(filepath.Join(plan, "x.hcl"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "zone", "fetch", "--vp", "c00", "--home", home, "--plan", "demo", "--plan", filepath.Join(home, "site"), "--plan", plan)
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+env.Getenv("SSL_CERT_FILE"))
		return cmd
	}
	zones := filepath.Join(home, "Output", "RootZones")
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 24 {
		if i%4 == 0 { // again as if the zone were new
			if err := os.RemoveAll(zones); err != nil {
				t.Fatal(err)
			}
		}
		cmd := fetch("/zone")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.IntN(120)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if _, err := rootzone.Records(zones); err != nil {
			t.Error(err)
		}
		if _, err := rootzone.Open(filepath.Join(zones, "2026112301.root.txt")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	if out, err := fetch("/next").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	records, err := rootzone.Records(zones)
	if err != nil || len(records) == 0 || records[len(records)-1].Serial != 2026112302 {
		t.Errorf("records %v, %v", records, err)
	}
	entries, err := os.ReadDir(zones)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("left: %s", e.Name())
		}
	}
	t.Logf("%d fetches were on record before the kill", len(records)-1)
}

// An interruption says nothing about the sources: no alert, nothing kept.
func TestZoneFetchInterrupted(t *testing.T) {
	home := t.TempDir()
	asked := make(chan struct{}, 1)
	s, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	go func() { // a server that never comes to its own
		if c, err := s.Accept(); err == nil {
			t.Cleanup(func() { c.Close() })
			asked <- struct{}{}
		}
	}()
	plan := filepath.Join(home, "plan")
	if err := os.Mkdir(plan, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("zone_source \"slow\" {\n  url = %q\n}\nzone_source \"other\" {\n  file = \"never-read\"\n}\n", "https://"+s.Addr().String()+"/")
	if err := os.WriteFile(filepath.Join(plan, "x.hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "mtric")
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "zone", "fetch", "--vp", "c00", "--home", home, "--plan", "demo", "--plan", plan)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(said.String(), "source slow http") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
	if alerts, err := os.ReadFile(filepath.Join(home, "Logs", "c00-alerts.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("alerts %s, %v", alerts, err)
	}
	if kept, err := os.ReadDir(filepath.Join(home, "Output", "RootZones")); err != nil || len(kept) > 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
}
