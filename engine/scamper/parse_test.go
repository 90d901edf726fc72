package scamper_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/scamper"
)

const target = `"type":"trace","dst":"192.0.2.1","stop_reason":"COMPLETED"`

func TestParse(t *testing.T) {
	hop := func(ttl any, address string) string {
		return fmt.Sprintf(`{"addr":%q,"probe_ttl":%v,"rtt":1.5}`, address, ttl)
	}
	for _, c := range []struct {
		name, text string
		traces     int
		bad        int
		complete   bool
		hops       string // of the first trace
	}{
		{"empty", "", 0, 0, false, ""},
		{"one hop", "{" + target + `,"hops":[` + hop(1, "10.0.0.1") + "]}", 1, 0, true, "10.0.0.1"},
		{"no hops", "{" + target + "}", 1, 0, true, ""},
		{"hops empty", "{" + target + `,"hops":[]}`, 1, 0, true, ""},
		{"hops null", "{" + target + `,"hop_count":2,"hops":null}`, 1, 0, false, ""},
		{"hops of another type", "{" + target + `,"hops":"none"}`, 1, 0, false, ""},
		{"a hop null", "{" + target + `,"hops":[null,` + hop(2, "10.0.0.2") + "]}", 1, 0, false, "* 10.0.0.2"},
		{"a hop of another type", "{" + target + `,"hops":["x",` + hop(2, "10.0.0.2") + "]}", 1, 0, false, "* 10.0.0.2"},
		{"unknown fields", "{" + target + `,"novel":[{"x":1}],"hops":[{"addr":"10.0.0.1","probe_ttl":1,"novel":{}}]}`, 1, 0, true, "10.0.0.1"},
		{"silent hops", "{" + target + `,"hops":[` + hop(2, "10.0.0.2") + "," + hop(4, "10.0.0.4") + "]}", 1, 0, true, "* 10.0.0.2 * 10.0.0.4"},
		{"out of order", "{" + target + `,"hops":[` + hop(2, "10.0.0.2") + "," + hop(1, "10.0.0.1") + "]}", 1, 0, true, "10.0.0.1 10.0.0.2"},
		{"two replies, first counts", "{" + target + `,"hops":[` + hop(1, "10.0.0.1") + "," + hop(1, "10.0.0.9") + "]}", 1, 0, true, "10.0.0.1"},
		{"float for integer", "{" + target + `,"hops":[` + hop(1.0, "10.0.0.1") + "]}", 1, 0, true, "10.0.0.1"},
		{"wrong TTLs", "{" + target + `,"hops":[` + hop(-1, "10.0.0.1") + "," + hop(0, "10.0.0.2") + "," + hop(256, "10.0.0.3") + "," + hop("1e1", "10.0.0.4") + "]}", 1, 0, true, ""},
		{"wrong address", "{" + target + `,"hops":[` + hop(1, "nowhere") + "]}", 1, 0, true, ""},
		{"IPv6 in another form", `{"type":"trace","dst":"2001:DB8:0::1","stop_reason":"GAPLIMIT","hops":[` + hop(1, "2001:DB8:0:0::2") + "]}", 1, 0, true, "2001:db8::2"},
		{"no target", `{"type":"trace","stop_reason":"COMPLETED"}`, 0, 1, false, ""},
		{"no stop reason", `{"type":"trace","dst":"192.0.2.1"}`, 1, 0, false, ""},
		{"not JSON", "scamper: usage", 0, 1, false, ""},
		{"other kinds", `{"type":"tracelb","dst":"192.0.2.1"}` + "\n" + `{"UUID":"x"}` + "\n" + `[1]`, 0, 1, false, ""},
		{"cut within a hop", "{" + target + `,"hops":[` + hop(1, "10.0.0.1") + `,{"addr":"10.0`, 1, 0, false, "10.0.0.1"},
		{"cut after the start", "{" + target + `,"start":{"sec":1,"usec":2},"hop_co`, 1, 0, false, ""},
		{"cut before anything", `{"type":"tra`, 0, 1, false, ""},
		{"good after bad", "oops\n{" + target + "}\n", 1, 1, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := scamper.Parse(strings.NewReader(c.text))
			if err != nil || len(out.Traces) != c.traces || out.Bad != c.bad {
				t.Fatalf("%+v, %v", out, err)
			}
			if c.traces == 0 {
				return
			}
			first := out.Traces[0]
			if got := hops(measurement.Route{Hops: first.Hops}); got != c.hops || first.Complete != c.complete {
				t.Errorf("hops %q, complete %v", got, first.Complete)
			}
		})
	}
}

