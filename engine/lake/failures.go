package lake

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"
)

// Failures gives use the broken rules of each answer of a file that has any, with
// its row: that of the batches of a Scan over the file. Only this column is read.
func Failures(path string, use func(row int64, failures []string)) error {
	return open(path, func(f *parquet.File) error {
		all, err := bind(f, Answers)
		if err != nil {
			return err
		}
		columns, err := pick(all, "failures")
		if err != nil {
			return err
		}
		b := block{columns: make([]cells, len(columns))}
		var row int64
		for _, g := range groupsOf(f) {
			r, err := newGroupReader(g, columns)
			if err != nil {
				return err
			}
			for {
				if err := r.next(&b); err != nil {
					return errors.Join(err, r.close())
				}
				if b.rows == 0 {
					break
				}
				list := &b.columns[0]
				for i := range b.rows {
					texts, err := list.texts(i)
					if err != nil {
						return errors.Join(fmt.Errorf("column failures: %w", err), r.close())
					}
					if len(texts) > 0 {
						use(row+int64(i), texts)
					}
				}
				row += int64(b.rows)
			}
			if err := r.close(); err != nil {
				return err
			}
		}
		return nil
	}, parquet.SkipPageIndex(true))
}

// texts are the elements of a row of a list of texts; an empty list is no null, in
// JSON either.
func (c *cells) texts(row int) ([]string, error) {
	texts := []string{}
	for i := c.offsets[row]; i < c.offsets[row+1]; i++ {
		if c.elements[0].Null[i] {
			return nil, errors.New("an element is null")
		}
		texts = append(texts, c.elements[0].Text(int(i)))
	}
	return texts, nil
}
