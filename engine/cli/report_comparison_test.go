package cli_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/cli"
	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// twoLakes are ours with an hour of measurements, and an empty one of the crowd.
func twoLakes(t *testing.T) (ours, crowd string) {
	t.Helper()
	dir := t.TempDir()
	ours, crowd = filepath.Join(dir, "Lake"), filepath.Join(dir, "Atlas")
	if code, said := comparing(nil, "simulate", "--out", ours, "--vps", "2", "--from", "2026-11-20", "--until", "2026-11-20T01:00:00Z", "--seed", "1", "--quiet"); code != 0 {
		t.Fatal(said)
	}
	if err := atlas.Prepare(crowd, "builtin"); err != nil {
		t.Fatal(err)
	}
	return ours, crowd
}

func comparing(compare func(context.Context, comparison.Job) (*comparison.Document, error), args ...string) (code int, said string) {
	var out, errs bytes.Buffer
	code = cli.RunComparing(compare, append(args, "--now", "2026-12-09T06:00:00Z"), &out, &errs)
	return code, errs.String() + out.String()
}

// TestComparing: what a comparison is asked for is what the period, the plan and our report say.
func TestComparing(t *testing.T) {
	ours, crowd := twoLakes(t)
	from := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	excluded := filepath.Join(t.TempDir(), "excluded")
	if err := errors.Join(os.Mkdir(excluded, 0o755), os.WriteFile(filepath.Join(excluded, "plan.hcl"), []byte(`exclusion "e" {
  by = "ops@example.net"
  reason = "a filter of ours"
  added = "2026-11-21T00:00:00Z"
  from = "2026-11-20T00:10:00Z"
  until = "2026-11-20T00:20:00Z"
  rsis = ["c"]
  vantage_points = ["901"]
  paths = ["ipv6/tcp"]
}
`), 0o644)); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(t.TempDir(), "own.json")
	if err := os.WriteFile(own, []byte(`{"schema": "mtric-identities/1", "date": "2026-11-15", "patterns": [{"operator": "Our ISP", "kind": "resolver", "pattern": "cache[0-9]+"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	var job comparison.Job
	code, said := comparing(func(_ context.Context, j comparison.Job) (*comparison.Document, error) {
		job = j
		return &comparison.Document{Schema: comparison.Schema, Until: j.Until}, j.Check()
	}, "report", "--style", "comparison", "--plan", "rssac047", "--plan", excluded, "--lake", ours, "--out", t.TempDir(), "--with", crowd, "--identities", own, "--period", "2026-11-20/2026-11-21")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	for text, want := range map[string]identity.Sign{"cache1": identity.Recursor, "001.nrt.h.root-servers.org": identity.Other} {
		if got := job.Identities.Says("k", text, from); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if job.Set != "builtin" || job.Plan != "rssac047" || job.Ours.Dir != ours || job.Theirs.Dir != crowd || !job.From.Equal(from) || !job.Until.Equal(from.AddDate(0, 0, 1)) || job.Seed != 20261120 ||
		len(job.RSIs) != 13 || len(job.Regions) != 2 {
		t.Errorf("%+v", job)
	}
	path := measurement.Path{Family: measurement.IPv6, Transport: measurement.TCP}
	for _, c := range []struct {
		vp     measurement.VantagePoint
		minute int
		rsi    measurement.RSI
		path   measurement.Path
		counts bool
	}{{"901", 10, "c", path, false}, {"901", 15, "c", path, false}, {"901", 5, "c", path, true}, {"901", 20, "c", path, true}, {"902", 10, "c", path, true},
		{"901", 10, "d", path, true}, {"901", 10, "c", measurement.Path{Family: measurement.IPv6, Transport: measurement.UDP}, true}} {
		if got := job.Counts(c.vp, from.Add(time.Duration(c.minute)*time.Minute), c.rsi, c.path); got != c.counts {
			t.Errorf("%+v: counts %t", c, got)
		}
	}
}

// TestComparisonEnds: where no comparison can be made there is no report of any style, and
// while an import changes the crowd's lake none is tried.
func TestComparisonEnds(t *testing.T) {
	ours, crowd := twoLakes(t)
	broken := func(context.Context, comparison.Job) (*comparison.Document, error) {
		return nil, errors.New("answers.parquet is damaged")
	}
	for _, style := range [][]string{{"comparison", "2026-11"}, {"monthly", "2026-11"}, {"weekly", "2026-11-16"}} {
		out := t.TempDir()
		args := []string{"report", "--style", style[0], "--period", style[1], "--lake", ours, "--out", out, "--with", crowd}
		if code, said := comparing(broken, args...); code != 1 || !strings.Contains(said, "answers.parquet is damaged") {
			t.Errorf("%s: exit code %d, said %q", style[0], code, said)
		}
		done, err := lake.Store{Dir: crowd}.LockExclusive(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if code, said := comparing(broken, args...); code != 5 || !strings.Contains(said, "mtric import atlas is at work there") {
			t.Errorf("%s: exit code %d, said %q", style[0], code, said)
		}
		if err := done(); err != nil {
			t.Fatal(err)
		}
		if made, err := filepath.Glob(filepath.Join(out, "*-2026*")); err != nil || len(made) > 0 {
			t.Errorf("%s: %q, %v", style[0], made, err)
		}
	}
}
