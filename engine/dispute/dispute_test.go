package dispute_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/dispute"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/plans"
)

var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// labZones are the lab's, small ones.
type labZones struct{ last *lab.Zone }

func (z *labZones) Start(seed uint64, serial uint32, inception, expiration time.Time) (simulate.Zone, string, error) {
	first, err := lab.Generate(lab.Options{Seed: seed, Serial: serial, TLDs: 60, Inception: inception, Expiration: expiration})
	z.last = first
	return labZone{first}, first.DS(), err
}

func (z *labZones) Next(serial uint32) (simulate.Zone, error) {
	next, err := z.last.NextVersion(lab.Revision{Serial: serial})
	z.last = next
	return labZone{next}, err
}

func (z *labZones) Software(rsi measurement.RSI) string { return string(lab.FlavourOf(rsi)) }

type labZone struct{ *lab.Zone }

func (z labZone) Answer(query []byte, software, nsid string, tcp bool) ([]byte, error) {
	return z.Zone.Answer(query, lab.Flavour(software), nsid, tcp)
}

// collector is a week's lake with its archive: h lies for an hour on Tuesday, k keeps its
// zone from Monday on, d is down over one path for a day, and on Wednesday nobody answers
// vantage point 902 over IPv6 for two hours.
type collector struct {
	lake  lake.Store
	plan  *plan.Plan
	zones string
}

func newCollector(t *testing.T) collector {
	t.Helper()
	made := made(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(made.lake.Dir)); err != nil {
		t.Fatal(err)
	}
	return collector{lake.Store{Dir: dir, Version: "test"}, made.plan, filepath.Join(dir, simulate.RootZones)}
}

// once is what all tests begin with, below a folder that TestMain removes.
var once struct {
	sync.Mutex
	dir string
	collector
}

func TestMain(m *testing.M) {
	code := m.Run()
	if once.dir != "" {
		os.RemoveAll(once.dir)
	}
	os.Exit(code)
}

