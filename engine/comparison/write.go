package comparison

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"mtric.net/mtric/engine/edition"
)

// jsonName lies where nothing is published from: values of single RSIs, which ours are, are
// not for the public [cpm].
const jsonName = "internal/comparison.json"

// Existing returns the comparison that is in place in a folder; nil where there is none.
func Existing(folder string) (*Document, error) {
	path := filepath.Join(folder, filepath.FromSlash(jsonName))
	text, err := edition.ReadFile(path)
	if text == nil {
		return nil, err
	}
	var d Document
	if err := json.Unmarshal(text, &d); err != nil || d.Schema != Schema {
		return nil, errors.Join(fmt.Errorf("comparison %s: not a comparison of this mtric; move the folder away to have it made anew", path), err)
	}
	return &d, nil
}

// Put puts the comparison into the named folder of out, whole or not at all. One that was
// there becomes revisions/N of the new one; nil is none.
func (d *Document) Put(out, folder string, old *Document) error {
	replaced := 0
	if old != nil {
		replaced = old.Revision
	}
	d.Revision = replaced + 1
	return edition.Put(out, folder, replaced, func(dir string) error {
		return edition.WriteFiles(dir, map[string]func(io.Writer) error{
			"internal/comparison.txt": d.WriteText, jsonName: d.WriteJSON, "internal/comparison.html": d.WriteHTML,
		})
	})
}

// WriteJSON writes comparison.json.
func (d *Document) WriteJSON(w io.Writer) error { return edition.WriteJSON(w, d) }
