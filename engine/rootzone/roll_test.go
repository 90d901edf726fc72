package rootzone_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/rootzone"
)

// Each ingest reads the records: those of long ago stand in files of their own, and
// none is lost however often a fetch is broken off and however many years go by.
func TestRecordsOfLongAgoAreRolledAway(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	s := file(t, text(zones[0].RRs()))
	must(t, os.MkdirAll(f.Dir, 0o755))
	all := 0
	for range 3 {
		have, err := rootzone.Records(f.Dir)
		must(t, err)
		var lines strings.Builder
		for _, r := range have {
			lines.WriteString(line(int(r.Serial)))
		}
		for len(have) < 4000 {
			have = append(have, record(all))
			lines.WriteString(line(all))
			all++
		}
		put(t, f.Dir, "fetches.jsonl", lines.String())
		fetch(t, f, s)
		now, err := rootzone.Records(f.Dir)
		if err != nil || len(now) != 501 || now[0] != have[3500] || now[500].Serial != zones[0].Serial {
			t.Fatalf("%d records, %v", len(now), err)
		}
		must(t, os.WriteFile(filepath.Join(f.Dir, ".fetches-20261121T120000Z.jsonl77"), nil, 0o644))
		put(t, f.Dir, "fetches.jsonl", lines.String()) // as it is after a kill between the two files
		fetch(t, f, s)
		now, err = rootzone.Records(f.Dir)
		must(t, err)
		put(t, f.Dir, "fetches.jsonl", text500(now))
	}
	old, err := rootzone.OldRecords(f.Dir)
	must(t, err)
	last, err := rootzone.Records(f.Dir)
	must(t, err)
	for i, r := range slices.Concat(old, last) {
		if r != record(i) {
			t.Fatalf("record %d is %+v", i, r)
		}
	}
	if len(old)+len(last) != all || len(last) != 500 {
		t.Errorf("%d old and %d latest records, want %d", len(old), len(last), all)
	}
	if left, err := filepath.Glob(filepath.Join(f.Dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// text500 is the records without that of the fetch itself.
func text500(records []rootzone.Record) string {
	var lines strings.Builder
	for _, r := range records[:500] {
		lines.WriteString(line(int(r.Serial)))
	}
	return lines.String()
}
