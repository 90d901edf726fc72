package dispute_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"mtric.net/mtric/engine/dispute"
)

// FuzzDossier: whatever a zip holds, it is no dossier or is disputed, and nothing is left.
func FuzzDossier(f *testing.F) {
	for _, manifest := range []string{"", "{", `{"schema":"mtric-dossier/1","plan_sha256":"0000000000000000000000000000000000000000000000000000000000000000"}`,
		`{"schema":"mtric-dossier/1","plan_sha256":"0000000000000000000000000000000000000000000000000000000000000000","files":[{"path":"lake/answers/x","size":3}]}`} {
		var text bytes.Buffer
		z := zip.NewWriter(&text)
		for name, content := range map[string]string{"h/manifest.json": manifest, "h/lake/answers/x": "abc"} {
			w, err := z.Create(name)
			if err == nil {
				_, err = io.WriteString(w, content)
			}
			if err != nil {
				f.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(text.Bytes())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir, temp := t.TempDir(), t.TempDir()
		file := filepath.Join(dir, "h.zip")
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := dispute.Run(context.Background(), file, temp, "test")
		if err == nil && r.Confirmed > 0 {
			t.Error("something is confirmed that nobody has measured")
		}
		if err != nil && !errors.Is(err, dispute.ErrNone) {
			t.Error(err)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}
