package lake

import (
	"errors"
	"fmt"

	"mtric.net/mtric/engine/column"
)

// Failures gives use the broken rules of each answer of a file that has any, with
// its row: that of the batches of a Scan over the file. Only this column is read.
func Failures(path string, use func(row int64, failures []string)) error {
	return column.Open(path, column.Answers, func(f *column.File) error {
		b := &column.Block{Columns: make([]column.Cells, 1)}
		var row int64
		for _, g := range f.Groups() {
			r, err := g.Blocks("failures")
			if err != nil {
				return err
			}
			for {
				if err := r.Next(b); err != nil {
					return errors.Join(err, r.Close())
				}
				if b.Rows == 0 {
					break
				}
				for i := range b.Rows {
					texts, err := b.Columns[0].Texts(i)
					if err != nil {
						return errors.Join(fmt.Errorf("column failures: %w", err), r.Close())
					}
					if len(texts) > 0 {
						use(row+int64(i), texts)
					}
				}
				row += int64(b.Rows)
			}
			if err := r.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}
