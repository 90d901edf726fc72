//go:build system

package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The faults that are planted are each an event.
const siteFaults = `
fault "outage" {
  kind  = "down"
  rsis  = ["c"]
  paths = ["ipv4/udp"]
  from  = "2026-11-19T09:00:00Z"
  until = "2026-11-19T11:30:00Z"
}
fault "open" {
  kind  = "down"
  rsis  = ["f"]
  paths = ["ipv6/tcp"]
  from  = "2026-11-20T21:50:00Z"
  until = "2026-11-21T00:00:00Z"
}
fault "local-outage" {
  kind           = "down"
  rsis           = ["a"]
  vantage_points = ["102"]
  paths          = ["ipv4/udp"]
  from           = "2026-11-19T13:00:00Z"
  until          = "2026-11-19T13:30:00Z"
}
fault "stale" {
  kind  = "frozen"
  rsis  = ["d"]
  from  = "2026-11-20T03:00:00Z"
  until = "2026-11-20T14:00:00Z"
}
fault "wrong" {
  kind           = "wrong"
  rsis           = ["g"]
  vantage_points = ["103"]
  from           = "2026-11-20T11:00:00Z"
  until          = "2026-11-20T12:00:00Z"
}
fault "slow" {
  kind           = "slow"
  by             = "300ms"
  rsis           = ["h"]
  vantage_points = ["104"]
  paths          = ["ipv4/udp"]
  from           = "2026-11-20T15:00:00Z"
  until          = "2026-11-20T19:00:00Z"
}
fault "silent" {
  kind           = "silent"
  vantage_points = ["105"]
  from           = "2026-11-19T03:00:00Z"
  until          = "2026-11-19T06:00:00Z"
}
fault "clock" {
  kind           = "unsynchronized"
  vantage_points = ["106"]
  from           = "2026-11-20T06:00:00Z"
  until          = "2026-11-20T08:00:00Z"
}
fault "off-plan" {
  kind           = "off_plan"
  vantage_points = ["107"]
  rsis           = ["b"]
  from           = "2026-11-20T16:00:00Z"
  until          = "2026-11-20T17:00:00Z"
}
fault "own" {
  kind           = "unreachable"
  vantage_points = ["108"]
  paths          = ["ipv6/udp", "ipv6/tcp"]
  from           = "2026-11-20T15:00:00Z"
  until          = "2026-11-20T18:00:00Z"
}
`

const siteVantagePoints = `
vantage_point "{each.key}" {
  for_each = { for id in [101, 102, 103, 104, 105, 106, 107, 108] : id => ["north_america", "Boston"] }
  region   = each.value[0]
  metro    = each.value[1]
  provider = "test"
}
`

// sites are a simulated lake as a site of each edition.
type sites struct{ root string }

func (s sites) file(edition string) string { return "file://" + filepath.Join(s.root, edition) }

func plantedSites(t *testing.T) sites {
	t.Helper()
	s := sites{t.TempDir()}
	write := func(name, text string) string {
		path := filepath.Join(s.root, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	local := filepath.Dir(write("plan/vantage-points.hcl", siteVantagePoints))
	faults := write("faults.hcl", siteFaults)
	plan := []string{"--plan", "rssac047", "--plan", local}
	home := append([]string{"--home", filepath.Join(s.root, "home"), "--now", "2026-11-21T00:04:00Z", "--quiet"}, plan...)
	ownOutput(t, append([]string{"simulate", "--out", filepath.Join(s.root, "home", "Lake"), "--vps", "8", "--from", "2026-11-17", "--until", "2026-11-21", "--seed", "5", "--faults", faults}, plan...)...)
	ownOutput(t, append([]string{"derive"}, home...)...)
	for _, edition := range []string{"internal", "public"} {
		ownOutput(t, append([]string{"site", "--out", filepath.Join(s.root, edition), "--edition", edition}, home...)...)
	}
	return s
}

// The page of a site shows, over a file system as over HTTPS, what was planted.
func TestSystemSite(t *testing.T) {
	s := plantedSites(t)
	web := httptest.NewTLSServer(http.FileServer(http.Dir(s.root)))
	defer web.Close()
	b := openBrowser(t)
	for name, test := range map[string]func(*testing.T, *browser, sites, string){
		"views": siteViews, "policy": sitePolicy, "pointer": sitePointer, "keyboard": siteKeyboard, "touch": siteTouch,
		"events": siteEvents, "hostile": siteHostile, "public": sitePublic, "damaged": siteDamaged, "made up": siteMadeUp, "cells": siteCells,
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			b.look(1200, "light")
			b.complaints()
			test(t, b, s, web.URL)
		})
	}
	b.t = t
}

