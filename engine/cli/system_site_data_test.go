//go:build system

package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readData(t *testing.T, site, key string) (value map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site, "data", filepath.FromSlash(key)+".js"))
	must(t, err)
	text = bytes.TrimSuffix(bytes.TrimSpace(text[bytes.IndexByte(text, '{'):]), []byte(");"))
	must(t, json.Unmarshal(text, &value))
	return value
}

func writeData(t *testing.T, site, key string, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(site, "data", filepath.FromSlash(key)+".js"), fmt.Appendf(nil, "mtric.tile(%q, %s);\n", key, text), 0o644))
}

func siteMadeUp(t *testing.T, b *browser, s sites, _ string) {
	to := filepath.Join(s.root, "made-up")
	must(t, os.CopyFS(to, os.DirFS(filepath.Join(s.root, "internal"))))
	const h, quiet = "day/20261120/h-v4-udp-0", "day/20261118/b-v6-udp-0"
	says := func(hash, expression, want string) {
		t.Helper()
		b.open("file://"+to, hash)
		if text := b.text(expression); !strings.Contains(text, want) {
			t.Errorf("%s does not say %q: %s", hash, want, text)
		}
	}
	evidence, slow := `document.getElementById("evidence").innerText`, "#/explorer/rsi/h/v4-udp/20261120?m=latency&at=1795190400&row=104"
	// What is usual is what the files say, and never reckoned from what is shown.
	tile := readData(t, to, h)
	for _, block := range tile["blocks"].([]any) {
		block := block.(map[string]any)
		block["usual"] = bytes.Repeat([]byte{123}, len(block["vps"].([]any))) // 20 ms
	}
	writeData(t, to, h, tile)
	says(slow, evidence, "usually 20 ms")
	says(slow, evidence, "More than three times the usual")
	for _, block := range tile["blocks"].([]any) {
		delete(block.(map[string]any), "usual")
	}
	writeData(t, to, h, tile)
	now := readData(t, to, "now") // the last two hours come from there
	for _, tile := range now["tiles"].(map[string]any) {
		for _, block := range tile.(map[string]any)["blocks"].([]any) {
			delete(block.(map[string]any), "usual")
		}
	}
	writeData(t, to, "now", now)
	says(slow, evidence, "Measured, but what is usual is not known.")
	says(slow, `document.querySelector(".chart").parentElement.innerText`, "What is usual is not known.")

	// What a site was made without is told.
	index := readData(t, to, "index")
	index["without"] = []string{"alerts"}
	writeData(t, to, "index", index)
	says("#/now", `document.getElementById("main").innerText`, "made without the alerts of a collector")

	// What is known until when, and by whose word, is told.
	page := `document.getElementById("main").innerText`
	hour := now["rsis"].([]any)[0].(map[string]any)["paths"].([]any)[0].(map[string]any)["hour"].(map[string]any)
	hour["state"], hour["good"], hour["alone"] = 4, 500, "103"
	now["open"], now["derived"] = []any{}, "2026-11-20T12:00:00Z"
	writeData(t, to, "now", now)
	says("#/now", page, "Events are not known since 2026-11-20 12:00 UTC")
	says("#/now", page, "at 103 alone")
	if text := b.text(page); strings.Contains(text, "No event is open") {
		t.Errorf("events are not known, and none is said to be open: %s", text)
	}
	delete(now, "derived")
	now["listed"] = false
	now["vps"].([]any)[0].(map[string]any)["hour"] = []int{0, 0}
	writeData(t, to, "now", now)
	says("#/now", page, "Events are not known: the tables of the last day were not made")
	says("#/now", page, "sent no runs within the hour")

	// One lost packet is no outage.
	writeData(t, to, quiet, map[string]any{"blocks": []any{map[string]any{"from": 1794960000, "step": 300, "steps": 288, "vps": []string{"101"}, "state": []int{2, 144, 5, 1, 2, 143}}}})
	says("#/explorer/rsi/b/v6-udp/20261118?at=1795003200&row=101", evidence, "All failed, in no event.")

	// Who goes on with an older zone is late, and not merely unseen.
	zones := readData(t, to, "zones/202611")
	for _, z := range zones["serials"].([]any) {
		z := z.(map[string]any)
		if z["serial"].(float64) == 2026112000 {
			z["rsis"] = slices.DeleteFunc(z["rsis"].([]any), func(r any) bool { return slices.Contains([]any{"d", "e"}, r.(map[string]any)["rsi"]) })
			z["never"] = []string{"d"}
			z["rsis"].([]any)[0].(map[string]any)["came"] = map[string]any{"state": "unknown", "min": 5, "most": 170}
		}
	}
	writeData(t, to, "zones/202611", zones)
	says("#/zones", `[...document.querySelectorAll(".zones td")].filter(e => e.matches(".z-never, .z-unseen")).map(e => e.textContent).join(" ")`, "N –")
	says("#/zones", `[...document.querySelectorAll(".zones td.z-open")].map(e => e.textContent + e.querySelector("a").title).join(" ")`, "5 min+first shown")
	if said := b.complaints(); len(said) > 0 {
		t.Error(strings.Join(said, "\n"))
	}
}

