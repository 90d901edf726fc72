package dispute_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mtric.net/mtric/engine/dispute"
	"mtric.net/mtric/engine/report"
)

// TestTied: nobody signs a manifest, so its parts are held to each other: one that names
// fewer answers, another report or not all files is contradicted, whatever is confirmed.
func TestTied(t *testing.T) {
	c := newCollector(t)
	whole := filepath.Join(c.report(t), "h")
	for name, test := range map[string]struct {
		change  func(m *report.Manifest)
		problem string
	}{
		"no answers": {func(m *report.Manifest) {
			m.Incorrect = 0
			m.Files = without(m.Files, "lake/", "rootzones/", "evidence/")
		}, "names 0 incorrect answers"},
		"another revision": {func(m *report.Manifest) { m.Revision = 9 }, "not what manifest.json names"},
		"another month":    {func(m *report.Manifest) { m.Report = "monthly-2026-10" }, "not what manifest.json names"},
		"no files":         {func(m *report.Manifest) { m.Files = nil }, "values.json: the manifest does not name it"},
		"no failed rows":   {func(m *report.Manifest) { m.Files = without(m.Files, "failed.csv.gz") }, "failed.csv.gz: the manifest does not name it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "h")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, report.ManifestFile)
			var m report.Manifest
			if err := json.Unmarshal(read(t, file), &m); err != nil {
				t.Fatal(err)
			}
			test.change(&m)
			text, err := json.Marshal(m)
			if err == nil {
				err = os.WriteFile(file, text, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := dispute.Run(t.Context(), dir, t.TempDir(), "test")
			if err != nil {
				t.Fatal(err)
			}
			if !r.Differs() || !strings.Contains(strings.Join(r.Problems, "\n"), test.problem) {
				t.Errorf("%q", r.Problems)
			}
		})
	}
	t.Run("a verdict of another report", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "h")
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, report.DossierReport)
		parts := strings.Split(string(read(t, path)), `"metric": "rsi_correctness"`)
		for i, part := range parts {
			if i > 0 && strings.Contains(part[:60], `"rsi": "h"`) {
				parts[i] = strings.Replace(part, `"verdict": "fail"`, `"verdict": "pass"`, 1)
			}
		}
		if err := os.WriteFile(path, []byte(strings.Join(parts, `"metric": "rsi_correctness"`)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := retell(dir, path); err != nil {
			t.Fatal(err)
		}
		r, err := dispute.Run(t.Context(), dir, t.TempDir(), "test")
		if err != nil || !r.Differs() || !strings.Contains(strings.Join(r.Problems, "\n"), "says of rsi_correctness h what report.json does not") {
			t.Errorf("%v, %q", err, r.Problems)
		}
	})
}

// without leaves out the files of that name, or in that folder.
func without(all []report.File, names ...string) (rest []report.File) {
	for _, f := range all {
		out := false
		for _, name := range names {
			out = out || f.Path == name || strings.HasSuffix(name, "/") && strings.HasPrefix(f.Path, name)
		}
		if !out {
			rest = append(rest, f)
		}
	}
	return rest
}
