package export_test

import (
	"flag"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/column/sample"
	"mtric.net/mtric/engine/measurement"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var label = sample.Label

func ptr[T any](v T) *T { return &v }

var (
	midnight = sample.Midnight
	group    = sample.Group
)

// answers are sample answers as the golden files have them, without what schema 2 added.
func answers() []measurement.Answer {
	rows := sample.Answers()
	rows[0].SourcePort, rows[0].Extra = nil, nil
	return rows
}

// columnTypes is the kind of each column.
func columnTypes(table column.Table) map[string]column.Kind {
	types := map[string]column.Kind{}
	for _, f := range column.Fields(table) {
		types[f.Name] = f.Kind
	}
	return types
}
