package lake

import (
	"context"
	"errors"
	"fmt"

	"mtric.net/mtric/engine/column"
)

// Failures gives use the broken rules of each answer of a file that has any, with
// its row: that of the batches of a Scan over the file.
func Failures(path string, use func(row int64, failures []string)) error {
	return column.Open(path, column.Answers, func(f *column.File) error {
		var row int64
		b := column.NewBatch(column.Answers, "failures")
		own, err := f.Batches(context.Background(), f.Groups(), column.Span{}, b, func(*column.Batch) error {
			for i := range b.Rows {
				texts, err := b.Cells[0].Texts(i)
				if err != nil {
					return fmt.Errorf("column failures: %w", err)
				}
				if len(texts) > 0 {
					use(row+int64(i), texts)
				}
			}
			row += int64(b.Rows)
			return nil
		})
		return errors.Join(own, err)
	})
}