var hostileNames = []string{"</script><script>window.hostile=1</script>", "a\u2028b\u2029c", `<img src=x onerror="window.hostile=2">`, "back\u202ewards", "\"');window.hostile=3;//", "${window.hostile=4}"}

func siteHostile(t *testing.T, b *browser, s sites, web string) {
	to := filepath.Join(s.root, "hostile")
	must(t, os.CopyFS(to, os.DirFS(filepath.Join(s.root, "internal"))))
	read := func(key string) map[string]any { return readData(t, to, key) }
	write := func(key string, value any) { writeData(t, to, key, value) }
	tile := read("day/20261120/k-v6-udp-0")
	for i := range tile["nsids"].([]any) {
		tile["nsids"].([]any)[i] = hostileNames[i%len(hostileNames)]
	}
	write("day/20261120/k-v6-udp-0", tile)
	rows := []any{}
	for _, name := range hostileNames {
		rows = append(rows, map[string]any{"interval": "2026-11-20T12:00:00Z", "vp": "101", "path": "v6-udp", "query": name, "outcome": name, "error": name, "rcode": name,
			"nsid": name, "verdict": name, "failures": []string{name}, "extra": []string{name}, "why": name, "route": name, "wire": name, "show": name, "check": name})
	}
	write("details/20261120/k", map[string]any{"rows": rows, "left_off": map[string]int{"101 v6-udp": 3}})
	events := read("events/202611")
	for i, name := range hostileNames {
		events["events"] = append(events["events"].([]any), map[string]any{"id": fmt.Sprint("hostile", i), "kind": "instance", "rsi": "k", "vantage_point": "101", "family": "ipv6",
			"from": "2026-11-20T12:00:00Z", "until": "2026-11-20T13:00:00Z", "vantage_points": []string{name}, "before": name, "after": name})
	}
	write("events/202611", events)
	asText := strings.NewReplacer("\u2028", `\u{2028}`, "\u2029", `\u{2029}`, "\u202e", `\u{202E}`)
	for _, base := range []string{s.file("hostile"), web + "/hostile"} {
		for _, hash := range []string{"#/explorer/rsi/k/v6-udp/20261120?m=instance&at=1795176000&row=101", "#/events"} {
			b.open(base, hash)
			shown := b.text(`document.getElementById("main").textContent`)
			if strings.ContainsAny(shown, "\u2028\u2029\u202e") {
				t.Errorf("%s%s: characters that nobody sees are on the page", base, hash)
			}
			for _, name := range hostileNames {
				if !strings.Contains(shown, asText.Replace(name)) {
					t.Errorf("%s%s: %q is not shown as it is: %s", base, hash, name, shown)
				}
			}
			if b.truth(`window.hostile !== undefined || document.querySelector("main img, main script")`) {
				t.Errorf("%s%s: a name of a server became more than text", base, hash)
			}
			if said := b.complaints(); len(said) > 0 {
				t.Error(strings.Join(said, "\n"))
			}
		}
	}
	var links []string
	b.eval(`["javascript:x", "java\nscript:x", "data:x", " javascript:x", "https://x.example/", "a/b.html"].map(url => mtric.link(url) || "none")`, &links)
	if got := strings.Join(links, "|"); got != "none|none|none|none|https://x.example/|a/b.html" {
		t.Errorf("links: %s", got)
	}
}

