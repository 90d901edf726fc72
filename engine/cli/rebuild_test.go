package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/spool"
)

// played is a simulated time that a collector lives through, a run of ingest a day: with
// files that come days late, zones that are found late, and a time in which nobody looked
// for new ones.
type played struct {
	testing.TB
	home, truth string
	vps         []measurement.VantagePoint
	from        time.Time
	days        int
	every       time.Duration // intervals of which files were sent

	random   *rand.Rand
	arrive   map[int][]string // files by the day they come, and when
	received map[string]time.Time
	zones    map[uint32]time.Time // when the archive has them
	records  []string
}

// faults are of all kinds that verdicts and the table zones know; FROM is the first day.
const playedFaults = `
fault "servfail" {
  kind    = "servfail"
  rsis    = ["b"]
  percent = 20
  from    = "FROM"
  until   = "UNTIL"
}
fault "wrong" {
  kind    = "wrong"
  rsis    = ["d"]
  percent = 30
  from    = "FROM"
  until   = "UNTIL"
}
fault "frozen" {
  kind  = "frozen"
  rsis  = ["e"]
  from  = "FROM"
  until = "UNTIL"
}
fault "off" {
  kind    = "off_plan"
  rsis    = ["f"]
  percent = 10
  from    = "FROM"
  until   = "UNTIL"
}
fault "clock" {
  kind           = "slow_clock"
  vantage_points = ["102"]
  by             = "10h"
  from           = "FROM"
  until          = "UNTIL"
}
fault "unsynchronized" {
  kind           = "unsynchronized"
  vantage_points = ["103"]
  from           = "FROM"
  until          = "UNTIL"
}
fault "liar" {
  kind           = "future"
  vantage_points = ["103"]
  rsis           = ["g"]
  by             = "20d"
  percent        = 5
  from           = "FROM"
  until          = "UNTIL"
}
fault "down" {
  kind           = "down"
  rsis           = ["h"]
  vantage_points = ["101"]
  from           = "FROM"
  until          = "UNTIL"
}
`

func (p *played) site() string {
	site := `plan "bench" { paths = { dropboxes = "sftp/transfer-{vantage_point}/incoming" } }` + "\n"
	for _, vp := range p.vps {
		site += fmt.Sprintf("vantage_point %q {\n  region = \"europe\"\n  metro = \"x\"\n  provider = \"x\"\n}\n", vp)
	}
	return site
}

// play simulates, and lets the collector live until all files have come and all days are
// packed but the last.
func (p *played) play() {
	p.Helper()
	p.begin()
	until := p.from.AddDate(0, 0, p.days)
	put(p, filepath.Join(p.home, "site", "site.hcl"), p.site())
	mid := p.from.Add(until.Sub(p.from) / 2)
	faults := filepath.Join(p.home, "faults.hcl")
	put(p, faults, strings.NewReplacer("FROM", p.from.Add(6*time.Hour).Format(time.RFC3339), "UNTIL", mid.Add(12*time.Hour).Format(time.RFC3339)).Replace(playedFaults))
	run(p, "simulate", "--out", p.truth, "--vps", fmt.Sprint(len(p.vps)), "--from", p.from.Format(time.DateOnly), "--until", until.Format(time.DateOnly),
		"--wires", "--routes", "--faults", faults, "--plan", "rssac047", "--plan", filepath.Join(p.home, "site"))
	p.keepPlan()
	p.archive(mid)
	sent := filepath.Join(p.home, "sent")
	for n := range p.days {
		p.measure(sent, n)
	}
	for n := range p.days + 6 {
		p.day(sent, n)
	}
}

// keepPlan keeps the plan that was simulated, as if the vantage points had sent theirs.
func (p *played) keepPlan() {
	p.Helper()
	var text, errs bytes.Buffer
	if code := cli.Run([]string{"plan", "show", "--json", "--plan", "rssac047", "--plan", filepath.Join(p.home, "site")}, strings.NewReader(""), &text, &errs); code != 0 {
		p.Fatalf("exit code %d\n%s", code, &errs)
	}
	p.must(lake.Store{Dir: filepath.Join(p.home, "Lake")}.KeepPlan(text.Bytes()))
}

func (p *played) begin() {
	p.random = rand.New(rand.NewPCG(1, 2))
	p.arrive, p.received, p.zones = map[int][]string{}, map[string]time.Time{}, map[uint32]time.Time{}
}

