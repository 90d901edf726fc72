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

	"github.com/miekg/dns"

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
		t.Skip("genuine zones are not judged by: set MTRIC_REAL_DATA to a folder with rootzone/*.zone.gz")
	}
	z, err := openGenuine(filepath.Join(dir, "rootzone", name))
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

func openGenuine(path string) (*rootzone.Zone, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return rootzone.ReadWhole(unzipped, filepath.Base(path))
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
		t.Skip("genuine responses are not judged: set MTRIC_REAL_DATA to a folder with responses/*.jsonl")
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

// Answers made of a genuine zone's own records and signatures are correct while
// these are valid, by the key of 2017 whose anchor has dates.
func TestGenuineZones(t *testing.T) {
	for name, at := range map[string]time.Time{
		"root-2019101300.zone.gz": time.Date(2019, 10, 20, 0, 0, 0, 0, time.UTC),
		"root-2019102401.zone.gz": time.Date(2019, 10, 31, 0, 0, 0, 0, time.UTC),
	} {
		whole := genuineZone(t, name)
		made, err := correctness.NewZone(whole)
		if err != nil {
			t.Fatal(err)
		}
		z := &testZone{serial: whole.Serial, rrs: whole.Records(), index: map[string][]dns.RR{}}
		judge := correctness.Judge{Zones: []*correctness.Zone{made}}
		var names []string
		for _, rr := range z.rrs {
			owner := rr.Header().Name
			if rr.Header().Rrtype == dns.TypeNS && z.index[owner] == nil && owner != "arpa." {
				names = append(names, owner)
			}
			z.index[owner] = append(z.index[owner], rr)
		}
		asked := 0
		for _, owner := range names {
			types := []string{"NS", "DS"}
			if owner == "." {
				types = []string{"SOA", "NS", "DNSKEY"}
			}
			for _, typ := range types {
				m := z.reply(owner, typ)
				q := question(m)
				q.At = at
				wire := pack(t, m)
				if r := judge.Judge(q, wire); r.Verdict != measurement.Correct {
					t.Errorf("%s: %s/%s: %q", name, owner, typ, r.FailureTexts())
				}
				q.At = at.AddDate(0, 1, 0)
				if r := judge.Judge(q, wire); r.Verdict != measurement.Incorrect || tags(r.Failures) != "yds" {
					t.Errorf("%s: %s/%s a month later: %s %q", name, owner, typ, r.Verdict, r.FailureTexts())
				}
				asked++
			}
		}
		if asked < 2500 {
			t.Errorf("%s: %d questions", name, asked)
		}
	}
}

// A zone whose signatures were taken away proves nothing of its answers: they
// have to bring their own, and none is good.
func TestGenuineZoneWithoutSignatures(t *testing.T) {
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("genuine zones are not judged by: set MTRIC_REAL_DATA to a folder with rootzone/*.zone.gz")
	}
	whole, err := openGenuine(filepath.Join(dir, "rootzone", "root-2026082102.norrsig.zone.gz"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := correctness.NewZone(whole)
	if err != nil {
		t.Fatal(err)
	}
	z := &testZone{serial: whole.Serial, rrs: whole.Records()}
	judge := correctness.Judge{Zones: []*correctness.Zone{made}}
	at := time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, typ string
		verdict   measurement.Verdict
	}{{".", "SOA", measurement.Correct}, {".", "DNSKEY", measurement.Correct}, {".", "NS", measurement.Incorrect}, {"com.", "DS", measurement.Incorrect}} {
		m := z.reply(c.name, c.typ)
		q := question(m)
		q.At = at
		if r := judge.Judge(q, pack(t, m)); r.Verdict != c.verdict {
			t.Errorf("%s/%s: %s %q", c.name, c.typ, r.Verdict, r.FailureTexts())
		}
	}
}
