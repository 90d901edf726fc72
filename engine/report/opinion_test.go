package report_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/edition/hostile"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics"
)

// crowdSays is a comparison that confirms the first FAIL, did not see the second, and says
// nothing of the others.
func crowdSays(d *report.Document) *comparison.Document {
	c := &comparison.Document{Set: "builtin", From: d.From, Until: d.Until}
	for _, v := range d.Values {
		if v.Verdict != metrics.Fail || len(c.Opinions) == 2 {
			continue
		}
		o := comparison.Opinion{Metric: v.Metric, RSI: v.RSI, Family: v.Family, Transport: v.Transport, Verdict: []comparison.Verdict{comparison.Confirmed, comparison.NotSeen}[len(c.Opinions)],
			Reason: "4711 of 4711 lie in such hours.", Failed: 4711}
		for i := range 4 {
			o.Windows = append(o.Windows, comparison.Window{From: d.From.Add(time.Duration(2*i) * time.Hour), Until: d.From.Add(time.Duration(2*i+1) * time.Hour), Opinion: o.Verdict,
				Strongest: comparison.Strongest{OursStruck: 2, Ours: 3, NetworksStruck: 340, Networks: 1398, ProbesStruck: 1361, Probes: 9321, Expected: 12.4}})
		}
		c.Opinions = append(c.Opinions, o)
	}
	return c
}

func asking(d *report.Document) func(context.Context, *report.Document) (*comparison.Document, error) {
	return func(context.Context, *report.Document) (*comparison.Document, error) { return crowdSays(d), nil }
}

// TestSecondOpinion: the public read a word on each FAIL, the others why; no file says
// anything else than without it; and both verify without the crowd's lake.
func TestSecondOpinion(t *testing.T) {
	store, p := lying(t)
	dirs := map[bool]string{}
	for _, asked := range []bool{false, true} {
		j := newJob(p, store, t.TempDir())
		if d := filled(t, store, p); asked {
			j.Second = func(ctx context.Context, own *report.Document) (*comparison.Document, error) {
				for i := range own.Values { // whoever is asked cannot change the report
					own.Values[i].Verdict, own.Digest = metrics.Pass, "none"
				}
				return crowdSays(d), nil
			}
		}
		if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
			t.Fatal(err)
		}
		dirs[asked] = filepath.Join(j.Out, "weekly-2026-11-02")
	}
	for _, name := range []string{"internal/full.json", "report.json"} {
		with, without := read(t, filepath.Join(dirs[true], name)), read(t, filepath.Join(dirs[false], name))
		same(t, with, store)
		s := with.SecondOpinion
		if s == nil || without.SecondOpinion != nil || len(s.Opinions) != with.Misses() || with.Misses() < 3 {
			t.Fatalf("%s: %+v", name, s)
		}
		with.SecondOpinion = nil
		if diff := cmp.Diff(readFile(t, saved(t, without)), readFile(t, saved(t, with))); diff != "" {
			t.Errorf("%s (-without +with):\n%s", name, diff)
		}
		for i, o := range s.Opinions {
			want := comparison.NoData
			if i < 2 {
				want = []comparison.Verdict{comparison.Confirmed, comparison.NotSeen}[i]
			}
			if o.Opinion != want || (o.Seen != nil) != (name == "internal/full.json") {
				t.Errorf("%s: %+v", name, o)
			}
		}
	}
	testReaders(t, dirs)
}