// measure makes the files of a day, and says on which day each comes.
func (p *played) measure(sent string, n int) {
	day := p.from.AddDate(0, 0, n)
	truth := lake.Store{Dir: p.truth}
	rows, _, err := column.Read[measurement.Answer](truth.Path(column.Answers, day))
	p.must(err)
	routes, _, err := column.Read[measurement.Route](truth.Path(column.Routes, day))
	p.must(err)
	runs, _, err := column.Read[measurement.Run](truth.Path(column.Runs, day))
	p.must(err)
	p.must(os.MkdirAll(sent, 0o755))
	for _, r := range runs {
		mine := rows[:r.Planned]
		rows = rows[r.Planned:]
		at := 0
		for at < len(routes) && routes[at].VantagePoint == r.VantagePoint && routes[at].Interval.Equal(r.Interval) {
			at++
		}
		traced := routes[:at]
		routes = routes[at:]
		if r.Interval.Sub(day)%p.every != 0 {
			continue
		}
		for i := range mine {
			mine[i].Verdict, mine[i].VerdictSerial, mine[i].Failures = nil, nil, nil
		}
		received := r.ReceivedAt
		comes := int(received.Sub(p.from) / (24 * time.Hour))
		switch p.random.IntN(20) {
		case 0: // before its day is packed
			comes += 3
		case 1: // after
			comes += 8
		}
		comes = min(comes, p.days+5)
		if late := comes - n; late > 1 {
			received = received.AddDate(0, 0, late)
		}
		r.ReceivedAt, r.File, r.SHA256, r.IngestedAt = time.Time{}, "", "", nil
		meta := column.Metadata{Version: "1.0.0", Plan: r.Plan, PlanSHA256: r.PlanSHA256, Run: &r}
		send(p, sent, spool.Name(r.Interval, r.VantagePoint, column.Answers), mine, meta)
		p.comes(comes, received, spool.Name(r.Interval, r.VantagePoint, column.Answers))
		if len(traced) > 0 {
			send(p, sent, spool.Name(r.Interval, r.VantagePoint, column.Routes), traced, meta)
			p.comes(comes, received, spool.Name(r.Interval, r.VantagePoint, column.Routes))
		}
	}
}

func send[T column.Row](tb testing.TB, dir, name string, rows []T, meta column.Metadata) {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := column.Write(path, rows, meta); err != nil {
		tb.Fatal(err)
	}
	if err := files.WriteSidecar(path); err != nil {
		tb.Fatal(err)
	}
}

func (p *played) comes(day int, at time.Time, name string) {
	p.arrive[day] = append(p.arrive[day], name)
	p.received[name] = at
}

func (p *played) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// archive says when the collector has which zone and when it looked: one is found two days
// late, and for six hours in the middle nobody looked.
func (p *played) archive(mid time.Time) {
	rows, err := lake.Store{Dir: p.truth}.Zones()
	p.must(err)
	serials, err := rootzone.Serials(filepath.Join(p.truth, "rootzones"))
	p.must(err)
	for _, z := range rows {
		if z.ArchivedAt != nil && slices.Contains(serials, uint32(z.Serial)) {
			p.zones[uint32(z.Serial)] = *z.ArchivedAt
		}
	}
	late := serials[len(serials)/2]
	p.zones[late] = p.zones[late].Add(50 * time.Hour)
	ds, err := os.ReadFile(filepath.Join(p.truth, "rootzones", "anchors.ds"))
	p.must(err)
	fields := strings.Fields(string(ds))
	put(p, filepath.Join(p.home, "site", "anchor.hcl"), fmt.Sprintf("anchor %q {\n  ds = %q\n  valid_from = \"2010-01-01\"\n}\n", fields[4], strings.Join(fields[4:], " ")))
	known := map[uint32]bool{}
	for at := p.from.AddDate(0, 0, -4); at.Before(p.from.AddDate(0, 0, p.days+6)); at = at.Add(30 * time.Minute) {
		if at.After(mid) && at.Before(mid.Add(6*time.Hour)) {
			continue
		}
		newest := uint32(0)
		for _, s := range serials {
			if archived := p.zones[s]; !archived.After(at) {
				newest = max(newest, s)
				if !known[s] {
					known[s] = true
					text, err := os.ReadFile(filepath.Join(p.truth, "rootzones", rootzone.FileName(s)))
					p.must(err)
					p.record(at, s, fmt.Sprintf("%x", sha256.Sum256(text)), true)
				}
			}
		}
		if newest > 0 {
			p.record(at, newest, "", false)
		}
	}
}

func (p *played) record(at time.Time, serial uint32, sum string, added bool) {
	p.records = append(p.records, fmt.Sprintf(`{"at":%q,"serial":%d,"source":"bench","sha256":%q,"added":%t}`, at.Format(time.RFC3339), serial, sum, added))
}

