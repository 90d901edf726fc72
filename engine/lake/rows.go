package lake

import "iter"

// Rows yields the rows of a file some thousand at a time, the receiver's to keep,
// with the checks of Read: a day of hundreds of vantage points does not fit into
// memory. An error ends them.
func Rows[T Row](path string) iter.Seq2[[]T, error] { return rowsOf[T](path, 0) }

// CreatePart is Create for a part of a day, of which many are written at a time:
// with the small buffers of a vantage point's file.
func CreatePart[T Row](path string, meta Metadata) (*Writer[T], error) {
	return create[T](path, meta, form{page: smallPage, group: rowGroup})
}
