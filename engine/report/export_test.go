package report

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics"
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

// LatencyWhere draws the medians of RSIs, a list of them for each RSI from as many
// vantage points.
func LatencyWhere(rsis []measurement.RSI, medians [][]float64) string {
	d := &Document{Internal: &Internal{}}
	path := measurement.Paths[0]
	for i, r := range rsis {
		d.RSIs = append(d.RSIs, RSI{RSI: r})
		for j, ms := range medians[i] {
			n, vp := json.Number(fmt.Sprint(ms)), measurement.VantagePoint(fmt.Sprint(901+j))
			if j >= len(d.VantagePoints) {
				d.VantagePoints = append(d.VantagePoints, VantagePoint{ID: vp})
			}
			d.Internal.Places = append(d.Internal.Places, Place{RSI: r, VantagePoint: vp, Family: path.Family, Transport: path.Transport, Median: &n, P95: &n})
		}
	}
	return string(latencyWhere(d, path))
}

// Chart draws a course of medians, in µs, by day.
func Chart(from time.Time, medians []int64, limit float64) string {
	return string(chart{title: "latencies", from: from, hours: 24, whole: len(medians), of: metrics.Course{Median: medians, P95: medians}, limit: limit}.draw())
}

// PublicationPlot draws the waits for serials.
func PublicationPlot(d *Document) string {
	return string(publicationPlot(d.Internal.Publications, d.RSIs))
}

// CheckOpinions names what of the second opinion does not fit the report.
func CheckOpinions(d *Document) []string {
	v := &Verified{}
	v.opinions(d)
	return v.Differences
}