// day lets the collector fetch zones and ingest what came on a day.
func (p *played) day(sent string, n int) {
	now := p.from.AddDate(0, 0, n+1).Add(4 * time.Minute)
	zones := filepath.Join(p.home, "Output", "RootZones")
	var so []string
	for _, line := range p.records {
		var r rootzone.Record
		p.must(json.Unmarshal([]byte(line), &r))
		if r.At.After(now) {
			continue
		}
		so = append(so, line)
		if path := filepath.Join(zones, rootzone.FileName(r.Serial)); r.Added {
			if _, err := os.Stat(path); err != nil {
				text, err := os.ReadFile(filepath.Join(p.truth, "rootzones", rootzone.FileName(r.Serial)))
				p.must(err)
				put(p, path, string(text))
			}
		}
	}
	put(p, rootzone.RecordsFile(zones), strings.Join(so, "\n")+"\n")
	for _, name := range p.arrive[n] {
		box := filepath.Join(p.home, "sftp", "transfer-"+name[13:16], "incoming")
		p.must(os.MkdirAll(box, 0o755))
		p.must(os.Rename(filepath.Join(sent, name), filepath.Join(box, name)))
		p.must(os.Chtimes(filepath.Join(sent, name+".sha256"), p.received[name], p.received[name]))
		p.must(os.Rename(filepath.Join(sent, name+".sha256"), filepath.Join(box, name+".sha256")))
	}
	run(p, p.command(now, "ingest", "--home", p.home)...)
}

func (p *played) command(now time.Time, args ...string) []string {
	return append(args, "--now", now.Format(time.RFC3339), "--plan", "rssac047", "--plan", filepath.Join(p.home, "site"))
}

// rebuilt is what mtric rebuild --json says.
type rebuilt struct {
	Days, Files, Unnoted int
	Wrong                []string
	Check                struct {
		Rows, Different int64
		Differences     []string
	}
}

func (p *played) rebuild(out, against string) (r rebuilt, code int) {
	p.Helper()
	var stdout, stderr bytes.Buffer
	args := p.command(p.from.AddDate(0, 0, p.days+6).Add(5*time.Minute), "rebuild", "--originals", filepath.Join(p.home, "Originals"),
		"--zones", filepath.Join(p.home, "Output", "RootZones"), "--plans", filepath.Join(p.home, "Lake", "plans"), "--out", out, "--check", against, "--json")
	code = cli.Run(args, strings.NewReader(""), &stdout, &stderr)
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		p.Fatalf("exit code %d, %v\n%s", code, err, &stderr)
	}
	return r, code
}

// rebuiltDays is for how many days the vantage points measure: MTRIC_REBUILD_DAYS=30 makes
// it a month.
func rebuiltDays(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MTRIC_REBUILD_DAYS")
	if text == "" {
		return 3
	}
	days, err := strconv.Atoi(text)
	if err != nil || days < 3 || days > 366 {
		t.Fatalf("MTRIC_REBUILD_DAYS %q: want days, 3 to 366", text)
	}
	return days
}

// The law of rebuild: the lake that is made of the evidence is the lake that ingest made,
// in every column of every table, whatever came late, is wrong or was found late.
func TestRebuildComesToTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("plays nine days of a collector; go test without -short runs it")
	}
	smaller(t, cli.SimulatedTLDs, 100) // reading zones of real size each time takes minutes and proves nothing more
	dir := t.TempDir()
	p := &played{TB: t, home: filepath.Join(dir, "home"), truth: filepath.Join(dir, "truth"), vps: []measurement.VantagePoint{"101", "102", "103"},
		from: time.Date(2024, 2, 27, 0, 0, 0, 0, time.UTC), days: rebuiltDays(t), every: time.Hour}
	p.play()
	packs, err := filepath.Glob(filepath.Join(p.home, "Originals", "*", "*.tar.zst"))
	if err != nil || !slices.ContainsFunc(packs, func(p string) bool { return strings.HasSuffix(p, "-2.tar.zst") }) {
		t.Fatalf("packs %v, %v: want one of late files", packs, err)
	}
	if loose, err := filepath.Glob(filepath.Join(p.home, "Originals", "*", "*.parquet")); err != nil || len(loose) == 0 {
		t.Fatalf("%d loose originals, %v: want some", len(loose), err)
	}
	lakeDir := filepath.Join(p.home, "Lake")
	verdicts := p.verdicts(lakeDir)
	if len(verdicts) != 3 {
		t.Errorf("verdicts %v: want all three", verdicts)
	}
	r, code := p.rebuild(filepath.Join(dir, "again"), lakeDir)
	if code != 0 || r.Check.Different != 0 || len(r.Wrong) > 0 || r.Unnoted == 0 || r.Check.Rows < 10_000 {
		t.Fatalf("exit code %d: %+v", code, r)
	}
	t.Logf("%d packs; %d rows, verdicts %v", len(packs), r.Check.Rows, verdicts)
}

func (p *played) verdicts(dir string) map[measurement.Verdict]int {
	found := make(map[measurement.Verdict]int)
	for n := range p.days {
		rows, _, err := column.Read[measurement.Answer](lake.Store{Dir: dir}.Path(column.Answers, p.from.AddDate(0, 0, n)))
		p.must(err)
		for i := range rows {
			if v := rows[i].Verdict; v != nil {
				found[*v]++
			}
		}
	}
	return maps.Collect(maps.All(found))
}
