package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mtric.net/mtric/engine/report"
)

// digestByHand reads full.json as a stranger would.
func digestByHand(t *testing.T, d *report.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Values []map[string]any }
	decoder := json.NewDecoder(&b)
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, v := range doc.Values {
		var cells []string
		for _, key := range []string{"metric", "rsi", "family", "transport", "numerator", "denominator", "count", "censored", "verdict"} {
			cell := "-"
			if x := v[key]; x != nil {
				cell = fmt.Sprint(x)
			}
			cells = append(cells, cell)
		}
		lines.WriteString(strings.Join(cells, "\t") + "\n")
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(lines.String())))
}
