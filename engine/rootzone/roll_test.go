package rootzone_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/rootzone"
)

// paced is one record of many, ten an hour, as five sources that are asked twice give.
func paced(n int) rootzone.Record {
	r := record(n)
	r.At = fetchedAt.Add(time.Duration(n) * 6 * time.Minute)
	return r
}

func pacedLines(records []rootzone.Record) string {
	var lines strings.Builder
	for _, r := range records {
		lines.WriteString(strings.Replace(line(int(r.Serial)), record(int(r.Serial)).At.Format(time.RFC3339), r.At.Format(time.RFC3339), 1))
	}
	return lines.String()
}

// Each ingest reads the records: those of long ago stand in files of their own, and
// none is lost however often a fetch is broken off and however many years go by.
// Those of the last ten days stay, however many sources are asked.
func TestRecordsOfLongAgoAreRolledAway(t *testing.T) {
	zones := versions(t, 1)
	f := fetcher(t, zones[0])
	s := file(t, text(zones[0].RRs()))
	must(t, os.MkdirAll(f.Dir, 0o755))
	const tenDays = 10 * 24 * 10
	all := 0
	for range 3 {
		have, err := rootzone.Records(f.Dir)
		must(t, err)
		for len(have) < 4000 {
			have = append(have, paced(all))
			all++
		}
		put(t, f.Dir, "fetches.jsonl", pacedLines(have))
		fetch(t, f, s)
		now, err := rootzone.Records(f.Dir)
		if err != nil || len(now) != tenDays+1 || !cmp.Equal(now[0], have[4000-tenDays]) || now[tenDays].Serial != zones[0].Serial {
			t.Fatalf("%d records, %v", len(now), err)
		}
		must(t, os.WriteFile(filepath.Join(f.Dir, ".fetches-20261121T120000Z.jsonl77"), nil, 0o644))
		put(t, f.Dir, "fetches.jsonl", pacedLines(have)) // as it is after a kill between the two files
		fetch(t, f, s)
		now, err = rootzone.Records(f.Dir)
		must(t, err)
		put(t, f.Dir, "fetches.jsonl", pacedLines(now[:tenDays])) // without that of the fetch itself
	}
	old, err := rootzone.OldRecords(f.Dir)
	must(t, err)
	last, err := rootzone.Records(f.Dir)
	must(t, err)
	for i, r := range slices.Concat(old, last) {
		if !cmp.Equal(r, paced(i)) {
			t.Fatalf("record %d is %+v", i, r)
		}
	}
	if len(old)+len(last) != all || len(last) != tenDays {
		t.Errorf("%d old and %d latest records, want %d", len(old), len(last), all)
	}
	if left, err := filepath.Glob(filepath.Join(f.Dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