func siteDamaged(t *testing.T, b *browser, s sites, _ string) {
	to := filepath.Join(s.root, "damaged")
	must(t, os.CopyFS(to, os.DirFS(filepath.Join(s.root, "internal"))))
	day := filepath.Join(to, "data", "day", "20261119")
	must(t, os.Remove(filepath.Join(day, "a-v4-udp-0.js")))
	must(t, os.WriteFile(filepath.Join(day, "b-v4-udp-0.js"), []byte(`mtric.tile("day/20261119/b-v4-udp-0", {"blocks":[{"from":1795046400,"step":300,"steps":288,"vps":["101"],"state":[2,287]}]});`), 0o644))
	must(t, os.WriteFile(filepath.Join(day, "c-v4-udp-0.js"), []byte(`mtric.tile("day/20261119/c-v4-`), 0o644))
	must(t, os.Remove(filepath.Join(to, "data", "months.js")))
	for hash, want := range map[string]string{
		"#/explorer/rsi/a/v4-udp/20261119": "The file data/day/20261119/a-v4-udp-0.js is missing or cannot be read.",
		"#/explorer/rsi/b/v4-udp/20261119": "The file data/day/20261119/b-v4-udp-0.js is damaged: state has fewer cells than the block.",
		"#/explorer/rsi/c/v4-udp/20261119": "The file data/day/20261119/c-v4-udp-0.js is damaged",
		"#/months":                         "The file data/months.js is missing or cannot be read.",
		"#/explorer/rsi/zz":                "The data know no RSI “zz”.",
		"#/explorer/rsi/a/all/202513x":     "is no year, month or day",
		"#/nowhere":                        "There is no view “nowhere”.",
		"#/explorer/rsi/a/v4-udp/20200101": "There are no data of 1 January 2020 on this site.",
	} {
		b.open(s.file("damaged"), hash)
		if text := b.text(`document.body.innerText`); !strings.Contains(text, want) {
			t.Errorf("%s does not say %q: %s", hash, want, text)
		}
		if b.truth(`[...document.querySelectorAll('.legend li[data-class="good"] b')].some(e => e.textContent !== "0")`) {
			t.Errorf("%s: what is not known is shown as good", hash)
		}
	}
	must(t, os.Remove(filepath.Join(to, "data", "index.js")))
	b.open(s.file("damaged"), "#/now")
	if text := b.text(`document.body.innerText`); !strings.Contains(text, "The file data/index.js is missing or cannot be read.") {
		t.Errorf("without its index the page says %s", text)
	}
}