// TestHopCount: scamper's own count stands, also where its hops cannot be read.
func TestHopCount(t *testing.T) {
	for text, want := range map[string]int{
		`"hop_count":2,"hops":null`:                                    2,
		`"hop_count":3`:                                                3,
		`"hops":[{"addr":"10.0.0.4","probe_ttl":4}]`:                   4,
		`"hop_count":256,"hops":[{"addr":"10.0.0.4","probe_ttl":4}]`:   4,
		`"hop_count":"two","hops":[{"addr":"10.0.0.4","probe_ttl":4}]`: 4,
	} {
		out, err := scamper.Parse(strings.NewReader("{" + target + "," + text + "}"))
		if err != nil || len(out.Traces) != 1 || out.Traces[0].HopCount != want {
			t.Errorf("%s: %+v, %v; want %d", text, out, err, want)
		}
	}
}

// The decimals of scamper's milliseconds become microseconds exactly.
func TestRTT(t *testing.T) {
	for text, want := range map[string]int64{"0.063": 63, "0.0639": 63, "12.001": 12001, "7": 7000, "0": 0, "0.29": 290, "1.005": 1005, "2.675": 2675,
		"-1": -1, "1e3": -1, `"5"`: 5000, `"x"`: -1, "99999999999999999999": -1, "null": -1} {
		out, err := scamper.Parse(strings.NewReader("{" + target + `,"hops":[{"addr":"10.0.0.1","probe_ttl":1,"rtt":` + text + "}]}"))
		if err != nil || len(out.Traces) != 1 || len(out.Traces[0].Hops) != 1 {
			t.Fatalf("%s: %+v, %v", text, out, err)
		}
		got := int64(-1)
		if rtt := out.Traces[0].Hops[0].RTTUS; rtt != nil {
			got = *rtt
		}
		if got != want {
			t.Errorf("rtt %s: %d µs, want %d", text, got, want)
		}
	}
}

// What a reply says beside its address and time is read field by field, and bounded.
func TestHopReplies(t *testing.T) {
	for text, want := range map[string]string{
		`"reply_ttl":64,"icmp_type":11,"icmp_code":0`:    "64 11 0",
		`"reply_ttl":255,"icmp_type":129,"icmp_code":4`:  "255 129 4",
		`"reply_ttl":52,"tcp_flags":18`:                  "52 null null", // no ICMP message
		`"reply_ttl":256,"icmp_type":-1,"icmp_code":"x"`: "null null null",
		`"reply_ttl":null,"icmp_type":{},"icmp_code":[]`: "null null null",
		``: "null null null",
	} {
		hop := strings.TrimSuffix(`{"addr":"10.0.0.1","probe_ttl":3,`+text, ",") + "}"
		second := `,{"addr":"10.0.0.2","probe_ttl":3,"reply_ttl":1}`
		out, err := scamper.Parse(strings.NewReader("{" + target + `,"src":"198.51.100.7","hops":[` + hop + second + "]}"))
		if err != nil || len(out.Traces) != 1 || len(out.Traces[0].Replies) != 1 || len(out.Traces[0].Hops) != 3 {
			t.Fatalf("%s: %+v, %v", text, out, err)
		}
		said := func(n *int32) string {
			if n == nil {
				return "null"
			}
			return fmt.Sprint(*n)
		}
		if r := out.Traces[0].Replies[0]; r.TTL != 3 || said(r.ReplyTTL)+" "+said(r.ICMPType)+" "+said(r.ICMPCode) != want {
			t.Errorf("%s: %+v, want %s", text, r, want)
		}
	}
	for src, want := range map[string]string{"198.51.100.7": "198.51.100.7", "2001:db8::7": "invalid IP", "x": "invalid IP", "": "invalid IP"} {
		out, err := scamper.Parse(strings.NewReader("{" + target + fmt.Sprintf(`,"src":%q}`, src)))
		if err != nil || len(out.Traces) != 1 || out.Traces[0].Source.String() != want {
			t.Errorf("source %q: %+v, %v", src, out, err)
		}
	}
}

