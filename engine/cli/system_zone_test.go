//go:build system

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sources lays these zone sources, in order, over those of rssac047, none of
// which remains: what is left over is by serial, and never asked for the newest zone.
func sources(addresses ...string) string {
	var b strings.Builder
	for i, label := range []string{"internic", "icann-lax", "icann-cjr", "b-root", "f-root"} {
		place := `url = "https://127.0.0.1:1/{serial}.root.txt"`
		if i < len(addresses) {
			place = fmt.Sprintf("axfr = %q", addresses[i])
		}
		fmt.Fprintf(&b, "zone_source %q {\n  priority = %d\n  timeout = \"20s\"\n  %s\n}\n", label, i, place)
	}
	return b.String()
}

// fetchZone runs zone fetch as the collector with these servers as sources.
func (r *rig) fetchZone(t *testing.T, home string, want int, addresses ...string) (stderr string) {
	t.Helper()
	tag, _, _ := strings.Cut(r.anchor, " ")
	plan := r.plan(t, "", fmt.Sprintf("anchor %q {\n  ds = %q\n}\n", tag, r.anchor)+sources(addresses...))
	began := time.Now()
	out, errs, code := r.mtric(t, "zone", "fetch", "--vp", "c00", "--home", home, "--plan", "rssac047", "--plan", plan)
	if code != want {
		t.Errorf("zone fetch from %v: exit code %d, want %d\n%s%s", addresses, code, want, out, errs)
	}
	if want == 0 && out+errs != "" {
		t.Errorf("not silent:\n%s%s", out, errs)
	}
	t.Logf("%v: exit code %d in %s", addresses, code, time.Since(began).Round(time.Millisecond))
	return errs
}

// archived is the file that a home's archive keeps of the rig's zone.
func (r *rig) archived(t *testing.T, home string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, "Output", "RootZones", fmt.Sprintf("%d.root.txt", r.serial)))
	must(t, err)
	return text
}

// By AXFR from NSD, Knot and BIND, over IPv4 and IPv6, comes the same zone; what
// a server serves that is not the root zone is refused.
func (r *rig) testZoneFetch(t *testing.T) {
	var first []byte
	for _, l := range []byte("abc") {
		for _, address := range []string{v4(l, 53), v6(l, 53)} {
			home := r.home(t)
			r.fetchZone(t, home, 0, address)
			text := r.archived(t, home)
			if first == nil {
				first = text
			}
			if !bytes.Equal(text, first) {
				t.Errorf("%s: another archived file than from the first server", address)
			}
			r.fetchZone(t, home, 0, address)
			records, err := os.ReadFile(filepath.Join(home, "Output", "RootZones", "fetches.jsonl"))
			must(t, err)
			if strings.Count(string(records), "\n") != 2 || strings.Count(string(records), `"added":true`) != 1 {
				t.Errorf("%s: records\n%s", address, records)
			}
		}
	}
	t.Run("the file gives the same", func(t *testing.T) {
		home := r.home(t)
		tag, _, _ := strings.Cut(r.anchor, " ")
		plan := r.plan(t, "", fmt.Sprintf("anchor %q {\n  ds = %q\n}\n", tag, r.anchor))
		if out, errs, code := r.mtric(t, "zone", "add", r.zone, "--home", home, "--plan", "rssac047", "--plan", plan); code != 0 {
			t.Fatalf("zone add: exit code %d\n%s%s", code, out, errs)
		}
		if !bytes.Equal(r.archived(t, home), first) {
			t.Error("another archived file than by AXFR")
		}
	})
	t.Run("refused transfer", func(t *testing.T) {
		errs := r.fetchZone(t, r.home(t), 3, v4('m', 53), v4('b', 53))
		if !strings.Contains(errs, "source internic axfr 10.53.13.53:53: unavailable: rcode REFUSED") {
			t.Error(errs)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		errs := r.fetchZone(t, r.home(t), 1, v4('a', 99))
		if !strings.Contains(errs, "no source yielded a good root zone") {
			t.Error(errs)
		}
	})
	t.Run("older and tampered", func(t *testing.T) { r.testBadZones(t) })
}

// serve starts a server anew with another zone; it stays for the tests to come.
func (r *rig) serve(t *testing.T, letter byte, zone []byte) {
	t.Helper()
	dir := filepath.Join(r.dir, "run", string(letter))
	must(t, os.WriteFile(filepath.Join(dir, "root.zone"), zone, 0o644))
	// Killed, Knot leaves this behind and would not start again.
	if err := os.Remove(filepath.Join(dir, "knot.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	r.restart(r.t, letter)
}

// testBadZones has servers serve what must not be taken, one of each software.
func (r *rig) testBadZones(t *testing.T) {
	good, err := os.ReadFile(r.zone)
	must(t, err)
	older, err := os.ReadFile(r.older)
	must(t, err)
	glue := regexp.MustCompile(`(?m)^(\S+\s+\d+\s+IN\s+A\s+\d+\.\d+\.\d+\.)(\d+)$`)
	places := glue.FindAllSubmatchIndex(good, -1)
	if len(places) == 0 {
		t.Fatal("no glue in the zone")
	}
	at := places[len(places)/2]
	tampered := append(append(bytes.Clone(good[:at[4]]), "253"...), good[at[5]:]...)
	unsigned := regexp.MustCompile(`(?m)^\S+\s+\d+\s+IN\s+RRSIG\s+DS\s.*\n`).ReplaceAll(good, nil)
	home, behind := r.home(t), r.home(t)
	r.fetchZone(t, home, 0, v4('f', 53))
	before := r.archived(t, home)
	r.serve(t, 'd', older)
	r.fetchZone(t, behind, 0, v4('d', 53))
	for _, c := range []struct {
		letter byte
		text   []byte
		home   string // empty: the archive has no zone yet
		want   string
	}{
		// The archive has the zone before: of a serial that it knows nothing is transferred.
		{'d', tampered, behind, "bogus: "},
		{'e', tampered, "", "./ZONEMD: the digest is not the zone's"},
		{'c', older, home, fmt.Sprintf("older-serial: serial %d is older than %d", r.serial-1, r.serial)},
		{'g', unsigned, "", "/DS: no signature"},
	} {
		r.serve(t, c.letter, c.text)
		in := c.home
		if in == "" {
			in = r.home(t)
		}
		if errs := r.fetchZone(t, in, 1, v4(c.letter, 53)); !strings.Contains(errs, c.want) {
			t.Errorf("%c: %s, want %q", c.letter, errs, c.want)
		}
		if kept, err := filepath.Glob(filepath.Join(in, "Output", "RootZones", "*.root.txt")); err != nil || len(kept) != min(len(c.home), 1) {
			t.Errorf("%c: kept %v (%v)", c.letter, kept, err)
		}
		r.serve(t, c.letter, good)
	}
	if !bytes.Equal(r.archived(t, home), before) {
		t.Error("the archived zone was overwritten")
	}
	alerts := func(home string) string {
		text, err := os.ReadFile(filepath.Join(home, "Logs", "c00-alerts.txt"))
		must(t, err)
		return string(text)
	}
	for _, want := range []string{`FATAL rule="mtric.zone fetch"`, `critical FIRING rule="mtric.zone fetch" condition=bogus `} {
		if !strings.Contains(alerts(behind), want) {
			t.Errorf("no %s in\n%s", want, alerts(behind))
		}
	}
	if text := alerts(home); !strings.Contains(text, `FATAL rule="mtric.zone fetch"`) || strings.Contains(text, "condition=older-serial") {
		t.Errorf("want FATAL, and no alert of a source that has lacked a zone for a moment only:\n%s", text)
	}
}