func siteCells(t *testing.T, b *browser, s sites, _ string) {
	b.open(s.file("internal"), "#/events")
	for expression, want := range map[string]string{
		`mtric.share(99999, 100000)`:     "99.99\u202f%",
		`mtric.share(1, 1)`:              "100\u202f%",
		`mtric.share(0, 0)`:              "–",
		`mtric.number(1234567)`:          "1,234,567",
		`mtric.length(7800)`:             "2 h 10 min",
		`mtric.length(300)`:              "5 min",
		`mtric.length(3 * 86400 + 3600)`: "3 d 1 h",
		`mtric.ms(1234)`:                 "1.2 ms",
		`mtric.ms(1234567)`:              "1,235 ms",
		`mtric.place("north_america") + mtric.place("São Paulo")`: "North AmericaSão Paulo",
		`mtric.events.words({kind: "stale", rsi: "d", serial: 1, open: true, from: "2026-11-20T03:00:00Z", until: "2026-11-20T04:00:00Z"}, {last: "2026-11-20T05:00:00Z", vps: []})`: "d showed a zone older than 1, 2026-11-20 03:00 to 04:00 UTC (1 h), and may go on",
		`mtric.visible("a\u0000\u202e\u2028b")`:             `a\u{0}\u{202E}\u{2028}b`,
		`String(mtric.cells.older(2026112700, 2026112701))`: "true",
		`String(mtric.cells.older(4294967295, 1))`:          "true",
		`String(mtric.cells.older(1, 4294967295))`:          "false",
		// good and all failed: some failed; own trouble beside failed stays failed; unknown beside good is what is known
		`[[2,5],[5,5],[3,5],[2,3],[1,2],[0,1],[6,2],[7,2],[1,5],[4,2]].map(([a, b]) => mtric.cells.together(a, b) + "" + mtric.cells.together(b, a)).join(" ")`: "44 55 55 33 22 11 66 22 55 44",
		`mtric.cells.us(1) + " " + mtric.cells.us(17) + " " + mtric.cells.us(0)`:                                                                                "100 200 null",
		`mtric.heatmap.ticks(Date.UTC(2026, 10, 1) / 1000, Date.UTC(2026, 11, 1) / 1000, 1100, 62).map(t => t[1]).slice(0, 2).join(" ")`:                        "1 Nov 3 Nov",
		`mtric.heatmap.ticks(Date.UTC(2026, 10, 1) / 1000, Date.UTC(2026, 10, 2) / 1000, 1100, 62).map(t => t[1]).slice(0, 2).join(" ")`:                        "00:00 02:00",
	} {
		if got := b.text(expression); got != want {
			t.Errorf("%s is %q, not %q", expression, got, want)
		}
	}
}

// writeData writes a file of data as the writer of the site does.
// What the pages say of data that were made up for it.
// hostileNames are what a server may call itself.
// Whatever a server calls itself, it is shown as text: on the map, among the answers, in events.
// The public edition says what it withholds, and has no values to show.
func sitePublic(t *testing.T, b *browser, s sites, _ string) {
	b.open(s.file("public"), "#/explorer/rsi/c/v4-udp/20261119?m=latency&at=1795080000&row=101")
	text := b.text(`document.getElementById("main").innerText`)
	for _, want := range []string{"withheld", "RSSAC047", "Not good"} {
		if !strings.Contains(text, want) {
			t.Errorf("the public explorer lacks %q: %s", want, text)
		}
	}
	if regexp.MustCompile(`\d ms\b|mtric\.example|mtric show`).MatchString(text) {
		t.Errorf("the public explorer has values: %s", text)
	}
	// How many cells are good is the availability that is withheld.
	b.eval(`document.querySelector(".astable").open = true`, nil)
	b.eval(`new Promise(done => setTimeout(done, 100))`, nil)
	if text := b.text(`[...document.querySelectorAll(".legend li[data-class], .astable thead")].map(e => e.innerText).join(" ")`); !strings.Contains(text, "good") || regexp.MustCompile(`\d|%`).MatchString(text) || strings.Count(text, "not good") > 2 {
		t.Errorf("the public explorer counts cells: %s", text)
	}
	b.open(s.file("public"), "#/now")
	if text := b.text(`document.querySelector(".matrix").innerText`); regexp.MustCompile(`\d ms|%`).MatchString(text) {
		t.Errorf("Now has values of single RSIs: %s", text)
	}
	if said := b.complaints(); len(said) > 0 {
		t.Error(strings.Join(said, "\n"))
	}
}
