package spool_test

import "mtric.net/mtric/engine/column/sample"

func ptr[T any](v T) *T { return &v }

var (
	midnight = sample.Midnight
	group    = sample.Group
)
