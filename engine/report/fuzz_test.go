package report_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/report"
)

// FuzzRead gives verify reports that strangers made: it may refuse them, but must
// not panic, nor hold more than its bounds.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"testdata/report.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"schema":"mtric-report/2"}`))
	f.Add([]byte(`{"schema":"mtric-report/2","from":"2026-11-02T00:00:00Z","until":"2026-11-09T00:00:00Z","data_until":"0001-01-01T00:00:00Z","rsis":[{"rsi":"a"}]}`))
	store := lake.Store{Dir: f.TempDir()}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := report.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		if _, err := report.Verify(context.Background(), d, store); err != nil {
			t.Logf("refused: %v", err)
		}
		var b bytes.Buffer
		if err := d.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := report.Read(&b); err != nil {
			t.Errorf("cannot read what it wrote: %v", err)
		}
	})
}
