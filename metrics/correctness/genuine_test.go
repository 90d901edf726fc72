package correctness_test

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// iana are IANA's trust anchors with their dates.
func iana() []rootzone.Anchor {
	day := func(y int, m time.Month, d int) *time.Time { return new(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) }
	return []rootzone.Anchor{
		{DS: "19036 8 2 49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5", From: day(2010, 7, 15), Until: day(2019, 1, 11)},
		{DS: "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D", From: day(2017, 2, 2)},
		{DS: "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16", From: day(2024, 7, 18)},
	}
}

// genuineZone is a zone of the real data, proven.
func genuineZone(t testing.TB, name string) *rootzone.Zone {
	t.Helper()
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("MTRIC_REAL_DATA is not set: genuine zones are not judged by")
	}
	f, err := os.Open(filepath.Join(dir, "rootzone", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	z, err := rootzone.ReadWhole(unzipped, name)
	if err != nil {
		t.Fatal(err)
	}
	at, err := z.SignedAt()
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Validate(iana(), at); err != nil {
		t.Fatal(err)
	}
	return z
}

// genuineResponses are the wires of the real data; none without it.
func genuineResponses(t testing.TB) [][]byte {
	t.Helper()
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Log("MTRIC_REAL_DATA is not set: no genuine responses")
		return nil
	}
	var all [][]byte
	for file, field := range map[string]string{"zonemaster-root-responses.jsonl": "wire_b64", "ripe-atlas-root-abufs.jsonl": "abuf"} {
		f, err := os.Open(filepath.Join(dir, "responses", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line map[string]any
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			text, _ := line[field].(string)
			wire, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, `\`, "")) // one source escapes twice
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, wire)
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Genuine responses of other years are read without complaint about their form,
// and none is the golden zones'.
func TestGenuineResponses(t *testing.T) {
	wires := genuineResponses(t)
	if wires == nil {
		t.Skip("MTRIC_REAL_DATA is not set: genuine responses are not judged")
	}
	judge := by(golden()...)
	for i, wire := range wires {
		r := judge.Judge(correctness.Question{At: asked}, wire)
		if r.Verdict == measurement.Correct {
			t.Errorf("response %d is correct", i)
		}
		if tags(r.Failures) == "malformed" {
			t.Errorf("response %d: %q", i, r.FailureTexts())
		}
	}
}
