package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mtric.net/mtric/engine/plan"
)

// hashes are the plan_sha256 of the shipped plans, of three before the language grew (issue 16).
// What is new in it is left out of the canonical form where a plan does not say it.
var hashes = map[string]string{
	"rssac047": "a659c1ee0e256f632251f0fe1c7c678ba4402e3bcff574b8da34ad74f12c949c",
	"demo":     "69f8ac949da589f69fddbf65f81358372b43c4aa7500e2a24c7ada11ac909fb7", // since it names a contact
	"survey":   "23604ec59cc44555d777ea5e1474750d244879044e4b9ed9afdec1588649c441",
	"zone":     "3743edaaa3b070db7d38b867ca6bd3ecb37e7d11940f8b52cf2c18102b9bb292",
	"chaos":    "c46298d206f1eb40793003736bd23c70da4933917e4ff12639cbb918b43ef001",
}

func TestShippedPlansKeepTheirHash(t *testing.T) {
	for name, want := range hashes {
		if got := load(t, nil, shipped(t, name)).SHA256(); got != want {
			t.Errorf("plan %s: sha256 %s, want %s", name, got, want)
		}
	}
}

// TestGoldenPlansKeepTheirHash: what older programs left in a lake reads and writes as it was.
func TestGoldenPlansKeepTheirHash(t *testing.T) {
	files, err := filepath.Glob("../../testdata/golden/schema-*/Lake/plans/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans in the golden lakes: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.ReadJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if want := strings.TrimSuffix(filepath.Base(file), ".json"); p.SHA256() != want || string(p.JSON()) != string(text) {
			t.Errorf("%s: sha256 %s", file, p.SHA256())
		}
	}
}
