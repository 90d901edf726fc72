package report_test

import (
	"testing"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/report"
)

// same sees to it that the lake says what the report says, and nothing is late.
func same(t testing.TB, d *report.Document, store lake.Store) {
	t.Helper()
	v, err := report.Verify(t.Context(), d, store)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range append(v.Differences, v.Late...) {
		t.Errorf("verify: %s", line)
	}
}
