package atlas_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/measurement"
)

func genuine(t *testing.T, name string) []string {
	t.Helper()
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("genuine results of RIPE Atlas are not read: set MTRIC_REAL_DATA to a folder with atlas/*.jsonl")
	}
	text, err := os.ReadFile(filepath.Join(dir, "atlas", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// Every genuine result becomes a row or is counted, whatever the set.
func TestGenuineResults(t *testing.T) {
	lines := genuine(t, "dns-results.jsonl")
	all := atlas.Set{Name: "file-1", Questions: map[int64]atlas.Question{}}
	for _, l := range lines {
		var head struct {
			ID int64 `json:"msm_id"`
		}
		if err := json.Unmarshal([]byte(l), &head); err != nil {
			t.Fatal(err)
		}
		all.Questions[head.ID] = builtIn().Questions[head.ID] // most are of users: only answers say what they ask
	}
	for _, c := range []struct {
		set  atlas.Set
		want string
	}{
		// Three copies of one answer of a resolver in a's place, and K's header alone.
		{builtIn(), "atlas-4232 a version_bind answered NOERROR aa=false kept\natlas-11180 k hostname_bind answered NOTIMP aa=false kept\n"},
		{all, "atlas-14184 k soa answered NOERROR aa=true\natlas-4232 a version_bind answered NOERROR aa=false kept\natlas-6036 k hostname_bind answered NOERROR aa=true kept\n" +
			"atlas-11180 k hostname_bind answered NOTIMP aa=false kept\natlas-11939 k atlas_2815340 answered NXDOMAIN aa=true kept\n"},
	} {
		dir := filepath.Join(t.TempDir(), "lake")
		counts := importLines(t, dir, atlas.Importer{Set: c.set, Identity: true}, lines...)
		answers, got := rows[measurement.Answer](t, dir), ""
		for _, a := range answers {
			got += fmt.Sprintf("%s %s %s %s", a.VantagePoint, a.RSI, a.Query, a.Outcome)
			if a.RCode != nil {
				got += fmt.Sprintf(" %s aa=%v", *a.RCode, *a.AA)
			}
			if a.Response != nil {
				got += " kept"
			}
			got += "\n"
		}
		t.Logf("%s: %+v\n%s", c.set.Name, counts, got)
		accounted(t, counts)
		if counts.Added != int64(len(answers)) || counts.Lines != int64(len(lines)) {
			t.Errorf("%s: %d rows: %+v", c.set.Name, len(answers), counts)
		}
		if got != c.want {
			t.Errorf("%s: rows\n%s", c.set.Name, got)
		}
	}
}

// accounted holds that what was looked at is a row or was counted.
func accounted(t *testing.T, c atlas.Counts) {
	t.Helper()
	var left int64
	for _, n := range c.Left {
		left += n
	}
	// Of a resultset each element is looked at; what is passed over before is a line.
	if before := left + c.Added - c.Results; before < 0 || before > c.Lines {
		t.Errorf("%d answers, %d rows, %d left out: %+v", c.Results, c.Added, left, c)
	}
}

func TestGenuineTraceroutes(t *testing.T) {
	lines := genuine(t, "traceroute-results.jsonl")
	counts := importLines(t, filepath.Join(t.TempDir(), "lake"), atlas.Importer{}, lines...)
	if counts.Left[atlas.OtherType] != int64(len(lines)) {
		t.Errorf("%+v", counts)
	}
}

// Every genuine response becomes a row, whatever it is the answer to, and what the row
// says is what ingest would believe.
func TestGenuineResponses(t *testing.T) {
	var lines []string
	set := atlas.Set{Name: "file-1", Questions: map[int64]atlas.Question{}} // a measurement each, for most answer something else
	for i, abuf := range genuine(t, "abufs.txt") {
		id := 10001
		if wire, err := base64.StdEncoding.DecodeString(abuf); err == nil && bytes.Contains(bytes.ToLower(wire), []byte("hostname")) {
			id = 10301
		}
		of := int64(1_000_000 + i)
		set.Questions[of] = builtIn().Questions[int64(id)]
		lines = append(lines, line(t, with(answer(abuf, nil), map[string]any{"msm_id": of, "prb_id": i + 1})))
	}
	dir := filepath.Join(t.TempDir(), "lake")
	counts := importLines(t, dir, atlas.Importer{Set: set, Identity: true}, lines...)
	accounted(t, counts)
	outcomes := map[string]int{}
	for _, a := range rows[measurement.Answer](t, dir) {
		outcomes[a.Query+" "+string(a.Outcome)]++
		contradicted(t, &a)
	}
	t.Logf("%+v %v", counts, outcomes)
	if counts.Added != int64(len(lines)) || outcomes["soa answered"] < 200 || outcomes["hostname_bind answered"] < 950 {
		t.Errorf("%v", outcomes)
	}
}
