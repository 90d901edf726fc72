package attainment

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/metrics/objectives"
)

//go:embed page.gohtml
var pageText string

var page = template.Must(edition.Page().Parse(pageText))

// WriteHTML writes objectives.html: one file that needs nothing else.
func (d *Document) WriteHTML(w io.Writer) error {
	return page.ExecuteTemplate(w, "objectives", struct {
		*Document
		Verdicts, Numbers, Serials [][]string
	}{d, d.verdicts(), d.numbers(), d.serials()})
}

// jsonName lies where nothing is published from: objectives are the operator's own.
const jsonName = "internal/objectives.json"

// Existing returns the report that is in place in a folder; nil where there is none.
func Existing(folder string) (*Document, error) {
	path := filepath.Join(folder, filepath.FromSlash(jsonName))
	text, err := edition.ReadFile(path)
	if text == nil {
		return nil, err
	}
	d, err := Read(text)
	if err != nil {
		return nil, fmt.Errorf("objectives %s: %w; move the folder away to have it made anew", path, err)
	}
	return d, nil
}

// Run computes the report and puts its folder into out, whole or not at all. One that was
// there becomes revisions/N of the new one; nil is none.
func (d *Document) Run(ctx context.Context, p *plan.Plan, store lake.Store, out string, old *Document) error {
	if err := report.HalfMerged(ctx, store, d.from.Add(-objectives.LookBack), d.DataUntil); err != nil {
		return fmt.Errorf("objectives: %w", err)
	}
	if _, err := d.Fill(ctx, p, store); err != nil {
		return fmt.Errorf("objectives: %w", err)
	}
	replaced := 0
	if old != nil {
		replaced = old.Revision
	}
	d.Revision = replaced + 1
	if err := edition.Put(out, Folder(d.Until), replaced, d.files); err != nil {
		return err
	}
	err := store.KeepPlan(p.JSON())
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return nil
	}
	return fmt.Errorf("objectives: %w", err)
}

func (d *Document) files(dir string) error {
	return edition.WriteFiles(dir, map[string]func(io.Writer) error{
		"internal/objectives.txt": d.WriteText, jsonName: d.WriteJSON, "internal/objectives.html": d.WriteHTML,
	})
}
