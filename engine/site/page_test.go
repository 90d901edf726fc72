package site_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// uPlot as npm has it: https://registry.npmjs.org/uplot/-/uplot-1.6.32.tgz, folder dist.
var vendored = map[string]string{
	"uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
	"uPlot.min.css":     "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}

// pageFiles are the files of the page, by name.
func pageFiles(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join("page", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

// What is vendored is what its makers published, with their licence beside it.
func TestPageVendors(t *testing.T) {
	all := pageFiles(t)
	for name, want := range vendored {
		sum := sha256.Sum256([]byte(all[name]))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: sha256 %s, not %s", name, got, want)
		}
	}
	if !strings.Contains(all["LICENSE.uPlot"], "The MIT License") || !strings.Contains(all["uPlot.iife.min.js"], "(v1.6.32)") {
		t.Error("uPlot lacks its licence or is of another version")
	}
}

// The page is small, whole, and refers to nothing elsewhere.
func TestPageIsWhole(t *testing.T) {
	all := pageFiles(t)
	index, size := all["index.html"], 0
	for name, text := range all {
		size += len(text)
		if strings.HasPrefix(name, "LICENSE") || name == "index.html" {
			continue
		}
		if !strings.Contains(index, `="`+name+`"`) {
			t.Errorf("index.html does not load %s", name)
		}
		lines := strings.Count(text, "\n")
		if most := map[bool]int{false: 400, true: 600}[name == "heatmap.js"]; lines > most {
			t.Errorf("%s has %d lines, more than %d", name, lines, most)
		}
	}
	if size > 300<<10 {
		t.Errorf("the page has %d bytes, more than 300 KB", size)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(index, -1) {
		if _, there := all[m[1]]; !there && !strings.HasPrefix(m[1], "#") {
			t.Errorf("index.html refers to %q, which is not there", m[1])
		}
	}
}

// Nothing in the page needs what the content security policy forbids, and nothing turns text
// of the data into HTML or code.
func TestPageIsInert(t *testing.T) {
	all := pageFiles(t)
	index := all["index.html"]
	if !strings.Contains(index, `content="default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'"`) {
		t.Error("index.html has another policy")
	}
	for _, inline := range []string{`<script>`, `<style`, ` style=`, ` onload=`, ` onclick=`, `javascript:`} {
		if strings.Contains(index, inline) {
			t.Errorf("index.html has %q", inline)
		}
	}
	unsafe := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment|setTimeout\("|\bfetch\(|XMLHttpRequest|new Worker|pushState|setAttribute\("style"|\bimport\b`)
	for name, text := range all {
		if _, theirs := vendored[name]; theirs || !strings.HasSuffix(name, ".js") {
			continue
		}
		for n, line := range strings.Split(text, "\n") {
			if found := unsafe.FindString(line); found != "" && !strings.HasPrefix(strings.TrimSpace(line), "//") {
				t.Errorf("%s:%d uses %s", name, n+1, found)
			}
		}
		if !strings.Contains(text, "\"use strict\";") {
			t.Errorf("%s is not strict", name)
		}
	}
}
