package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/survey"
)

// survey compares candidates for vantage points and prints the comparison, for
// that is what whoever runs it wants to see. Its files are internal, all of them.
func (a *app) survey(ctx context.Context, p *plan.Plan, o reportOptions, atHome bool, now func() time.Time) error {
	store, out, err := a.reportPlaces(p, o.out)
	if err != nil {
		return err
	}
	from, until, err := survey.Period(store, o.period)
	switch {
	case errors.Is(err, survey.ErrNoData):
		return usagef("%w: the candidates' runs must be ingested first", err)
	case errors.Is(err, column.ErrNewer):
		return err
	case err != nil:
		return usagef("%w", err)
	}
	if end := interval.Of(now()); until.After(end) {
		until = end
	}
	if !from.Before(until) {
		return usagef("survey: the period begins at %s, there can be no data yet", from.Format(time.RFC3339))
	}
	s, err := survey.New(p, from, until, Version)
	if err != nil {
		return usagef("%w", err)
	}
	folder := filepath.Join(out, survey.Folder(from))
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would write %s: %d candidates, %s to %s\n", folder, len(s.Candidates), from.Format(time.RFC3339), until.Format(time.RFC3339))
		return err
	}
	if err := a.runSurvey(ctx, s, store, folder, o.force); err != nil {
		return err
	}
	if atHome {
		if err := a.logSurvey(p, s, folder); err != nil {
			return err
		}
	}
	switch {
	case a.flags.json:
		return s.WriteJSON(a.out)
	case !a.flags.quiet:
		if err := s.WriteText(a.out); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.out, "\n%s\n", filepath.Join(folder, "internal", "survey.html"))
		return err
	}
	return nil
}

// runSurvey makes the files while no other run does. A survey that goes on grows:
// a later end makes a new revision by itself.
func (a *app) runSurvey(ctx context.Context, s *survey.Survey, store lake.Store, folder string, force bool) error {
	out := filepath.Dir(folder)
	return a.alone(ctx, out, store, func() error {
		old, err := survey.Existing(folder)
		if err != nil {
			return err
		}
		if old != nil && !force && old.Until.Equal(s.Until) {
			return busyf("%s: survey until %s, revision %d, %w", folder, old.Until.Format(time.RFC3339), old.Revision, edition.ErrThere)
		}
		return s.Run(ctx, store, out, old)
	})
}

func (a *app) logSurvey(p *plan.Plan, s *survey.Survey, folder string) error {
	return a.logOnCollector(p, "survey written", "folder", folder, "revision", s.Revision, "candidates", len(s.Candidates))
}