func TestReached(t *testing.T) {
	for text, want := range map[string]bool{
		"{" + target + "}": true,
		`{"type":"trace","dst":"192.0.2.1","stop_reason":"UNREACH","hops":[{"addr":"192.0.2.1","probe_ttl":3}]}`: true,
		`{"type":"trace","dst":"192.0.2.1","stop_reason":"UNREACH","hops":[{"addr":"10.0.0.1","probe_ttl":3}]}`:  false,
		`{"type":"trace","dst":"192.0.2.1","stop_reason":"GAPLIMIT"}`:                                            false,
	} {
		out, err := scamper.Parse(strings.NewReader(text))
		if err != nil || len(out.Traces) != 1 || out.Traces[0].Reached() != want {
			t.Errorf("%s: %+v, %v", text, out, err)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	many := "{" + target + `,"hops":[` + strings.Repeat(`{"addr":"10.0.0.1","probe_ttl":7},`, 20_000) + `{"addr":"10.0.0.1","probe_ttl":255}]}`
	out, err := scamper.Parse(strings.NewReader(many))
	if err != nil || len(out.Traces) != 1 || len(out.Traces[0].Hops) != 255 {
		t.Errorf("many hops: %d traces, %v", len(out.Traces), err)
	}
	one := "{" + target + "}\n"
	long := `{"type":"trace","x":"` + strings.Repeat("a", 3<<20) + "\n"
	if out, err := scamper.Parse(strings.NewReader(one + long + one + `{"type":"cycle-stop"}`)); err != nil || out.Bad != 1 || len(out.Traces) != 2 || !out.Whole {
		t.Errorf("long line: %+v, %v", out, err)
	}
	deep := strings.Repeat(`{"a":`, 100_000)
	if out, err := scamper.Parse(strings.NewReader(deep)); err != nil || out.Bad != 1 {
		t.Errorf("deep line: %+v, %v", out, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("{" + target + `,"start":{"sec":1795389506,"usec":535732},"hop_count":2,"hops":[{"addr":"10.0.0.1","probe_ttl":1,"rtt":0.5}]}`)
	f.Add("{" + target + `,"hops":[{"addr":"10.0.0.1","probe_ttl":1},{"addr"`)
	f.Add(`{"type":"cycle-stop"}`)
	f.Fuzz(func(t *testing.T, text string) {
		out, err := scamper.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range out.Traces {
			if len(tr.Hops) > 255 || tr.HopCount < 0 || tr.HopCount > 255 || !tr.Target.IsValid() {
				t.Fatalf("trace %+v", tr)
			}
			if tr.Replies == nil || len(tr.Replies) > len(tr.Hops) {
				t.Fatalf("%d replies of %d hops", len(tr.Replies), len(tr.Hops))
			}
			for i, h := range tr.Hops {
				if int(h.TTL) != i+1 || (h.RTTUS != nil && *h.RTTUS < 0) {
					t.Fatalf("hop %+v", h)
				}
			}
		}
	})
}

// Genuine output of scamper, by version and method: every trace is read, no
// line is bad, and whatever says COMPLETED ends at its target.
func TestRealOutput(t *testing.T) {
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("MTRIC_REAL_DATA is not set: set it to a folder with scamper/*.json to read genuine scamper output")
	}
	files, err := filepath.Glob(filepath.Join(dir, "scamper", "*.json*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scamper output in %s: %v", dir, err)
	}
	traces := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out, err := scamper.Parse(strings.NewReader(string(text)))
		if err != nil || out.Bad > 0 {
			t.Errorf("%s: %d bad lines, %v", name, out.Bad, err)
		}
		if want := strings.Count(string(text), `"type":"trace",`); len(out.Traces) != want && !strings.Contains(name, "scamper2") {
			t.Errorf("%s: %d traces, want %d", name, len(out.Traces), want)
		}
		for _, tr := range out.Traces {
			if !tr.Source.IsValid() {
				t.Errorf("%s: no source", name)
			}
			for _, r := range tr.Replies {
				if r.ReplyTTL == nil || (r.ICMPType == nil || r.ICMPCode == nil) && tr.Method != "tcp" {
					t.Errorf("%s: %s, TTL %d: %+v", name, tr.Target, r.TTL, r)
				}
			}
			if !tr.Complete || tr.Started.IsZero() || (tr.StopReason == "COMPLETED" && (len(tr.Hops) == 0 || *tr.Hops[len(tr.Hops)-1].Address != tr.Target.String())) {
				t.Errorf("%s: %+v", name, tr)
			}
		}
		traces += len(out.Traces)
	}
	if traces < 100 {
		t.Errorf("only %d traces", traces)
	}
}
