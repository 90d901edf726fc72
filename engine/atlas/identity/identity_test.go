package identity_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/measurement"
)

var (
	builtIn = identity.BuiltIn()
	at      = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	letters = strings.Split("a b c d e f g h i j k l m", " ")
)

// Names that are public, each with the letters that have such names.
var names = []struct{ text, rsis string }{
	{"nnn1-fra5", "a j"}, {"rootns-elwaw3", "a j"}, {"nnn1-jptyo-1a", "a j"}, {"b1-lax", "b"}, {"lax1a.c.root-servers.org", "c"},
	{"amnl1.droot.maxgigapop.net", "d"}, {"c01.AMS.eroot", "e"}, {"p03.sfo.eroot", "e"}, {"e-03.ams.pch.net", "e"},
	{"FRA.cf.f.root-servers.org", "f"}, {"ams1b.f.root-servers.org", "f"}, {"groot-con2-1", "g"}, {"001.hkg.h.root-servers.org", "h"},
	{"s1.sth", "i"}, {"ns1.nl-ams.k.ripe.net", "k"}, {"de-ham-aa", "l"}, {"M-NRT-DIXIE-2", "m"}, {"M-CDG-3", "m"},
}

func TestRootServersAreKnown(t *testing.T) {
	for _, n := range names {
		m := builtIn.Of(n.text, at)
		if m.Kind != identity.Root || m.Weak || !slices.Equal(m.RSIs, rsis(n.rsis)) {
			t.Errorf("%s: %+v, want %s", n.text, m, n.rsis)
		}
		for _, letter := range letters {
			want := identity.Other
			if strings.Contains(n.rsis, letter) || shared(n.text, letter) {
				want = identity.None
			}
			if got := builtIn.Says(measurement.RSI(letter), n.text, at); got != want {
				t.Errorf("%s at %s: %q, want %q", n.text, letter, got, want)
			}
		}
	}
}

// shared: e and f have sites at Cloudflare, d and e at PCH. What is on the same machines is no
// sign of anybody else.
func shared(text, letter string) bool {
	return strings.Contains(text, "eroot") && letter == "f" || strings.Contains(text, ".f.root") && letter == "e" || strings.Contains(text, "pch") && letter == "d"
}

func rsis(text string) (all []measurement.RSI) {
	for _, letter := range strings.Fields(text) {
		all = append(all, measurement.RSI(letter))
	}
	return all
}

func TestResolversAreKnown(t *testing.T) {
	for text, operator := range map[string]string{
		"dnsmasq-2.90": "dnsmasq", "dnsmasq-pi-hole-v2.90": "dnsmasq", "unbound 1.19.2": "Unbound", "PowerDNS Recursor 4.1.11 (built Feb 01 2019)": "PowerDNS Recursor",
		"gpdns-ams": "Google Public DNS", "res100.fra.rrdns.pch.net": "Quad9", "res710.qbre1": "Quad9", "Microsoft DNS 6.1.7601 (1DB15D39)": "Microsoft DNS",
		"CoreDNS-1.11.1": "CoreDNS", "r1001.fra": "OpenDNS", "0x" + hex.EncodeToString([]byte("gpdns-ams\x00")): "Google Public DNS",
	} {
		if m := builtIn.Of(text, at); m.Kind != identity.Resolver || m.Weak || !slices.Equal(m.Operators, []string{operator}) || m.RSIs != nil {
			t.Errorf("%q: %+v", text, m)
		}
		for _, letter := range letters {
			if got := builtIn.Says(measurement.RSI(letter), text, at); got != identity.Recursor {
				t.Errorf("%q at %s: %q", text, letter, got)
			}
		}
	}
}

// Whatever is not surely somebody else's says nothing, at any letter.
func TestDoubtIsNoSign(t *testing.T) {
	for _, text := range []string{
		"", " ", "arn02", "zrh01", "LHR", "waw03", // as short as Cloudflare's, and as those of many
		"9.18.24", "BIND 9.16.1", "NSD 4", "Knot DNS 3.3.4", // what root servers run
		"ns1.gb-lon.authdns.ripe.net", "4.fra.pch", "HKIRC", "NORM 001B24-2DB609", "<img src=foo>", "new-site-of-k", "1.zrh2.pch",
		"x nnn1-fra5", "nnn1-fra5 x", "nnn1-fra5\nx", "b1-lax-b2-lax", "dnsmasq-2.90\x00\n", "us-lax-gw", // a part or a likeness is not it
		"0x", "0xzz", "0x00ff", "0x" + strings.Repeat("6161", 400), strings.Repeat("s1.sth", 100), "dnsmasq-" + strings.Repeat("2", 255), "dnsmasq-\xff",
		"c-root", "h2", "m13", "k1.linx", "20m456", "fra.l.root-servers.org", // loose: own, and nobody else's
	} {
		for _, letter := range letters {
			if got := builtIn.Says(measurement.RSI(letter), text, at); got != identity.None {
				t.Errorf("%.50q at %s: %q", text, letter, got)
			}
		}
	}
}

// Only while such names were in use do they tell of others; at the letter itself they never do.
func TestDatesBoundSigns(t *testing.T) {
	old := time.Date(2018, 5, 12, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		rsi  measurement.RSI
		at   time.Time
		want identity.Sign
	}{{"k", old, identity.Other}, {"k", at, identity.None}, {"l", old, identity.None}, {"l", at, identity.None}} {
		if got := builtIn.Says(c.rsi, "bah01.l.root-servers.org", c.at); got != c.want {
			t.Errorf("at %s, %s: %q", c.rsi, c.at, got)
		}
	}
	if m := builtIn.Of("bah01.l.root-servers.org", at); !m.Weak || !slices.Equal(m.RSIs, rsis("l")) {
		t.Errorf("%+v", m)
	}
}

// Laws of every text, by every order of patterns: unknown is no sign, nor is what is the RSI's own, and a
// sign says of whom it is.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var texts []*rapid.Generator[string]
		for _, p := range builtIn.Patterns() {
			texts = append(texts, rapid.StringMatching(p.Pattern))
		}
		texts = append(texts, rapid.String(), rapid.StringMatching(`[a-z0-9.-]{0,20}`))
		laws(t, rapid.OneOf(texts...).Draw(t, "text"), measurement.RSI(rapid.SampledFrom(append(letters, "z")).Draw(t, "rsi")),
			time.Unix(rapid.Int64Range(0, 2e9).Draw(t, "at"), 0))
	})
}

type failer interface{ Fatalf(string, ...any) }

func laws(t failer, text string, rsi measurement.RSI, at time.Time) {
	m, sign := builtIn.Of(text, at), builtIn.Says(rsi, text, at)
	switch {
	case m.Kind == identity.Unknown && (sign != identity.None || m.RSIs != nil || m.Operators != nil):
		t.Fatalf("%q at %s: %+v, %q", text, rsi, m, sign)
	case m.Kind != identity.Unknown && len(m.Operators) == 0 || (m.Kind == identity.Root) != (len(m.RSIs) > 0):
		t.Fatalf("%q: %+v", text, m)
	case sign != identity.None && (m.Weak || slices.Contains(m.RSIs, rsi)):
		t.Fatalf("%q at %s: %+v, %q", text, rsi, m, sign)
	case (sign == identity.Other) != (m.Kind == identity.Root) && sign != identity.None:
		t.Fatalf("%q at %s: %+v, %q", text, rsi, m, sign)
	}
	if sign == identity.None {
		return
	}
	for _, p := range builtIn.Patterns() {
		one := parsed(`{"operator": "own", "kind": "root", "rsis": ["` + string(rsi) + `"], "weak": true, "pattern": "` + p.Pattern + `"}`)
		if one.Of(text, at).Kind == identity.Root && builtIn.With(one).Says(rsi, text, at) != identity.None {
			t.Fatalf("%q at %s: a sign, and it is its own", text, rsi)
		}
	}
}

func FuzzSays(f *testing.F) {
	for _, n := range names {
		f.Add(n.text, n.rsis, int64(1763596800))
	}
	f.Add("0x676f", "k", int64(0))
	f.Fuzz(func(t *testing.T, text, rsi string, sec int64) {
		if len(rsi) == 1 && rsi[0] >= 'a' && rsi[0] <= 'z' {
			laws(t, text, measurement.RSI(rsi), time.Unix(sec, 0))
		}
	})
}

// More patterns than the built-in ones: what is their own is no sign, and what is others' is one.
func TestWith(t *testing.T) {
	more := parsed(`{"operator": "ours", "kind": "root", "rsis": ["k"], "pattern": "dnsmasq-root"}`,
		`{"operator": "box", "kind": "resolver", "from": "2026-01-01", "pattern": "box[0-9]+|router"}`)
	all := builtIn.With(more)
	for _, c := range []struct {
		text string
		want identity.Sign
	}{{"dnsmasq-root", identity.None}, {"box12", identity.Recursor}, {"ROUTER", identity.Recursor}, {"router2", identity.None}, {"b1-lax", identity.Other}} {
		if got := all.Says("k", c.text, at); got != c.want {
			t.Errorf("%s: %q", c.text, got)
		}
	}
	if got := all.Says("a", "dnsmasq-root", at); got != identity.Other {
		t.Errorf("%q", got)
	}
	if builtIn.Says("k", "box12", at) != identity.None || all.Says("k", "box12", at.AddDate(-1, 0, 0)) != identity.None || all.Date() != builtIn.Date() {
		t.Error("the built-in set changed, or a date is not held to")
	}
}

// parsed is a set of patterns as texts of JSON.
func parsed(patterns ...string) *identity.Set {
	s, err := identity.Parse(strings.NewReader(`{"schema": "mtric-identities/1", "date": "2026-12-01", "patterns": [`+strings.Join(patterns, ",")+`]}`), "x.json")
	if err != nil {
		panic(err)
	}
	return s
}
