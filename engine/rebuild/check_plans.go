package rebuild

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// sites compares the table vantage_points. The other lake may have rows that its plan said
// once and says no more. Nothing tells which plan was the collector's at what time, so that
// a rebuilt lake has none of them; each must be what a kept plan says, but for its end.
func (c *check) sites() error {
	have, err := c.rebuilt.Sites()
	if err != nil {
		return err
	}
	said, err := plannedSites(c.rebuilt)
	if err != nil {
		return err
	}
	former := func(s measurement.Site) bool {
		same := func(other measurement.Site) bool { return order(&s, &other) == 0 }
		equal := func(other measurement.Site) bool {
			other.Until = s.Until
			return reflect.DeepEqual(s, other)
		}
		return !slices.ContainsFunc(have, same) && slices.ContainsFunc(said, equal)
	}
	others := func(yield func(*measurement.Site, error) bool) {
		for s, err := range rows[measurement.Site](c.other.Path(column.VantagePoints, time.Time{})) {
			if err == nil && former(*s) {
				c.done.Former++
			} else if !yield(s, err) {
				return
			}
		}
	}
	return compare(c, column.VantagePoints, rows[measurement.Site](c.rebuilt.Path(column.VantagePoints, time.Time{})), iter.Seq2[*measurement.Site, error](others))
}

// plannedSites are the vantage points of all plans that a lake keeps.
func plannedSites(s lake.Store) (all []measurement.Site, err error) {
	entries, err := os.ReadDir(filepath.Join(s.Dir, "plans"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("plans: %w", err)
	}
	for _, e := range entries {
		sum, is := strings.CutSuffix(e.Name(), ".json")
		if !is || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		p, _, err := readPlan(s.PlanPath(sum), sum)
		if err != nil {
			continue // it says nothing; where a run names it, plans tells
		}
		for _, v := range p.VantagePoints {
			all = append(all, ingest.SiteOf(v))
		}
	}
	return all, nil
}

// plans names the plans that runs of a lake were made by and that it does not keep whole.
func (c *check) plans(s lake.Store) error {
	files, err := s.Days(column.Runs, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	first, count := map[string]string{}, map[string]int{}
	for _, f := range files {
		for r, err := range rows[measurement.Run](f.Path) {
			if err := errors.Join(err, c.ctx.Err()); err != nil {
				return err
			}
			if count[r.PlanSHA256]++; count[r.PlanSHA256] == 1 {
				first[r.PlanSHA256] = key(r)
			}
		}
	}
	for _, sum := range slices.Sorted(maps.Keys(count)) {
		if _, err := s.Plan(sum); err != nil && len(c.done.Plans) < mostDifferences {
			c.done.Plans = append(c.done.Plans, fmt.Sprintf("%s: %d runs, first %s: %s", s.Dir, count[sum], first[sum], err))
		}
	}
	return nil
}
