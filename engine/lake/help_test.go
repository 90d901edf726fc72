package lake_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
)

func ptr[T any](v T) *T { return &v }

// batches hands use every batch of columns of a table, by name.
func batches(t testing.TB, s lake.Store, table column.Table, names []string, use func(of func(name string) *column.Column, rows int) error) error {
	t.Helper()
	days, err := s.Days(table, time.Time{}, time.Time{})
	for _, d := range days {
		err = errors.Join(err, column.Open(d.Path, table, func(f *column.File) error {
			b, names := column.NewBatch(table, names...), append(slices.Clone(names), column.Interval)
			own, err := f.Batches(t.Context(), f.Groups(), column.Span{}, b, func(*column.Batch) error {
				return use(func(name string) *column.Column { return &b.Cells[slices.Index(names, name)].Column }, b.Rows)
			})
			return errors.Join(own, err)
		}))
	}
	return err
}
