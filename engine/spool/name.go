// Package spool reads files sent by vantage points and treats each as hostile. It also has
// their names. What it hands out aliases nothing.
package spool

import (
	"fmt"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Name is the file name of a vantage point's table for an interval,
// "202611222240-101.answers.parquet".
func Name(label time.Time, vp measurement.VantagePoint, table column.Table) string {
	return fmt.Sprintf("%s-%s.%s.parquet", interval.Format(label), vp, table)
}

// ParseName reads what Name writes.
func ParseName(name string) (label time.Time, vp measurement.VantagePoint, table column.Table, err error) {
	stamp, rest, _ := strings.Cut(name, "-")
	number, rest, _ := strings.Cut(rest, ".")
	kind, ending, _ := strings.Cut(rest, ".")
	label, err = interval.Parse(stamp)
	vp, table = measurement.VantagePoint(number), column.Table(kind)
	if err != nil || !vp.Machine() || ending != "parquet" || (table != column.Answers && table != column.Routes) {
		return time.Time{}, "", "", fmt.Errorf("file name %q: want YYYYMMDDhhmm-nnn.answers.parquet or .routes.parquet", name)
	}
	return label, vp, table, nil
}
