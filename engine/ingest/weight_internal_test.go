package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/measurement"
)

// What a file is taken to hold until it is merged is no less than what it holds, whatever
// a vantage point makes it of: many rows with little in them too.
func TestWeightIsWhatFilesHold(t *testing.T) {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	row := func(i int) measurement.Answer {
		sent := at.Add(time.Second)
		return measurement.Answer{VantagePoint: "101", Interval: at, SentAt: &sent, Query: fmt.Sprintf("q%05d", i), RSI: "a", Family: "ipv4", Transport: "tcp",
			Address: "198.41.0.4", QName: ".", QType: "SOA", Outcome: measurement.Malformed, Attempts: 1}
	}
	for name, edit := range map[string]func(i int, a *measurement.Answer){
		"a response of one byte in each row": func(_ int, a *measurement.Answer) { a.Response, a.ResponseSize = []byte{1}, new(int32(1)) },
		"a serial in each of many rows": func(i int, a *measurement.Answer) {
			a.Query, a.RSI, a.Outcome, a.LatencyUS, a.RCode, a.AA, a.TC, a.ResponseSize = "soa", measurement.RSI(fmt.Sprintf("r%05d", i)), measurement.Answered, new(int64(1)), new("NOERROR"), new(true), new(false), new(int32(3))
			if i < mostSightings {
				a.Serial = new(int64(i))
			}
		},
	} {
		rows := make([]measurement.Answer, MaxRows)
		for i := range rows {
			rows[i] = row(i)
			edit(i, &rows[i])
		}
		run := &measurement.Run{VantagePoint: "101", Interval: at, StartedAt: at.Add(time.Second), Planned: MaxRows, EngineVersion: "1.0.0",
			Plan: "rssac047", PlanSHA256: strings.Repeat("ab", 32), Timestamps: "kernel"}
		for i := range rows {
			if rows[i].Outcome == measurement.Answered {
				run.Answered++
			}
		}
		path := filepath.Join(t.TempDir(), "answers.parquet")
		if err := column.Write(path, rows, column.Metadata{Version: "1.0.0", Plan: run.Plan, PlanSHA256: run.PlanSHA256, Run: run}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		timeouts := map[string]int64{"soa": 4_000_000}
		for i := range rows {
			timeouts[rows[i].Query] = 4_000_000
		}
		const files = 10
		var all [files]*taken
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC() // what pools hold goes with the second
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before, weight := heap(), int64(0)
		for i := range all {
			all[i] = &taken{waiting: waiting{vp: "101", label: at, table: column.Answers}}
			if all[i].contents, err = answersOf(all[i], data, checker{vp: "101", label: at, timeouts: timeouts}); err != nil {
				t.Fatal(name, err)
			}
			weight += all[i].weight()
		}
		if held := heap() - before; held > weight {
			t.Errorf("%s: %d files hold %d bytes, and weigh %d", name, files, held, weight)
		}
		runtime.KeepAlive(all)
		runtime.KeepAlive(rows)
		runtime.KeepAlive(data)
	}
}