// siteAddresses are those of all views, the explorer at each scale and of each kind.
var siteAddresses = []string{
	"#/now", "#/zones", "#/months", "#/events",
	"#/explorer/rsi/c/v4-udp/2026", "#/explorer/rsi/c/all/202611", "#/explorer/rsi/c/v4-udp/20261119?at=1795080000&row=101",
	"#/explorer/rsi/h/v4-udp/20261120?m=latency&row=104", "#/explorer/rsi/d/all/20261120?m=serial", "#/explorer/rsi/k/v6-udp/20261120?m=instance",
	"#/explorer/vp/108/all/20261120", "#/explorer/vp/104/v4-udp/202611?m=latency",
}

// unfinished is what a page shows where a program forgot something.
var unfinished = regexp.MustCompile(`\b(undefined|NaN|null|Infinity|false|true)\b|\[object`)

// Each view draws itself, wide and narrow, light and dark, without a complaint and without
// that the page must be moved sideways.
func siteViews(t *testing.T, b *browser, s sites, web string) {
	for _, base := range []string{s.file("internal"), web + "/internal", s.file("public")} {
		for _, hash := range siteAddresses {
			b.look(1200, "light")
			b.open(base, hash)
			for _, width := range []int{1200, 420} {
				for _, scheme := range []string{"light", "dark"} {
					b.look(width, scheme)
					b.eval(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))`, nil)
					where := fmt.Sprintf("%s%s, %d px, %s", base, hash, width, scheme)
					if wide := b.text(`document.scrollingElement.scrollWidth <= innerWidth ? "" : "" + document.scrollingElement.scrollWidth`); wide != "" {
						t.Errorf("%s: the page is %s px wide", where, wide)
					}
					if b.truth(`document.querySelector(".trouble")`) {
						t.Errorf("%s: %s", where, b.text(`document.querySelector(".trouble").innerText`))
					}
					if strings.Contains(hash, "explorer") && !b.truth(siteDrawn) {
						t.Errorf("%s: the heat map has one colour", where)
					}
				}
			}
			if found := unfinished.FindString(b.text(`document.body.innerText`)); found != "" {
				t.Errorf("%s%s shows %q: %s", base, hash, found, b.text(`document.body.innerText`))
			}
			if said := b.complaints(); len(said) > 0 {
				t.Errorf("%s%s: %s", base, hash, strings.Join(said, "\n"))
			}
		}
	}
	// What the first look costs.
	b.call("Network.setCacheDisabled", map[string]any{"cacheDisabled": true}, nil)
	b.mu.Lock()
	b.loads = 0
	b.mu.Unlock()
	b.open(web+"/internal", "#/now")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loads < 100<<10 || b.loads > 1<<20 {
		t.Errorf("the first view loads %d bytes, want at most 1 MiB", b.loads)
	}
}

// siteDrawn is whether the heat map has several colours.
const siteDrawn = `(() => {
	const c = document.querySelector("canvas.heat"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data, seen = new Set();
	for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
	return seen.size > 3;
})()`

// What is not of the page's own files does not run: neither scripts nor styles nor handlers.
func sitePolicy(t *testing.T, b *browser, s sites, web string) {
	for _, base := range []string{s.file("internal"), web + "/internal"} {
		b.open(base, "#/now")
		b.eval(`(() => {
			window.ran = [];
			const script = document.createElement("script");
			script.textContent = "window.ran.push('script')";
			document.body.append(script);
			const box = document.createElement("div");
			box.innerHTML = "<img src=x onerror=\"window.ran.push('handler')\"><p style='position:fixed'>x</p><a href=\"javascript:window.ran.push('link')\">x</a>";
			document.body.append(box);
			box.querySelector("a").click();
			const far = document.createElement("script");
			far.src = "data:text/javascript,window.ran.push('data')";
			document.body.append(far);
		})()`, nil)
		time.Sleep(300 * time.Millisecond)
		if ran := b.text(`window.ran.join(" ")`); ran != "" {
			t.Errorf("%s: ran: %s", base, ran)
		}
		if b.truth(`getComputedStyle(document.querySelector("body > div p")).position === "fixed"`) {
			t.Errorf("%s: an inline style holds", base)
		}
		if len(b.complaints()) == 0 {
			t.Errorf("%s: the browser refused nothing", base)
		}
	}
}

// cellAt is where a cell of the heat map is on the screen.
func (b *browser) cellAt(row int, share float64) (x, y float64) {
	b.t.Helper()
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until) && !b.truth(`document.querySelector("canvas.heat").dataset.cells`); {
		time.Sleep(20 * time.Millisecond)
	}
	var at struct{ X, Y, Left, Top, Width, Row float64 }
	b.eval(`(() => {
		const c = document.querySelector("canvas.heat");
		c.scrollIntoView({block: "center"});
		const r = c.getBoundingClientRect(), [left, top, width, row] = c.dataset.cells.split(" ").map(Number);
		return {x: r.left, y: r.top, left, top, width, row};
	})()`, &at)
	return at.X + at.Left + share*at.Width, at.Y + at.Top + (float64(row)+0.5)*at.Row
}

// A click comes nearer, from the year to the answers; a drag shows a span.
func sitePointer(t *testing.T, b *browser, s sites, _ string) {
	b.open(s.file("internal"), "#/explorer/rsi/c/v4-udp/2026")
	day := 322.5 / 365 // 19 November
	b.click(b.cellAt(0, day))
	if at := b.moves(); !strings.HasPrefix(at, "#/explorer/rsi/c/v4-udp/202611?") {
		t.Fatalf("a click on a day of the year leads to %s", at)
	}
	b.click(b.cellAt(0, (18*24+10.5)/720))
	if at := b.moves(); !strings.HasPrefix(at, "#/explorer/rsi/c/v4-udp/20261119?") {
		t.Fatalf("a click on an hour of the month leads to %s", at)
	}
	b.click(b.cellAt(2, 10.04/24))
	b.moves()
	evidence := b.text(`document.getElementById("evidence").innerText`)
	for _, want := range []string{"103 asks c over IPv4 UDP, 2026-11-19 10:00 UTC", "All failed", "timeout", "mtric show "} {
		if !strings.Contains(evidence, want) {
			t.Errorf("the answers behind a cell lack %q: %s", want, evidence)
		}
	}
	x1, y := b.cellAt(1, 0.25)
	x2, _ := b.cellAt(1, 0.5)
	b.drag(x1, x2, y)
	if at := b.moves(); !regexp.MustCompile(`[?&]w=17950(67|68)\d{3}-17950(89|90)\d{3}`).MatchString(at) {
		t.Errorf("a drag from 06:00 to 12:00 leads to %s", at)
	}
	x, y := b.cellAt(0, 0.5)
	b.mouse("mouseMoved", x, y, 0)
	if tip := b.text(`document.querySelector(".tip").hidden ? "" : document.querySelector(".tip").innerText`); !strings.Contains(tip, "101, 2026-11-19 0") || !strings.Contains(tip, "all failed") && !strings.Contains(tip, "good") {
		t.Errorf("the tip says %q", tip)
	}
	if said := b.complaints(); len(said) > 0 {
		t.Error(strings.Join(said, "\n"))
	}
}

// All of it goes without a mouse, and what is reached is said to who does not see it.
func siteKeyboard(t *testing.T, b *browser, s sites, _ string) {
	b.open(s.file("internal"), "#/explorer/rsi/c/v4-udp/202611")
	b.eval(`document.querySelector("canvas.heat").focus()`, nil)
	for _, k := range []string{"ArrowDown", "ArrowDown", "End", "Home", "ArrowRight", "ArrowUp"} {
		b.key(k)
	}
	if said := b.text(`document.querySelector(".heatbox [role=status]").textContent`); !strings.Contains(said, "2026-11-01 01:00–02:00 UTC") || !strings.HasPrefix(said, "101, ") {
		t.Errorf("the keys lead to %q", said)
	}
	b.open(s.file("internal"), "#/explorer/rsi/c/v4-udp/202611?at=1795080000&row=102")
	b.eval(`document.querySelector("canvas.heat").focus()`, nil)
	b.key("Enter")
	if at := b.moves(); !strings.HasPrefix(at, "#/explorer/rsi/c/v4-udp/20261119?") {
		t.Fatalf("Enter leads to %s", at)
	}
	if !b.truth(`document.activeElement.matches("canvas.heat")`) {
		t.Error("the focus is lost on the way")
	}
	b.key("Escape")
	if at := b.moves(); !strings.HasPrefix(at, "#/explorer/rsi/c/v4-udp/202611?") {
		t.Errorf("Escape leads to %s", at)
	}
	b.key("+")
	b.moves()
	b.key("-")
	b.moves()
	b.key("-")
	if at := b.moves(); !strings.HasPrefix(at, "#/explorer/rsi/c/v4-udp/2026?") {
		t.Errorf("minus leads to %s", at)
	}
	b.open(s.file("internal"), "#/explorer/rsi/c/v4-udp/20261119")
	b.eval(`document.querySelector(".astable").open = true`, nil)
	b.eval(`new Promise(done => setTimeout(done, 100))`, nil)
	if table := b.text(`document.querySelector(".astable").innerText`); !strings.Contains(table, "all failed 2026-11-19 09:00 UTC to 2026-11-19 11:30 UTC") {
		t.Errorf("the table lacks the outage: %s", table)
	}
}

// A finger's first touch tells, its second opens.
func siteTouch(t *testing.T, b *browser, s sites, _ string) {
	b.look(420, "light")
	b.call("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": true}, nil)
	defer b.call("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": false}, nil)
	b.open(s.file("internal"), "#/explorer/rsi/c/v4-udp/202611")
	x, y := b.cellAt(0, (18*24+10.5)/720)
	b.tap(x, y)
	b.eval(`new Promise(done => setTimeout(done, 100))`, nil)
	if tip := b.text(`document.querySelector(".tip").hidden ? "" : document.querySelector(".tip").innerText`); !strings.Contains(tip, "2026-11-19") {
		t.Errorf("a touch tells %q", tip)
	}
	b.tap(x, y)
	if at := b.moves(); !strings.HasPrefix(at, "#/explorer/rsi/c/v4-udp/20261119?") {
		t.Errorf("a second touch leads to %s", at)
	}
}

// reached is where an event leads, and what the explorer then says of the chosen cell.
type reached struct{ kind, about, hash, evidence string }

// Each planted event is reached within two clicks from Now: Events, then the event.
func siteEvents(t *testing.T, b *browser, s sites, _ string) {
	at := func(text string) int64 {
		moment, err := time.Parse("2006-01-02T15:04", text)
		must(t, err)
		return moment.Unix()
	}
	for _, want := range []reached{
		{"outage", "c over IPv4 UDP", fmt.Sprintf("#/explorer/rsi/c/v4-udp/20261119?at=%d", at("2026-11-19T09:00")), "All failed"},
		{"outage", "f over IPv6 TCP", fmt.Sprintf("#/explorer/rsi/f/v6-tcp/20261120?at=%d", at("2026-11-20T21:50")), "All failed"},
		{"outage at one vantage point", "a over IPv4 UDP failed at vantage point 102", fmt.Sprintf("#/explorer/rsi/a/v4-udp/20261119?at=%d", at("2026-11-19T13:00")), "All failed"},
		{"old zone", "d showed", "#/explorer/rsi/d/all/20261120?m=serial&at=", "Older, for 65 min and more"},
		{"incorrect answers", "g gave", "#/explorer/rsi/g/all/20261120?at=", "Incorrect answer"},
		{"slower than usual", "h over IPv4 UDP", fmt.Sprintf("#/explorer/rsi/h/v4-udp/20261120?m=latency&at=%d", at("2026-11-20T15:00")), "104 asks h"},
		{"vantage point silent", "105", "#/explorer/vp/105/all/20261119?at=", "No data"},
		{"clock", "106", "#/explorer/vp/106/all/20261120?at=", "The clock of vantage point 106 was not known to be right"},
		{"off plan", "107", "#/explorer/vp/107/all/20261120?at=", "Vantage point 107 asked at other addresses than the plan’s"},
		{"vantage point’s own trouble", "108", "#/explorer/vp/108/v6-udp/20261120?at=", "own trouble"},
	} {
		b.open(s.file("internal"), "#/now")
		b.eval(`document.querySelector("#views a[data-view=events]").click()`, nil)
		b.shows("#/events")
		find := fmt.Sprintf(`[...document.querySelectorAll(".event")].find(e => e.querySelector(".kind").textContent === %q && e.querySelector("a").textContent.includes(%q))`, want.kind, want.about)
		if !b.truth(find) {
			t.Errorf("no event %q of %q: %s", want.kind, want.about, b.text(`document.getElementById("main").innerText`))
			continue
		}
		b.eval(find+`.querySelector("a").click()`, nil)
		if hash := b.moves(); !strings.HasPrefix(hash, want.hash) {
			t.Errorf("%s of %s leads to %s, not %s", want.kind, want.about, hash, want.hash)
		}
		if evidence := b.text(`document.getElementById("evidence").innerText`); !strings.Contains(evidence, want.evidence) {
			t.Errorf("%s of %s: the explorer says %q, without %q", want.kind, want.about, evidence, want.evidence)
		}
		if !b.truth(`document.querySelector(".event.this")`) {
			t.Errorf("%s of %s: the explorer does not tell which event it is about", want.kind, want.about)
		}
	}
	b.open(s.file("internal"), "#/now")
	if now := b.text(`document.getElementById("main").innerText`); !strings.Contains(now, "f over IPv6 TCP fails for up to 100 % of the vantage points that asked (seen by 8: 101, 102, 103, 104, 105, 106, 107, 108), in all 26 intervals, since 21:50 UTC (2 h 10 min)") {
		t.Errorf("Now does not say what is wrong since when: %s", now)
	}
	for _, want := range []string{"the hour 23:00 to 00:00 UTC (1 h)", "O vantage point’s own trouble", "Boston, North America"} {
		if now := b.text(`document.getElementById("main").innerText`); !strings.Contains(now, want) {
			t.Errorf("Now does not say %q: %s", want, now)
		}
	}
	// The trouble of 108 is beside what a is, and not in its place.
	if !b.truth(`document.querySelector(".field .dot.s-own")?.title === "vantage points’ own trouble" && !document.querySelector(".field.s-own, .field .dot.s-own:not([title])")`) {
		t.Error("Now takes a vantage point's trouble for an RSI's")
	}
	b.open(s.file("internal"), fmt.Sprintf("#/explorer/rsi/f/v6-tcp/20261120?at=%d&row=101", at("2026-11-20T23:30")))
	if evidence := b.text(`document.getElementById("evidence").innerText`); !strings.Contains(evidence, "The single answers of this hour come when it has been over for half an hour.") || !strings.Contains(evidence, "mtric show") {
		t.Errorf("of an hour that is not over the explorer says %s", evidence)
	}
	// An event says no more than was seen, and the public edition not how much.
	for edition, want := range map[string][]string{
		"internal": {"c over IPv4 UDP failed for up to 100 % of the vantage points that asked (seen by 8: 101, 102, 103, 104, 105, 106, 107, 108), in all 30 intervals, 09:00 to 11:30 UTC",
			"a over IPv4 UDP failed at vantage point 102, in all 6 intervals; too few vantage points saw it at once to call it an outage", "(seen by one vantage point alone, 103)"},
		"public": {"c over IPv4 UDP failed, seen by 8 vantage points, in all 30 intervals, 09:00", "g gave incorrect answers, seen by one vantage point alone, 103"},
	} {
		b.open(s.file(edition), "#/events")
		text := b.text(`document.getElementById("main").innerText`)
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("the %s events lack %q: %s", edition, want, text)
			}
		}
		if edition == "public" && strings.Contains(text, "%") {
			t.Errorf("public events have shares: %s", text)
		}
	}
	if said := b.complaints(); len(said) > 0 {
		t.Error(strings.Join(said, "\n"))
	}
}

// What is missing or damaged is said in words, and nothing is shown in its place.
// The arithmetic of the page.
