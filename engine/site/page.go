package site

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"mtric.net/mtric/engine/edition"
)

//go:embed page
var pages embed.FS

// page writes what shows the data.
func (r *job) page(context.Context) error {
	err := fs.WalkDir(pages, "page", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := pages.ReadFile(path)
		if err != nil {
			return err
		}
		if path == "page/style.css" {
			text = append([]byte(edition.Style), text...)
		}
		return r.file(path[len("page/"):], text)
	})
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return nil
}
