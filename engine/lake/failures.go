package lake

import (
	"context"
	"fmt"

	"mtric.net/mtric/engine/column"
)

// Failures gives use the broken rules of each answer of a file that has any, with
// its row: that of the batches of a Scan over the file.
func Failures(path string, use func(row int64, failures []string)) error {
	var row int64
	b := column.NewBatch(column.Answers, "failures")
	return column.Scan(context.Background(), path, column.Span{}, b, func(*column.Batch) error {
		for i := range b.Rows {
			texts, err := b.Cells[0].Texts(i)
			if err != nil {
				return fmt.Errorf("%s: column failures: %w", path, err)
			}
			if len(texts) > 0 {
				use(row+int64(i), texts)
			}
		}
		row += int64(b.Rows)
		return nil
	})
}
