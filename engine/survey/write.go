package survey

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/lake"
)

//go:embed page.gohtml
var pageText string

var page = template.Must(edition.Page().Parse(pageText))

// WriteHTML writes survey.html: one file that needs nothing else.
func (s *Survey) WriteHTML(w io.Writer) error {
	return page.ExecuteTemplate(w, "survey", struct {
		*Survey
		Overview, Ways, Details [][]string
		Legend                  []string
	}{s, fullHeads(s.overview()), fullHeads(s.ways()), fullHeads(s.details()), legend})
}

// fullHeads writes "RTT V4", "V6" out, for whoever hears a table instead of
// seeing it.
func fullHeads(rows [][]string) [][]string {
	for i, h := range rows[0] {
		if h == "V6" {
			rows[0][i] = strings.TrimSuffix(rows[0][i-1], "V4") + h
		}
	}
	return rows
}

// Quiet says that no candidate has a note.
func (s *Survey) Quiet() bool {
	return !slices.ContainsFunc(s.Candidates, func(c Candidate) bool { return len(c.Notes) > 0 })
}

// jsonName lies where nothing is published from.
const jsonName = "internal/survey.json"

// Folder is the name of a survey's folder: survey-2026-11-22.
func Folder(from time.Time) string { return Style + "-" + from.Format(time.DateOnly) }

// Existing returns the survey that is in place in a folder; nil where there is none.
func Existing(folder string) (*Survey, error) {
	path := filepath.Join(folder, filepath.FromSlash(jsonName))
	text, err := edition.ReadFile(path)
	if text == nil {
		return nil, err
	}
	var s Survey
	if err := json.Unmarshal(text, &s); err != nil || s.Schema != Schema {
		return nil, errors.Join(fmt.Errorf("survey %s: not a survey of this mtric; move the folder away to have it made anew", path), err)
	}
	return &s, nil
}

// Run computes the survey and puts its folder into out, whole or not at all. A survey
// that was there becomes revisions/N of the new one; nil is none.
func (s *Survey) Run(ctx context.Context, store lake.Store, out string, old *Survey) error {
	if err := s.Fill(ctx, store); err != nil {
		return err
	}
	replaced := 0
	if old != nil {
		replaced = old.Revision
	}
	s.Revision = replaced + 1
	return edition.Put(out, Folder(s.From), replaced, s.files)
}

func (s *Survey) files(dir string) error {
	return edition.WriteFiles(dir, map[string]func(io.Writer) error{
		"internal/survey.txt": s.WriteText, jsonName: s.WriteJSON, "internal/survey.html": s.WriteHTML,
	})
}
