package lake_test

import (
	"time"
)

var label = time.Date(2026, 11, 22, 22, 40, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }
