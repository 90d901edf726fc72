package report_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"mtric.net/mtric/engine/report"
)

// TestReadKeys: readers do not agree on which of two equal keys counts, nor on whether
// case does.
func TestReadKeys(t *testing.T) {
	text, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := report.Read(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	for added, want := range map[string]string{
		`"Schema": "mtric-report/2",`:      `key "Schema"`,
		`"ſchema": "mtric-report/2",`:      `key "ſchema"`,
		`"schema": "mtric-report/2",`:      `key "schema" stands twice`,
		`"\u0073chema": "mtric-report/2",`: `key "schema" stands twice`,
	} {
		if _, err := report.Read(strings.NewReader("{" + added + string(text[1:]))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", added, err)
		}
	}
	fail := bytes.Replace(text, []byte(`"verdict":`), []byte(`"Verdict": "pass", "verdict":`), 1)
	if _, err := report.Read(bytes.NewReader(fail)); err == nil || !strings.Contains(err.Error(), `key "Verdict"`) {
		t.Error(err)
	}
	if _, err := report.Read(strings.NewReader(strings.Repeat("[", 1000))); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Error(err)
	}
}