// testReaders: the numbers are in internal editions and in the RSI's dossier, and nowhere else.
func testReaders(t *testing.T, dirs map[bool]string) {
	t.Helper()
	const numbers = "340 of 1,398 networks affected, 12.4 expected (1,361 of 9,321 probes)"
	first := read(t, filepath.Join(dirs[true], "report.json")).SecondOpinion.Opinions[0]
	summary := read(t, filepath.Join(dirs[true], "report.json")).SecondOpinion.Summary
	if first.RSI != "b" || !strings.Contains(summary, ": 1 confirmed, 1 not seen, ") {
		t.Errorf("%s: %q", first.Of(), summary)
	}
	for name, inside := range map[string]bool{"report.txt": false, "report.html": false, "report.json": false, "internal/full.txt": true, "internal/full.html": true,
		"rsi/b/README.txt": true, "rsi/b/index.html": true} {
		text := readFile(t, filepath.Join(dirs[true], filepath.FromSlash(name)))
		if !strings.HasPrefix(name, "rsi/") && !strings.Contains(text, summary) {
			t.Errorf("%s lacks the summary", name)
		}
		if strings.Contains(text, "4711") != inside || strings.Contains(text, numbers) != inside {
			t.Errorf("%s: numbers of the crowd, want %v", name, inside)
		}
		if !strings.HasSuffix(name, ".json") && !strings.Contains(text, first.Of()) {
			t.Errorf("%s lacks %s", name, first.Of())
		}
		if strings.Contains(readFile(t, filepath.Join(dirs[false], filepath.FromSlash(name))), "Atlas") {
			t.Errorf("%s has a second opinion that nobody asked for", name)
		}
	}
	if text := readFile(t, filepath.Join(dirs[true], "rsi", "k", "README.txt")); strings.Contains(text, first.Of()) {
		t.Error("the dossier of k has an opinion on b")
	}
}

// TestSecondOpinionChangesNothing: whatever a comparison says, no value, verdict, note, status
// or digest is another.
func TestSecondOpinionChangesNothing(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	before, err := os.ReadFile(saved(t, d))
	if err != nil {
		t.Fatal(err)
	}
	words := rapid.SampledFrom([]comparison.Verdict{comparison.Confirmed, comparison.NotSeen, comparison.NoData, "pass", ""})
	rapid.Check(t, func(t *rapid.T) {
		c := &comparison.Document{Set: rapid.String().Draw(t, "set")}
		for range rapid.IntRange(0, 20).Draw(t, "opinions") {
			v := d.Values[rapid.IntRange(0, len(d.Values)-1).Draw(t, "of")]
			o := comparison.Opinion{Metric: v.Metric, RSI: v.RSI, Family: v.Family, Transport: v.Transport, Verdict: words.Draw(t, "word"), Reason: rapid.String().Draw(t, "reason"),
				Failed: rapid.Int64().Draw(t, "failed")}
			if rapid.Bool().Draw(t, "another") {
				o.RSI = measurement.RSI(rapid.String().Draw(t, "rsi"))
			}
			c.Opinions = append(c.Opinions, o)
		}
		own := *d
		own.SecondOpinion = own.Second(c)
		report.Conclude(&own)
		if misses := own.Misses(); len(own.SecondOpinion.Opinions) != misses || !slices.Equal(own.Failed(), d.Failed()) || misses != d.Misses() {
			t.Fatalf("%d opinions on %d FAILs", len(own.SecondOpinion.Opinions), misses)
		}
		if found := report.CheckOpinions(&own); len(found) > 0 {
			t.Fatalf("%q", found)
		}
		if found := report.CheckOpinions(own.Public()); len(found) > 0 {
			t.Fatalf("public: %q", found)
		}
		own.SecondOpinion = nil
		var after bytes.Buffer
		if err := own.WriteJSON(&after); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after.Bytes()) {
			t.Fatal("the report is another")
		}
	})
}

