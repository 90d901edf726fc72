package report

import (
	"context"
	"encoding/json"
	"fmt"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// NewValue lets tests print values without a lake.
var NewValue = newValue

// MaxWires lets tests have few evidence files.
var MaxWires = &maxWires

// FillAgain fills a report by what it says itself of serials, as who wants its values to
// fit would.
func FillAgain(ctx context.Context, d *Document, store lake.Store) error {
	cfg, err := d.restOn()
	if err != nil {
		return err
	}
	zones, err := store.Zones()
	if err != nil {
		return err
	}
	_, err = d.fill(ctx, store, cfg, d.asOf(zones), d.Archive.Missing)
	return err
}

// Conclude says again what stands before the numbers, as who changed these would.
func Conclude(d *Document) { d.conclude() }

// LatencyPlot draws the medians of RSIs, a list of them for each RSI from as many
// vantage points.
func LatencyPlot(rsis []measurement.RSI, medians [][]float64) string {
	var rows []latencyRow
	for i, r := range rsis {
		row := latencyRow{label: string(r)}
		for j, ms := range medians[i] {
			n := json.Number(fmt.Sprint(ms))
			row.places = append(row.places, Place{RSI: r, VantagePoint: measurement.VantagePoint(fmt.Sprint(901 + j)), Median: &n, P95: &n})
		}
		rows = append(rows, row)
	}
	return string(latencyPlot("latencies", rows, 250))
}

// PublicationPlot draws the waits for serials.
func PublicationPlot(d *Document) string { return string(publicationPlot(d)) }
