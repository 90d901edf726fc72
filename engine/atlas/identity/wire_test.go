package identity_test

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/measurement"
)

// The parts of a response to hostname.bind CH TXT.
const (
	header   = "1234" + "8400" + "0001" + "0001" + "0000" + "0000"
	question = "08686f73746e616d65" + "0462696e64" + "00" + "0010" + "0003"
	record   = "c00c" + "0010" + "0003" + "00000000"
)

func TestWires(t *testing.T) {
	for _, c := range []struct {
		name, wire   string
		text         string
		told, ra, ok bool
	}{
		{"an identity", header + question + record + "0007" + "0673312e737468", "s1.sth", true, false, true},
		{"of a resolver", strings.Replace(header, "8400", "8180", 1) + question + record + "0007" + "0673312e737468", "s1.sth", true, true, true},
		{"in two strings", header + question + record + "0008" + "0373312e" + "03737468", "s1.sth", true, false, true},
		{"of another case", header + strings.Replace(question, "686f73", "484f53", 1) + record + "0007" + "0673312e737468", "s1.sth", true, false, true},
		{"empty", header + question + record + "0001" + "00", "", false, false, true},
		{"too long", header + question + record + "0201" + strings.Repeat("ff"+strings.Repeat("61", 255), 2) + "00", "", false, false, true},
		{"of another name", header + question + "00" + "0010" + "0003" + "00000000" + "0007" + "0673312e737468", "", false, false, true},
		{"class IN", header + strings.Replace(question, "00100003", "00100001", 1) + record + "0007" + "0673312e737468", "", false, false, true},
		{"a query", strings.Replace(header, "8400", "0480", 1) + question + record + "0007" + "0673312e737468", "", false, true, false},
		{"cut off", header + question + record + "0007" + "0673", "", false, false, true},
		{"a header", "1234" + "8084" + "0000" + "0000" + "0000" + "0000", "", false, true, true},
		{"no header", "12348084", "", false, false, false},
		{"nothing", "", "", false, false, false},
	} {
		wire, err := hex.DecodeString(c.wire)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if text, told := identity.Text(wire); told != c.told || told && text != c.text {
			t.Errorf("%s: text %q, %v", c.name, text, told)
		}
		if ra, ok := identity.Flags(wire); ra != c.ra || ok != c.ok {
			t.Errorf("%s: flags %v, %v", c.name, ra, ok)
		}
	}
}

func FuzzWire(f *testing.F) {
	wire, _ := hex.DecodeString(header + question + record + "0007" + "0673312e737468")
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) {
		text, told := identity.Text(wire)
		_, ok := identity.Flags(wire)
		if told && (!ok || text == "" || len(text) > 255) {
			t.Errorf("%q of %x, a response: %v", text, wire, ok)
		}
	})
}

// coarse says by a part of the text whose it is, a second time and by other means than the patterns.
var coarse = []struct{ part, rsis string }{
	{`^(nnn1|rootns)-`, "a j"}, {`^b\d-`, "b"}, {`[.]c[.]root-servers`, "c"}, {`[.]droot[.]`, "d"}, {`[.]eroot$|^e-\d+`, "e"}, {`[.]f[.]root-servers`, "f"},
	{`^groot-`, "g"}, {`[.]h[.]root-servers`, "h"}, {`^s\d[.]`, "i"}, {`[.]k[.]ripe[.]net$`, "k"}, {`^[a-z]{2}-[a-z]{3}-..$`, "l"}, {`^M-`, "m"},
}

// Every genuine text is the right letters' or unknown, and is no sign at those.
func TestGenuineIdentities(t *testing.T) {
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("genuine results of RIPE Atlas are not read: set MTRIC_REAL_DATA to a folder with atlas/abufs.txt")
	}
	lines, err := os.ReadFile(filepath.Join(dir, "atlas", "abufs.txt"))
	if err != nil {
		t.Fatal(err)
	}
	known, unknown, wires := map[string]int{}, map[string]int{}, 0
	for line := range strings.Lines(string(lines)) {
		wire, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		text, told := identity.Text(wire)
		if !told {
			continue
		}
		wires++
		var want []measurement.RSI
		for _, c := range coarse {
			if regexp.MustCompile(c.part).MatchString(text) {
				want = rsis(c.rsis)
			}
		}
		m := builtIn.Of(text, at)
		switch {
		case want == nil && (m.Kind == identity.Unknown || m.Weak):
			unknown[text]++
		case m.Weak || !slices.Equal(m.RSIs, want):
			t.Errorf("%q: %+v, want %v", text, m, want)
		default:
			known[strings.Join(measurement.Strings(want), " ")]++
		}
		for _, rsi := range want {
			if sign := builtIn.Says(rsi, text, at); sign != identity.None {
				t.Errorf("%q at %s: %q", text, rsi, sign)
			}
		}
		if want == nil && builtIn.Says("k", text, at) != identity.None {
			t.Errorf("%q is unknown, and a sign", text)
		}
	}
	t.Logf("%d texts; known %v; unknown %v", wires, known, unknown)
	if wires < 1000 || len(known) != 12 || len(unknown) > 60 {
		t.Errorf("%d texts, %d letters, %d unknown", wires, len(known), len(unknown))
	}
}