func saved(t *testing.T, d *report.Document) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "full.json")
	var b bytes.Buffer
	if err := errors.Join(d.WriteJSON(&b), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestForgedOpinion: a second opinion that does not fit the report is a difference.
func TestForgedOpinion(t *testing.T) {
	store, p := lying(t)
	d := filled(t, store, p)
	d.SecondOpinion = d.Second(crowdSays(d))
	passed := d.Values[slices.IndexFunc(d.Values, func(v report.Value) bool { return v.Verdict == metrics.Pass })]
	for name, c := range map[string]struct {
		forge func(*report.SecondOpinion)
		want  string
	}{
		"on a pass": {func(s *report.SecondOpinion) {
			s.Opinions = append(s.Opinions, report.Opinion{Metric: passed.Metric, RSI: passed.RSI, Family: passed.Family, Transport: passed.Transport, Opinion: comparison.Confirmed})
		}, "second opinion: on " + passed.Name() + ", which is not a FAIL"},
		"twice":     {func(s *report.SecondOpinion) { s.Opinions = append(s.Opinions, s.Opinions[0]) }, "second opinion: on rsi_availability b IPv4 UDP, which is not a FAIL of the report or has one already"},
		"left out":  {func(s *report.SecondOpinion) { s.Opinions = s.Opinions[1:] }, "second opinion: none on rsi_availability b"},
		"no word":   {func(s *report.SecondOpinion) { s.Opinions[0].Opinion = "guilty" }, `second opinion: "guilty" on rsi_availability b`},
		"a summary": {func(s *report.SecondOpinion) { s.Summary = "b is down." }, `second opinion: the report says "b is down."`},
		"changed":   {func(s *report.SecondOpinion) { s.Opinions[2].Opinion = comparison.Confirmed }, `second opinion: the report says "What probes of RIPE Atlas say of `},
	} {
		t.Run(name, func(t *testing.T) {
			own := *d
			s := *d.SecondOpinion
			s.Opinions = slices.Clone(s.Opinions)
			c.forge(&s)
			own.SecondOpinion = &s
			differs(t, &own, store, c.want)
			differs(t, own.Public(), store, c.want)
		})
	}
	public := d.Public()
	public.SecondOpinion = d.SecondOpinion
	differs(t, public, store, "second opinion: numbers on rsi_availability b")
}

// TestHostileOpinion: what it says is printed as text.
func TestHostileOpinion(t *testing.T) {
	store, p := lying(t)
	d := frame(t, p, monday.AddDate(0, 0, 14))
	result, err := d.Fill(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	d.SecondOpinion = d.Second(crowdSays(d))
	hostile.Poison(d.SecondOpinion)
	for _, of := range []*report.Document{d, d.Public()} {
		var text, page bytes.Buffer
		if err := errors.Join(of.WriteText(&text), of.WriteHTML(&page, result)); err != nil {
			t.Fatal(err)
		}
		hostile.Tame(t, "text", text.String())
		hostile.Tame(t, ".html", page.String())
	}
}

// TestNoSecondOpinion: a comparison that cannot be made ends the report, and leaves none in place.
func TestNoSecondOpinion(t *testing.T) {
	store, p := lying(t)
	j := newJob(p, store, t.TempDir())
	broken := errors.New("the other lake is broken")
	j.Second = func(context.Context, *report.Document) (*comparison.Document, error) { return nil, broken }
	if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); !errors.Is(err, broken) || !strings.Contains(err.Error(), "second opinion") {
		t.Errorf("%v", err)
	}
	if there := list(t, j.Out); len(there) > 0 {
		t.Errorf("%q", there)
	}
}

// TestOpinionRevised: a new revision says what became of the second opinion.
func TestOpinionRevised(t *testing.T) {
	store, p := lying(t)
	j := newJob(p, store, t.TempDir())
	j.Force = true
	d := filled(t, store, p)
	for i, second := range []func(context.Context, *report.Document) (*comparison.Document, error){nil, asking(d), asking(d),
		func(context.Context, *report.Document) (*comparison.Document, error) {
			return &comparison.Document{}, nil
		}, nil} {
		j.Second = second
		if err := run(t, j, frame(t, p, monday.AddDate(0, 0, 14))); err != nil {
			t.Fatal(err)
		}
		full := read(t, filepath.Join(j.Out, "weekly-2026-11-02", "internal", "full.json"))
		said := ""
		if i > 0 {
			said = strings.Join(full.Changes[i-1].What, "\n")
		}
		want := []string{"", "with a second opinion", "", "second opinion: What probes of RIPE Atlas say of ", "without a second opinion"}[i]
		if !strings.Contains(said, want) || want == "" && strings.Contains(said, "opinion") {
			t.Errorf("revision %d says %q, want %q", i+1, said, want)
		}
	}
}
