package column

import "errors"

// Cells is one column of a run of rows: flat in Column, or a list's.
type Cells struct {
	Column
	Offsets  []int32  // of a list: row i holds the elements from Offsets[i] to Offsets[i+1]; Null says which lists are null
	Elements []Column // of a list: one for each of its field's elements
}

// Slice is the column's rows of [from, until); a list's elements stay in place.
func (c *Cells) Slice(from, until int) Cells {
	part := Cells{Column: c.Column.Slice(from, until), Elements: c.Elements}
	if c.Offsets != nil {
		part.Offsets = c.Offsets[from : until+1]
	}
	return part
}

// Size is about what the column's texts and wires take when they are written out.
func (c *Cells) Size() int64 {
	var n int64
	add := func(c *Column, from, until int) {
		if c.Index != nil {
			for _, i := range c.Index[from:until] {
				if i >= 0 {
					n += int64(len(c.Dict[i]))
				}
			}
		}
		if c.Bytes != nil {
			for _, b := range c.Bytes[from:until] {
				n += int64(len(b))
			}
		}
	}
	if c.Offsets == nil {
		add(&c.Column, 0, max(len(c.Index), len(c.Bytes)))
		return n
	}
	for i := range c.Elements {
		add(&c.Elements[i], int(c.Offsets[0]), int(c.Offsets[len(c.Offsets)-1]))
	}
	return n
}

// Texts are the elements of a row of a list of texts; an empty list is no null, in
// JSON either.
func (c *Cells) Texts(row int) ([]string, error) {
	texts := []string{}
	for i := c.Offsets[row]; i < c.Offsets[row+1]; i++ {
		if c.Elements[0].Null[i] {
			return nil, errors.New("an element is null")
		}
		texts = append(texts, c.Elements[0].Text(int(i)))
	}
	return texts, nil
}