func made(t *testing.T) collector {
	t.Helper()
	once.Lock()
	defer once.Unlock()
	if once.plan != nil {
		return once.collector
	}
	var err error
	if once.dir, err = os.MkdirTemp("", "dispute"); err != nil {
		t.Fatal(err)
	}
	fsys, _ := plans.Dir("rssac047")
	p, l := plan.Load([]plan.Dir{{Name: "rssac047", FS: fsys}}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	dir, day := once.dir, func(n int) time.Time { return monday.AddDate(0, 0, n) }
	_, err = simulate.Run(context.Background(), dir, simulate.Config{Plan: p, VantagePoints: []measurement.VantagePoint{"901", "902"},
		From: day(-1), Until: day(4), Seed: 11, Zones: &labZones{}, Version: "test",
		Faults: []plan.Fault{
			{Label: "lying", Kind: plan.FaultWrong, RSIs: []measurement.RSI{"h"}, From: day(1).Add(10 * time.Hour), Until: day(1).Add(11 * time.Hour), Percent: 100},
			{Label: "frozen", Kind: plan.FaultFrozen, RSIs: []measurement.RSI{"k"}, From: day(-1).Add(6 * time.Hour), Until: day(9), Percent: 100},
			{Label: "down", Kind: plan.FaultDown, RSIs: []measurement.RSI{"d"}, Paths: []string{"ipv6/tcp"}, From: day(2), Until: day(3), Percent: 100},
			{Label: "cut", Kind: plan.FaultDown, VantagePoints: []measurement.VantagePoint{"902"}, Paths: []string{"ipv6/udp", "ipv6/tcp"}, From: day(2).Add(6 * time.Hour), Until: day(2).Add(8 * time.Hour), Percent: 100},
		}})
	if err != nil {
		t.Fatal(err)
	}
	c := collector{lake.Store{Dir: dir, Version: "test"}, p, filepath.Join(dir, simulate.RootZones)}
	f, err := os.Open(filepath.Join(c.zones, "anchors.ds"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	anchors, err := rootzone.ParseAnchors(f, "anchors.ds")
	if err != nil {
		t.Fatal(err)
	}
	p.Anchors = []plan.Anchor{{Label: "lab", DS: anchors[0].DS}}
	p.Contact = &plan.Contact{Label: "us", Name: "Us", Email: "us@root.example.net", Data: "https://root.example.net/"}
	c.fetch(t)
	c.judge(t)
	once.collector = c
	return c
}

// judge gives the lake the verdicts that ingest comes to: to a simulation a zone that is
// published later is none of those that an answer may be of.
func (c collector) judge(t *testing.T) {
	t.Helper()
	j := &judge.Judge{Plan: c.plan, Lake: c.lake, RootZones: c.zones, Anchors: []rootzone.Anchor{{DS: c.plan.Anchors[0].DS}}, Started: monday.AddDate(0, 0, 8),
		Rejudge: []judge.Span{{From: monday.AddDate(0, 0, -9), Until: monday.AddDate(0, 0, 9)}}, Log: slog.New(slog.DiscardHandler),
		Step: func(string, ...any) error { return nil }, Left: func(path, why string) { t.Error(path, why) }, Failed: func(_ context.Context, err error) error { return err }}
	err := j.Open()
	if err == nil {
		_, _, err = j.Update(context.Background(), true)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fetch writes what a collector that fetches every three hours has on record: in between
// sightings alone show that there was no other zone.
func (c collector) fetch(t *testing.T) {
	t.Helper()
	zones, err := c.lake.Zones()
	if err != nil {
		t.Fatal(err)
	}
	var records []rootzone.Record
	for at := monday.AddDate(0, 0, -3); at.Before(monday.AddDate(0, 0, 6)); at = at.Add(3 * time.Hour) {
		r := rootzone.Record{At: at, Source: "here https://root.example.net/", Unchanged: true}
		for _, z := range zones {
			if !z.ArchivedAt.After(at) && z.State == measurement.ZoneArchived {
				r.Serial, r.SHA256 = uint32(z.Serial), *z.SHA256
			}
		}
		if r.Serial > 0 {
			records = append(records, r)
		}
	}
	if err := rootzone.WriteRecords(c.zones, records); err != nil {
		t.Fatal(err)
	}
}

// report makes the week's report and returns the folder of its dossiers.
func (c collector) report(t *testing.T, with ...func(*report.Job)) string {
	t.Helper()
	d, err := report.Frame(c.plan, report.Weekly, monday, monday.AddDate(0, 0, 7), monday.AddDate(0, 0, 4), "test")
	if err != nil {
		t.Fatal(err)
	}
	j := report.Job{Plan: c.plan, Store: c.lake, Out: t.TempDir(), Version: "test", RootZones: c.zones}
	for _, change := range with {
		change(&j)
	}
	if err := j.Run(context.Background(), d, nil); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(j.Out, "weekly-2026-11-02", "rsi")
}

func run(t *testing.T, path string) *dispute.Result {
	t.Helper()
	temp := t.TempDir()
	r, err := dispute.Run(context.Background(), path, temp, "test")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	return r
}

func (c collector) zip(dossiers string, rsi string) string {
	return filepath.Join(dossiers, "weekly-2026-11-02-"+rsi+".zip")
}

// found are the verdicts in short.
func found(r *dispute.Result) [3]int { return [3]int{r.Confirmed, r.NotConfirmed, r.Held} }

// TestDisputeInVain: what the report says of a lake that says the truth is confirmed, by the
// folder as by the zip alone: answers that lie, answers of a zone out of use, and the rows of
// an outage.
func TestDisputeInVain(t *testing.T) {
	c := newCollector(t)
	dossiers := c.report(t)
	for _, rsi := range []string{"h", "k", "d"} {
		for _, path := range []string{filepath.Join(dossiers, rsi), c.zip(dossiers, rsi)} {
			r := run(t, path)
			if r.Differs() || r.Held > 0 || len(r.LeftOut)+len(r.Unlisted) > 0 || len(r.Answers) != r.Confirmed || (rsi != "d") != (r.Confirmed > 0) || len(r.Counts) == 0 {
				t.Errorf("%s: %v of %d answers, %v, %v, %v", path, found(r), len(r.Answers), r.Problems, r.LeftOut, r.Counts)
			}
		}
	}
	if r := run(t, c.zip(dossiers, "k")); !strings.Contains(r.Answers[0].Reason, "older than") {
		t.Errorf("why k's is confirmed: %s", r.Answers[0].Reason)
	}
	// The same lake gives the same bytes.
	again := c.report(t)
	for _, rsi := range []string{"h", "k", "d"} {
		a, b := read(t, c.zip(dossiers, rsi)), read(t, c.zip(again, rsi))
		if !bytes.Equal(a, b) {
			t.Errorf("%s: another zip of the same lake", rsi)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestDisputeRightly: a lake that calls correct answers incorrect, which the archive has the
// zone of, is found out.
func TestDisputeRightly(t *testing.T) {
	c := newCollector(t)
	wrong := 0
	err := lake.Amend(c.lake, monday.AddDate(0, 0, 1), func(_ int64, a *measurement.Answer) {
		if a.RSI == "h" && a.Query == measurement.QueryCorrectness && *a.Verdict == measurement.Correct && wrong < 3 {
			a.Verdict, a.Failures = new(measurement.Incorrect), []string{"vnk: by design"}
			wrong++
		}
	})
	if err != nil || wrong != 3 {
		t.Fatal(wrong, err)
	}
	r := run(t, c.zip(c.report(t), "h"))
	if r.NotConfirmed != 3 || r.Confirmed == 0 || r.Held > 0 || !r.Differs() {
		t.Errorf("%v, %v", found(r), r.Problems)
	}
	for _, a := range r.Answers {
		if a.Finding == dispute.NotConfirmed && !strings.HasPrefix(a.Reason, "correct by zone ") {
			t.Errorf("%+v", a)
		}
	}
}

// TestHeldByEvidence: without what shows that the archive covers the query nobody is accused of a
// zone out of use, as ingest would accuse nobody.
func TestHeldByEvidence(t *testing.T) {
	c := newCollector(t)
	for _, lacking := range []struct { // each is left as it is
		reason string
		change func(t *testing.T)
	}{
		{"no zone fetch since", func(t *testing.T) {
			if err := rootzone.WriteRecords(c.zones, nil); err != nil {
				t.Fatal(err)
			}
		}},
		{"no zone fetch", func(t *testing.T) { // the log is damaged, and no report may wait for it
			if err := os.WriteFile(rootzone.RecordsFile(c.zones), []byte("damaged\nmore\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{"is not archived", func(t *testing.T) { // a zone between was seen, and is not there
			c.fetch(t)
			zones, err := c.lake.Zones()
			if err != nil {
				t.Fatal(err)
			}
			z := &zones[len(zones)-3]
			z.State, z.ArchivedAt, z.Proof = measurement.ZoneSeen, nil, new(measurement.ProofWitnesses)
			if err := errors.Join(c.lake.SaveZones(zones), os.Rename(filepath.Join(c.zones, rootzone.FileName(uint32(z.Serial))), filepath.Join(t.TempDir(), "away"))); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(lacking.reason, func(t *testing.T) {
			lacking.change(t)
			r := run(t, c.zip(c.report(t), "k"))
			if r.Held == 0 || r.NotConfirmed > 0 || !slices.ContainsFunc(r.Answers, func(a dispute.Answer) bool {
				return a.Finding == dispute.Held && strings.Contains(a.Reason, lacking.reason)
			}) {
				t.Errorf("%v: %+v", found(r), r.Answers[0])
			}
		})
	}
}

// TestAlteredDossier: what is not as the manifest says is told and not used.
func TestAlteredDossier(t *testing.T) {
	c := newCollector(t)
	whole := c.report(t)
	for name, test := range map[string]struct {
		rsi     string
		change  func(dir string) error
		problem string
		held    bool // all of it
	}{
		"a wire": {"h", func(dir string) error {
			return spoil(filepath.Join(dir, "lake", "answers", "yyyymm=202611", "answers-20261103.parquet"))
		}, "answers-20261103.parquet: altered", false},
		"a zone": {"k", func(dir string) error {
			zones, err := filepath.Glob(filepath.Join(dir, "rootzones", "*.root.txt"))
			return errors.Join(err, spoil(zones[0]))
		}, ".root.txt: altered", false},
		"no zones": {"k", func(dir string) error {
			zones, err := filepath.Glob(filepath.Join(dir, "rootzones", "*.root.txt"))
			for _, z := range zones {
				err = errors.Join(err, os.Remove(z))
			}
			return err
		}, ".root.txt: missing", true},
		"a row that counts": {"d", func(dir string) error {
			days, err := filepath.Glob(filepath.Join(dir, "answers", "*.parquet"))
			return errors.Join(err, forge(dir, days[0]))
		}, "", false},
		"the plan": {"h", func(dir string) error {
			plans, err := filepath.Glob(filepath.Join(dir, "plan", "*"))
			return errors.Join(err, spoil(plans[0]))
		}, ".json: altered", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), test.rsi)
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(whole, test.rsi))); err != nil {
				t.Fatal(err)
			}
			if err := test.change(dir); err != nil {
				t.Fatal(err)
			}
			r := run(t, dir)
			if !r.Differs() || !strings.Contains(strings.Join(r.Problems, "\n"), test.problem) || r.NotConfirmed > 0 || test.held && (r.Confirmed > 0 || r.Held == 0) {
				t.Errorf("%v, %v, %v", found(r), r.Problems, r.Counts)
			}
		})
	}
}

// spoil changes the file in its middle, and none that has the same content elsewhere.
func spoil(path string) error {
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	return os.WriteFile(path, text, 0o644)
}

// forge takes a failed row away and has the manifest say so.
func forge(dir, path string) error {
	rows, _, err := column.Read[measurement.Answer](path)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(a measurement.Answer) bool {
		return a.Outcome == measurement.Timeout && a.Query == measurement.QuerySOA && a.Transport == measurement.TCP && a.Family == measurement.IPv6
	})
	if err := column.Write(path, slices.Delete(rows, i, i+1), column.Metadata{Version: "test"}); err != nil {
		return err
	}
	return retell(dir, path)
}

func retell(dir, path string) error {
	file := filepath.Join(dir, report.ManifestFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var m report.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	sum, err := files.Sum(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	for i := range m.Files {
		if f := &m.Files[i]; f.Path == filepath.ToSlash(rel) {
			f.SHA256, f.Size = sum, info.Size()
		}
	}
	if text, err = json.Marshal(m); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// TestAttribution: who failed what: of d's rows those are 902's own in which nobody answered
// it, and no others.
func TestAttribution(t *testing.T) {
	c := newCollector(t)
	var own report.Own
	dir := filepath.Join(c.report(t), "d")
	if err := json.Unmarshal(read(t, filepath.Join(dir, "values.json")), &own); err != nil {
		t.Fatal(err)
	}
	if len(own.FailedRows) != 1 {
		t.Fatalf("%+v", own.FailedRows)
	}
	a := own.FailedRows[0]
	// Both were down over IPv6 TCP all day; for 902, 24 of its intervals were its own trouble.
	if a.Causes[report.CauseOwn] != 24 || a.Own["902"] != 24 || a.Rows != a.Causes[report.CauseOwn]+a.Causes[report.CauseRSI]+a.Causes[report.CauseChange] || a.Causes[report.CauseRSI] < 500 {
		t.Errorf("%+v", a)
	}
	for _, name := range []string{"README.txt", "index.html"} {
		if text := strings.ReplaceAll(string(read(t, filepath.Join(dir, name))), "&#39;", "'"); !strings.Contains(text, "Availability: d over IPv6 TCP, from 4 November 00:00 to 5 November 00:00 UTC") ||
			!strings.Contains(text, "seen by 2 of 2 vantage points; 24 of ") || !strings.Contains(text, " rows are vantage point 902's own outage") || !strings.Contains(text, "us@root.example.net") {
			t.Errorf("%s:\n%.3000s", name, text)
		}
	}
}

// TestSmallZip: what does not fit stays out of the zip and is named with where it is public;
// who puts it there has all of it.
func TestSmallZip(t *testing.T) {
	c := newCollector(t)
	dossiers := c.report(t, func(j *report.Job) { j.MaxZip = 400_000 })
	info, err := os.Stat(c.zip(dossiers, "k"))
	if err != nil || info.Size() > 400_000 {
		t.Fatal(info.Size(), err)
	}
	r := run(t, c.zip(dossiers, "k"))
	if len(r.LeftOut) == 0 || len(r.Problems) > 0 || r.NotConfirmed > 0 || r.Held == 0 || r.Held+r.Absent < 500 {
		t.Fatalf("%v, %d left out, %v", found(r), len(r.LeftOut), r.Problems)
	}
	for _, f := range r.LeftOut {
		if strings.HasPrefix(f.Path, "rootzones/") && f.Address != "https://root.example.net/"+f.Path || strings.HasPrefix(f.Path, "answers/") && !strings.HasPrefix(f.RowsOf, "https://root.example.net/lake/answers/yyyymm=202611/") {
			t.Errorf("%+v", f)
		}
	}
	dir := t.TempDir()
	unzip(t, c.zip(dossiers, "k"), dir)
	for _, f := range r.LeftOut {
		to := filepath.Join(dir, "k", filepath.FromSlash(f.Path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, read(t, filepath.Join(dossiers, "k", filepath.FromSlash(f.Path))), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if r := run(t, filepath.Join(dir, "k")); r.Differs() || r.Held > 0 || r.Confirmed == 0 || len(r.LeftOut) > 0 {
		t.Errorf("with all put there: %v, %v", found(r), r.Problems)
	}
}

func unzip(t *testing.T, file, dir string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
}

// TestHostileDossier: a zip or folder may come from anybody.
func TestHostileDossier(t *testing.T) {
	manifest := func(files string) string {
		return `{"schema":"mtric-dossier/1","rsi":"h","plan_sha256":"` + strings.Repeat("0", 64) + `","files":[` + files + `]}`
	}
	type entry struct{ name, text string }
	for name, test := range map[string]struct {
		entries []entry
		want    string // of the error
	}{
		"leads out":         {[]entry{{"h/manifest.json", manifest("")}, {"../../etc/passwd", "x"}}, "leads elsewhere"},
		"absolute":          {[]entry{{"/h/manifest.json", manifest("")}}, "leads elsewhere"},
		"backslash":         {[]entry{{"h/manifest.json", manifest("")}, {`h\..\x`, "x"}}, "leads elsewhere"},
		"twice":             {[]entry{{"h/manifest.json", manifest("")}, {"h/manifest.json", manifest("")}}, "twice"},
		"no manifest":       {[]entry{{"h/README.txt", "x"}}, "has no manifest.json"},
		"no JSON":           {[]entry{{"h/manifest.json", "{"}}, "manifest.json"},
		"another schema":    {[]entry{{"h/manifest.json", `{"schema":"mtric-dossier/9"}`}}, "mtric-dossier/9"},
		"names what is out": {[]entry{{"h/manifest.json", manifest(`{"path":"../x","size":1,"sha256":""}`)}}, "leads elsewhere"},
		"claims too much":   {[]entry{{"h/manifest.json", manifest(`{"path":"x","size":99999999999,"sha256":""}`)}}, "at most"},
		"plan elsewhere":    {[]entry{{"h/manifest.json", strings.Replace(manifest(""), strings.Repeat("0", 64), strings.Repeat("../", 21)+"x", 1)}}, "names a plan"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "h.zip")
			pack(t, file, func(z *zip.Writer) {
				for _, e := range test.entries {
					w, err := z.Create(e.name)
					if err == nil {
						_, err = io.WriteString(w, e.text)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			})
			if _, err := dispute.Run(context.Background(), file, t.TempDir(), "test"); !errors.Is(err, dispute.ErrNone) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	t.Run("a bomb", func(t *testing.T) { // a file that is a thousand times what the manifest says
		file := filepath.Join(t.TempDir(), "h.zip")
		pack(t, file, func(z *zip.Writer) {
			for name, text := range map[string]io.Reader{
				"h/manifest.json":   strings.NewReader(manifest(`{"path":"answers/x","size":10,"sha256":""}`)),
				"h/answers/x":       io.LimitReader(zeros{}, 64<<20),
				"h/not/in/manifest": io.LimitReader(zeros{}, 64<<20),
			} {
				w, err := z.Create(name)
				if err == nil {
					_, err = io.Copy(w, text)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if r := run(t, file); !slices.Contains(r.Problems, "answers/x: altered") || !slices.Contains(r.Unlisted, "not/in/manifest") {
			t.Errorf("%v, %v", r.Problems, r.Unlisted)
		}
	})
	t.Run("a link", func(t *testing.T) {
		dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
		err := errors.Join(os.WriteFile(secret, []byte("x"), 0o644), os.Symlink(secret, filepath.Join(dir, "report.json")),
			os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(manifest(`{"path":"report.json","size":1,"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}`)), 0o644))
		if err != nil {
			t.Fatal(err)
		}
		if r := run(t, dir); len(r.Problems) == 0 || !strings.HasPrefix(r.Problems[0], "report.json: altered") {
			t.Errorf("%v", r.Problems)
		}
	})
	t.Run("an empty folder", func(t *testing.T) {
		if _, err := dispute.Run(context.Background(), t.TempDir(), t.TempDir(), "test"); !errors.Is(err, dispute.ErrNone) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func pack(t *testing.T, file string, fill func(*zip.Writer)) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	fill(z)
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
