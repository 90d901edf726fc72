package cli

import (
	"strconv"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

const hourHeader = "HOUR VP QUERY RSI FAMILY TRANSPORT PLANNED SENT ANSWERED GOOD MEDIAN_MS MAX_MS SERIAL INSTANCES INCORRECT UNCHECKED OFF_PLAN"

func hourCells(r measurement.Hour) []string {
	count := func(n int32) string { return strconv.Itoa(int(n)) }
	serial := number(r.SerialNewest)
	if r.SerialOldest != nil && *r.SerialOldest != *r.SerialNewest {
		serial = number(r.SerialOldest) + "-" + serial
	}
	var servers []string
	for _, i := range r.Instances {
		servers = append(servers, text(i.NSID)+":"+count(i.Answers))
	}
	return []string{stamp(r.Hour), string(r.VantagePoint), r.Query, string(r.RSI), text((*string)(r.Family)), text((*string)(r.Transport)), count(r.Planned), count(r.Sent),
		count(r.Answered), count(r.Good), millis(r.LatencyMedianUS), millis(r.LatencyMaxUS), serial, strings.Join(servers, ","),
		count(r.Incorrect), count(r.Unchecked), count(r.OffPlan)}
}

const eventHeader = "ID KIND RSI VP FAMILY TRANSPORT SERIAL FROM UNTIL OPEN BAD SEEN SEEN_BY WORST BEFORE AFTER SUPERSEDED_BY"

func eventCells(r measurement.Event) []string {
	worst := ""
	if r.Worst != nil {
		worst = strconv.FormatFloat(*r.Worst, 'g', 4, 64)
	}
	return []string{r.ID, string(r.Kind), text(r.RSI), text(r.VantagePoint), text(r.Family), text(r.Transport), number(r.Serial), stamp(r.From), stamp(r.Until),
		strconv.FormatBool(r.Open), strconv.Itoa(int(r.LabelsBad)), strconv.Itoa(int(r.LabelsSeen)), strings.Join(r.VantagePoints, ","), worst,
		text(r.Before), text(r.After), text(r.SupersededBy)}
}
