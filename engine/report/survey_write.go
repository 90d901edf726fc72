package report

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed survey.gohtml
var surveyPage string

var surveyPages = template.Must(template.Must(pages.Clone()).Parse(surveyPage))

// WriteHTML writes survey.html: one file that needs nothing else.
func (s *Survey) WriteHTML(w io.Writer) error {
	return surveyPages.ExecuteTemplate(w, "survey", struct {
		*Survey
		Overview, Ways, Details [][]string
		Legend                  []string
	}{s, wholeHeads(s.overview()), wholeHeads(s.ways()), wholeHeads(s.details()), surveyLegend})
}

// wholeHeads writes "RTT V4", "V6" out, for whoever hears a table instead of
// seeing it.
func wholeHeads(rows [][]string) [][]string {
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

// surveyJSON lies where nothing is published from.
const surveyJSON = "internal/survey.json"

// ExistingSurvey returns the survey that is in place; nil where there is none.
func (j Job) ExistingSurvey(folder string) (*Survey, error) {
	path := filepath.Join(j.Out, folder, filepath.FromSlash(surveyJSON))
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("survey: %w", err)
	}
	defer f.Close()
	var s Survey
	if err := json.NewDecoder(io.LimitReader(f, maxDocument)).Decode(&s); err != nil || s.Schema != SurveySchema {
		return nil, errors.Join(fmt.Errorf("survey %s: not a survey of this mtric; move the folder away to have it made anew", path), err)
	}
	return &s, nil
}

// RunSurvey computes the survey and puts its folder in place, whole or not at
// all. A survey that was there becomes revisions/N of the new one; nil is none.
func (j Job) RunSurvey(ctx context.Context, s, old *Survey) error {
	if err := s.Fill(ctx, j.Store); err != nil {
		return err
	}
	folder := Folder(Surveying, s.From)
	final, next := filepath.Join(j.Out, folder), filepath.Join(j.Out, "."+folder+".new")
	if err := os.RemoveAll(next); err != nil { // of a run that was killed
		return fmt.Errorf("survey: %w", err)
	}
	if old != nil {
		s.Revision = old.Revision + 1
	}
	err := s.files(next)
	if err == nil && old != nil {
		err = keepRevision(final, next, old.Revision)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	return swap(next, final)
}

func (s *Survey) files(dir string) error {
	for name, write := range map[string]func(io.Writer) error{
		"internal/survey.txt": s.WriteText, surveyJSON: s.WriteJSON, "internal/survey.html": s.WriteHTML,
	} {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), write); err != nil {
			return err
		}
	}
	return nil
}
