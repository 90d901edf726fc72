package engine_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A fault of the predecessor that no test would catch is one we may have too:
// every row of docs/predecessor.md names tests that exist.
func TestEveryFaultHasItsTest(t *testing.T) {
	page, err := os.ReadFile("../docs/predecessor.md")
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile("`([a-z/]+)`")
	name := regexp.MustCompile(`\bTest[A-Za-z0-9]+`)
	rows := 0
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !regexp.MustCompile(`^F[0-9]+$`).MatchString(strings.TrimSpace(cells[1])) {
			continue
		}
		rows++
		if strings.Contains(cells[3], "](decisions/") {
			continue
		}
		parts := place.Split(cells[3], -1)[1:]
		for i, m := range place.FindAllStringSubmatch(cells[3], -1) {
			for _, test := range name.FindAllString(parts[i], -1) {
				if !declared(t, filepath.Join("..", m[1]), test) {
					t.Errorf("%s: %s has no %s", strings.TrimSpace(cells[1]), m[1], test)
				}
			}
		}
		if len(name.FindAllString(cells[3], -1)) == 0 {
			t.Errorf("%s: names no test", strings.TrimSpace(cells[1]))
		}
	}
	if rows < 22 {
		t.Errorf("only %d rows", rows)
	}
}

func declared(t *testing.T, dir, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+test+"(") {
			return true
		}
	}
	return false
}
