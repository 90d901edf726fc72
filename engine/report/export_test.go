package report

import (
	"context"

	"mtric.net/mtric/engine/lake"
)

// NewValue lets tests print values without a lake.
var NewValue = newValue

// Thousands lets tests read what pages say.
var Thousands = thousands

// MostWires lets tests have few evidence files.
var MostWires = &mostWires

// FillAgain fills a report by what it says itself of serials, as who wants its values to
// fit would.
func FillAgain(ctx context.Context, d *Document, store lake.Store) error {
	cfg, err := d.restOn()
	if err != nil {
		return err
	}
	_, err = d.fill(ctx, store, cfg)
	return err
}
