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

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/simulate"
	"mtric.net/mtric/plans"
)

// candidates is the plan survey with five candidates: 911 and 912 of one provider
// in one data centre, 913 of another in the same town, two far away.
func candidates(t testing.TB) *plan.Plan {
	t.Helper()
	fsys, ok := plans.Dir("survey")
	if !ok {
		t.Fatal("no embedded plan survey")
	}
	p, l := plan.Load([]plan.Dir{{Name: "survey", FS: fsys}}, nil)
	if l.HasErrors() {
		t.Fatal(l.Error())
	}
	for _, v := range [][]string{{"911", "europe", "Frankfurt", "provider-a"}, {"912", "europe", "Frankfurt", "provider-a"},
		{"913", "europe", "Frankfurt", "provider-b"}, {"921", "north_america", "Dallas", "provider-b"}, {"931", "asia_pacific", "Singapore", "provider-c"}} {
		p.VantagePoints = append(p.VantagePoints, plan.VantagePoint{ID: measurement.VantagePoint(v[0]), Region: v[1], Metro: v[2], Provider: v[3]})
	}
	return p
}

// surveyed simulates six hours: 913 has no IPv6, 921 is silent from the third
// hour on, and wrong answers reach 931.
func surveyed(t testing.TB, p *plan.Plan) (lake.Store, *simulate.Truth) {
	t.Helper()
	until := monday.Add(6 * time.Hour)
	c := simulate.Config{Plan: p, From: monday, Until: until, Seed: 11, Version: "test", Routes: true, Faults: []plan.Fault{
		{Label: "no-ipv6", Kind: plan.FaultUnreachable, VantagePoints: []measurement.VantagePoint{"913"}, Paths: []string{"ipv6/udp", "ipv6/tcp"}, From: monday, Until: until, Percent: 100},
		{Label: "silent", Kind: plan.FaultSilent, VantagePoints: []measurement.VantagePoint{"921"}, From: monday.Add(2 * time.Hour), Until: until, Percent: 100},
		{Label: "rewritten", Kind: plan.FaultWrong, VantagePoints: []measurement.VantagePoint{"931"}, From: monday, Until: until, Percent: 10},
	}}
	for _, v := range p.VantagePoints {
		c.VantagePoints = append(c.VantagePoints, v.ID)
	}
	dir := t.TempDir()
	truth, err := simulate.Run(context.Background(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	return lake.Store{Dir: dir, Version: "test"}, truth
}

func fillSurvey(t testing.TB, p *plan.Plan, store lake.Store, period string) *report.Survey {
	t.Helper()
	from, until, err := report.SurveyPeriod(store, period)
	if err != nil {
		t.Fatal(err)
	}
	s, err := report.NewSurvey(p, from, until, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(context.Background(), store); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSurveyGolden(t *testing.T) {
	p := candidates(t)
	store, _ := surveyed(t, p)
	s := fillSurvey(t, p, store, "")
	for name, write := range map[string]func(*bytes.Buffer) error{
		"survey.txt":  func(b *bytes.Buffer) error { return s.WriteText(b) },
		"survey.html": func(b *bytes.Buffer) error { return s.WriteHTML(b) },
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestSurveyIsTrue compares with what the simulation says, and counts the answers
// once more out of the rows.
func TestSurveyIsTrue(t *testing.T) {
	p := candidates(t)
	store, truth := surveyed(t, p)
	s := fillSurvey(t, p, store, "")
	byID := map[measurement.VantagePoint]report.Candidate{}
	for _, c := range s.Candidates {
		byID[c.ID] = c
	}
	incorrect := map[measurement.VantagePoint]int64{}
	for _, x := range truth.Planted {
		incorrect[x.VantagePoint]++
	}
	if incorrect["931"] == 0 {
		t.Fatal("the simulation planted nothing")
	}
	for _, want := range truth.Routes {
		c, got := byID[want.VantagePoint], simulate.RouteTruth{VantagePoint: want.VantagePoint}
		for _, x := range c.Servers {
			got.Traces, got.Reached, got.Paths = got.Traces+x.Traces, got.Reached+x.Reached, got.Paths+x.Paths
		}
		if got != want || c.Incorrect != incorrect[c.ID] {
			t.Errorf("%+v, %d incorrect; truth %+v, %d", got, c.Incorrect, want, incorrect[c.ID])
		}
	}
	rows, _, err := column.Read[measurement.Answer](store.Path(column.Answers, monday))
	if err != nil {
		t.Fatal(err)
	}
	type pair struct{ rsi, nsid string }
	instances, seers := map[measurement.VantagePoint]map[pair]bool{}, map[pair]map[measurement.VantagePoint]bool{}
	type key struct {
		vp     measurement.VantagePoint
		rsi    measurement.RSI
		family measurement.Family
	}
	asked, latency := map[key]int64{}, map[key][]int64{}
	for _, r := range rows {
		if r.Query != "soa" {
			continue
		}
		k := key{r.VantagePoint, r.RSI, r.Family}
		asked[k]++
		if r.Outcome != measurement.Answered {
			continue
		}
		if r.Transport == measurement.UDP {
			latency[k] = append(latency[k], *r.LatencyUS)
		}
		n := pair{string(r.RSI), *r.NSID}
		if instances[r.VantagePoint] == nil {
			instances[r.VantagePoint] = map[pair]bool{}
		}
		if seers[n] == nil {
			seers[n] = map[measurement.VantagePoint]bool{}
		}
		instances[r.VantagePoint][n], seers[n][r.VantagePoint] = true, true
	}
	for id, c := range byID {
		alone := 0
		for n := range instances[id] {
			if len(seers[n]) == 1 {
				alone++
			}
		}
		if c.Instances != int64(len(instances[id])) || c.Alone != int64(alone) {
			t.Errorf("%s: %d instances, %d alone; the rows have %d, %d", id, c.Instances, c.Alone, len(instances[id]), alone)
		}
		for _, x := range c.Servers {
			k := key{id, x.RSI, x.Family}
			l := latency[k]
			slices.Sort(l)
			place := x.RSI == "icann-lax" || x.RSI == "icann-cjr"
			switch {
			case x.Asked != asked[k] || x.Good > x.Asked:
				t.Errorf("%v: asked %d, rows %d", k, x.Asked, asked[k])
			case place && (x.RTTUS == nil) != (x.Reached == 0):
				t.Errorf("%v: %d traces reached it, round trip %v", k, x.Reached, x.RTTUS)
			case !place && (x.RTTUS == nil) != (len(l) == 0), !place && x.RTTUS != nil && *x.RTTUS != l[(len(l)-1)/2]:
				t.Errorf("%v: round trip %v, rows %v", k, x.RTTUS, l)
			}
		}
	}
	// What one data centre sees is most like what it sees once more.
	if a, b := byID["911"].MostLike, byID["912"].MostLike; a == nil || a.ID != "912" || b == nil || b.ID != "911" || a.Shared != b.Shared || a.Of != b.Of {
		t.Errorf("911 is most like %+v, 912 like %+v", a, b)
	}
}

// TestCandidatesDoNotTouchEachOther: one candidate less changes of the others
// only what compares them, and never makes one see fewer servers alone.
func TestCandidatesDoNotTouchEachOther(t *testing.T) {
	p := candidates(t)
	store, _ := surveyed(t, p)
	all := fillSurvey(t, p, store, "")
	for i := range p.VantagePoints {
		less := *p
		less.VantagePoints = slices.Delete(slices.Clone(p.VantagePoints), i, i+1)
		s := fillSurvey(t, &less, store, "")
		if len(s.Candidates) != len(all.Candidates)-1 || !slices.Equal(s.Unexpected, []measurement.VantagePoint{p.VantagePoints[i].ID}) {
			t.Fatalf("without %s: %d candidates, unexpected %v", p.VantagePoints[i].ID, len(s.Candidates), s.Unexpected)
		}
		for _, c := range s.Candidates {
			before := all.Candidates[slices.IndexFunc(all.Candidates, func(o report.Candidate) bool { return o.ID == c.ID })]
			if c.Alone < before.Alone {
				t.Errorf("without %s: %s sees %d servers alone, with it %d", p.VantagePoints[i].ID, c.ID, c.Alone, before.Alone)
			}
			if c.MostLike != nil && c.MostLike.ID == p.VantagePoints[i].ID {
				t.Errorf("%s is most like %s, which is none of them", c.ID, c.MostLike.ID)
			}
			c.Alone, c.MostLike, c.Notes = before.Alone, before.MostLike, before.Notes
			if d := cmp.Diff(before, c); d != "" {
				t.Errorf("without %s, %s differs (-with +without):\n%s", p.VantagePoints[i].ID, c.ID, d)
			}
		}
	}
}

func TestSurveyTellsWhatIsOdd(t *testing.T) {
	p := candidates(t)
	store, _ := surveyed(t, p)
	s := fillSurvey(t, p, store, "")
	all := map[measurement.VantagePoint]string{}
	for _, c := range s.Candidates {
		all[c.ID] = strings.Join(c.Notes, "\n")
	}
	for id, want := range map[measurement.VantagePoint][]string{
		"911": {"same metropolitan area as 912", "same metropolitan area as 913"},
		"913": {"no RSI answered over IPv6: unfit"},
		"921": {"24 of 72 intervals came: below 90 %"},
		"931": {"judged answers incorrect: if other candidates have none"},
	} {
		for _, w := range want {
			if !strings.Contains(all[id], w) {
				t.Errorf("%s: %q not said:\n%s", id, w, all[id])
			}
		}
	}
	if strings.Contains(all["911"], "IPv6") || strings.Contains(all["921"], "metropolitan") || strings.Contains(all["912"], "incorrect") {
		t.Errorf("said of the wrong ones: %v", all)
	}
	if want := "No candidates in africa, latin_america"; len(s.Notes) != 1 || !strings.HasPrefix(s.Notes[0], want) {
		t.Errorf("notes %q", s.Notes)
	}
}

// TestSurveyWithoutRoutes: nothing is made up for what was not seen.
func TestSurveyWithoutRoutes(t *testing.T) {
	p := candidates(t)
	store, _ := surveyed(t, p)
	if err := os.RemoveAll(filepath.Join(store.Dir, "routes")); err != nil {
		t.Fatal(err)
	}
	p.VantagePoints = append(p.VantagePoints[1:], plan.VantagePoint{ID: "999", Region: "africa", Metro: "Nairobi"})
	s := fillSurvey(t, p, store, "2026-11-02")
	for _, c := range s.Candidates {
		if c.Families[0].Hops != nil || c.Families[0].Paths != 0 || c.MostLike != nil || c.Routers != 0 {
			t.Errorf("%s: routes out of nothing: %+v", c.ID, c)
		}
		want := "no traces: is scamper installed?"
		if c.ID == "999" {
			want = "no run came: it cannot be compared"
			if c.Families[0].RTTUS != nil || c.Families[0].Share() != "-" {
				t.Errorf("999: %+v", c.Families)
			}
		}
		if !slices.Contains(c.Notes, want) {
			t.Errorf("%s: %q", c.ID, c.Notes)
		}
	}
	if !slices.Equal(s.Unexpected, []measurement.VantagePoint{"911"}) || len(s.Candidates) != 5 {
		t.Errorf("unexpected %v, %d candidates", s.Unexpected, len(s.Candidates))
	}
	p.VantagePoints = nil
	if s := fillSurvey(t, p, store, ""); len(s.Candidates) != 5 || s.Candidates[0].Expected != 72 || s.CandidatesFrom != "data" {
		t.Errorf("without candidates in the plan: %d", len(s.Candidates))
	}
}

func TestSurveyPeriod(t *testing.T) {
	p := candidates(t)
	store, _ := surveyed(t, p)
	day := func(n int) time.Time { return monday.AddDate(0, 0, n) }
	for period, want := range map[string][2]time.Time{
		"":                      {monday, monday.Add(6 * time.Hour)},
		"2026-11-02":            {monday, day(1)},
		"2026-11-02/2026-11-05": {monday, day(3)},
	} {
		if from, until, err := report.SurveyPeriod(store, period); err != nil || from != want[0] || until != want[1] {
			t.Errorf("%q: %s to %s, %v", period, from, until, err)
		}
	}
	for period, want := range map[string]string{
		"2026-11":               "want a day such as 2026-11-22",
		"2026-11-02/":           "want a day such as",
		"2026-11-02/2026-11-02": "its end is not after its beginning",
		"2026-11-02/2027-11-02": "at most 31 days",
	} {
		if _, _, err := report.SurveyPeriod(store, period); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", period, err)
		}
	}
	if _, _, err := report.SurveyPeriod(lake.Store{Dir: t.TempDir()}, ""); !errors.Is(err, report.ErrNoData) {
		t.Errorf("empty lake: %v", err)
	}
}
