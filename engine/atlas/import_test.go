package atlas_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

var (
	now     = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	noon    = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Unix()
	servers = map[netip.Addr]measurement.RSI{
		netip.MustParseAddr("193.0.14.129"): "k", netip.MustParseAddr("2001:7fd::1"): "k",
		netip.MustParseAddr("198.41.0.4"): "a", netip.MustParseAddr("2001:503:ba3e::2:30"): "a",
	}
)

func source(text []byte) atlas.Source {
	return atlas.Source{Name: "lines", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
}

func builtIn() atlas.Set { return atlas.Set{Name: "builtin", Questions: atlas.BuiltIn()} }

// importLines brings lines into the lake in dir.
func importLines(t testing.TB, dir string, m atlas.Importer, lines ...string) atlas.Counts {
	t.Helper()
	m.Lake, m.Servers, m.Now = lake.Store{Dir: dir, Version: "test"}, servers, now
	if m.Set.Name == "" {
		m.Set = builtIn()
	}
	if err := atlas.Prepare(dir, m.Set.Name); err != nil {
		t.Fatal(err)
	}
	counts, err := m.Run(context.Background(), []atlas.Source{source([]byte(strings.Join(lines, "\n")))})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func rows[T column.Row](t testing.TB, dir string) (all []T) {
	t.Helper()
	days, err := lake.Store{Dir: dir}.Days(column.TableOf[T](), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		some, _, err := column.Read[T](d.Path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}

// wire is a response to a question: a SOA record where the type is SOA, else a text.
func wire(t testing.TB, name, qtype string, change func(*dns.Msg)) string {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[qtype])
	m.Id, m.Response, m.Authoritative, m.RecursionDesired = 7, true, true, false
	text := ". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026112000 1800 900 604800 86400"
	if qtype == "TXT" {
		m.Question[0].Qclass = dns.ClassCHAOS
		text = name + ` 0 CH TXT "nnn1-fra6"`
	}
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	m.Answer = []dns.RR{rr}
	if change != nil {
		change(m)
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(packed)
}

// line is a result of probe 42, UDP over IPv4 to k, with other fields laid over.
func line(t testing.TB, fields map[string]any) string {
	t.Helper()
	all := map[string]any{"fw": 5080, "mver": "2.6.2", "lts": 12, "msm_id": 10001, "prb_id": 42, "timestamp": noon + 7, "type": "dns", "msm_name": "Tdig",
		"from": "192.0.2.77", "src_addr": "10.0.0.77", "dst_addr": "193.0.14.129", "dst_port": "53", "af": 4, "proto": "UDP", "stored_timestamp": noon + 60}
	for key, v := range fields {
		if all[key] = v; v == nil {
			delete(all, key)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func answer(abuf string, fields map[string]any) map[string]any {
	result := map[string]any{"abuf": abuf, "rt": 12.345, "size": base64.StdEncoding.DecodedLen(len(abuf)) - strings.Count(abuf, "="), "ID": 7}
	for key, v := range fields {
		result[key] = v
	}
	return map[string]any{"result": result}
}

func with(maps ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, m := range maps {
		for key, v := range m {
			all[key] = v
		}
	}
	return all
}

func TestOneResult(t *testing.T) {
	soa := wire(t, ".", "SOA", nil)
	type fields = map[string]any
	fault := func(key string, v any) fields { return fields{"error": fields{key: v}} }
	tcp := fields{"proto": "TCP", "msm_id": 10101}
	for name, c := range map[string]struct {
		line     fields
		identity bool
		want     string // outcome, error and what else matters; or -reason
	}{
		"answer":                   {line: answer(soa, nil), want: "answered 12345 serial 2026112000"},
		"firmware a text":          {line: with(answer(soa, nil), fields{"fw": "4560", "mver": nil, "lts": nil, "stored_timestamp": nil}), want: "answered 12345 serial 2026112000"},
		"firmware of the future":   {line: with(answer(soa, nil), fields{"fw": 9000, "new": []int{1}}), want: "answered 12345 serial 2026112000"},
		"firmware 4400":            {line: with(answer(soa, nil), fields{"fw": 4400, "dst_addr": nil, "af": nil, "address": "193.0.14.129", "pf": 4}), want: "answered 12345 serial 2026112000"},
		"ttl":                      {line: with(answer(soa, nil), fields{"ttl": 55}), want: "answered 12345 serial 2026112000 ttl 55"},
		"TCP":                      {line: with(answer(soa, fields{"qt": 6.1}), tcp), want: "answered 12345 connect 6245 serial 2026112000"},
		"TCP without qt":           {line: with(answer(soa, nil), tcp), want: "answered 12345 serial 2026112000"},
		"just in time":             {line: answer(soa, fields{"rt": 4000.0}), want: "answered 4000000 serial 2026112000"},
		"late":                     {line: answer(soa, fields{"rt": 4000.001}), want: "timeout: answer after the timeout, late after 4000001"},
		"of another size":          {line: answer(soa, fields{"size": 1}), want: "answered 12345 serial 2026112000"},
		"timeout":                  {line: fault("timeout", 5000), want: "timeout: no answer in time"},
		"timeout, no address":      {line: with(fault("timeout", 5000), fields{"dst_addr": nil, "af": nil, "proto": nil}), want: "timeout: no answer in time"},
		"no route":                 {line: fault("socket", "connect failed Network is unreachable"), want: "unreachable: network unreachable"},
		"senderror":                {line: fault("senderror", "AF Network is unreachable, AF_INET"), want: "unreachable: network unreachable"},
		"send is not allowed":      {line: fault("senderror", "AF Operation not permitted, AF_INET"), want: "local_error: not permitted here"},
		"no socket":                {line: fault("socket", "socket failed Network is unreachable"), want: "local_error: the probe did not send it"},
		"refused":                  {line: with(fault("TUCONNECT", "Connection refused"), tcp), want: "refused: connection refused"},
		"connect times out":        {line: with(fault("TUCONNECT", "Connection timed out"), tcp), want: "timeout: no answer in time"},
		"connect, no route":        {line: with(fault("TUCONNECT", "No route to host"), tcp), want: "unreachable: host unreachable"},
		"connect, who knows":       {line: with(fault("TUCONNECT", "Gremlins"), tcp), want: "local_error: an error of the probe's that is not known"},
		"connect is prohibited":    {line: with(fault("TUCONNECT", "Permission denied"), tcp), want: "unreachable: prohibited"},
		"sends who knows why not":  {line: fault("senderror", "AF Gremlins, AF_INET"), want: "local_error: the probe did not send it"},
		"stream breaks":            {line: with(fault("TU_READ_ERR", "x"), tcp), want: "reset: closed before a whole message"},
		"stream short":             {line: with(fault("TCPREAD", "x"), tcp), want: "reset: closed before a whole message"},
		"wrong id":                 {line: with(fault("idmismatch", "mismatch id from tcp fd"), tcp), want: "malformed: wrong id"},
		"name of the server":       {line: fault("TUDNS", "x"), want: "local_error: the probe did not send it"},
		"unknown key":              {line: fault("gremlin", 1), want: "local_error: an error of the probe's that is not known"},
		"error a text":             {line: fields{"error": "x"}, want: "local_error: an error of the probe's that is not known"},
		"very old error":           {line: fields{"dnserr": "non-recoverable failure in name resolution (1)"}, want: "local_error: the probe did not send it"},
		"error beside a result":    {line: with(answer(soa, nil), fault("getsockname", "x")), want: "answered 12345 serial 2026112000"},
		"sent after all":           {line: fields{"error": fields{"getsockname": "x", "timeout": 5000}}, want: "timeout: no answer in time"},
		"TCP without a socket":     {line: with(fault("TUSOCKET", "x"), tcp), want: "local_error: the probe did not send it"},
		"no resolver to ask":       {line: fault("nameserver", "no local resolvers found"), want: "local_error: the probe did not send it"},
		"another question":         {line: answer(wire(t, "example.", "SOA", nil), nil), want: "timeout: no answer in time, stray after 12345"},
		"another question, TCP":    {line: with(answer(wire(t, "example.", "SOA", nil), nil), tcp), want: "malformed: wrong question, kept"},
		"a query":                  {line: answer(wire(t, ".", "SOA", func(m *dns.Msg) { m.Response = false }), nil), want: "timeout: no answer in time, stray after 12345"},
		"not authoritative":        {line: answer(wire(t, ".", "SOA", func(m *dns.Msg) { m.Authoritative = false }), nil), want: "answered 12345 serial 2026112000, kept"},
		"refuses":                  {line: answer(wire(t, ".", "SOA", func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeRefused, nil }), nil), want: "answered 12345, kept"},
		"a header alone":           {line: answer("NSSAhAAAAAAAAAAA", nil), want: "answered 12345, kept"},
		"cut off":                  {line: answer("AAeEAAABAAEAAAAAAAAGAAEA", nil), want: "malformed: bad record in answer, kept"},
		"empty":                    {line: answer("", nil), want: "timeout: no answer in time, stray after 12345"},
		"identity not wanted":      {line: with(answer(wire(t, "hostname.bind.", "TXT", nil), nil), fields{"msm_id": 10301}), want: "-identity_not_asked"},
		"identity":                 {line: with(answer(wire(t, "hostname.bind.", "TXT", nil), nil), fields{"msm_id": 10301}), identity: true, want: "answered 12345, kept"},
		"identity, another class":  {line: with(answer(wire(t, "hostname.bind.", "SOA", func(m *dns.Msg) { m.Answer = nil }), nil), fields{"msm_id": 10301}), identity: true, want: "timeout: no answer in time, stray after 12345"},
		"retry":                    {line: with(answer(soa, nil), fields{"retry": 1}), want: "-retry"},
		"of another family":        {line: with(answer(soa, nil), fields{"af": 6, "dst_addr": "2001:7fd::1"}), want: "-contradicts_measurement"},
		"of another RSI":           {line: with(answer(soa, nil), fields{"dst_addr": "198.41.0.4"}), want: "-contradicts_measurement"},
		"of another transport":     {line: with(answer(soa, nil), fields{"proto": "TCP"}), want: "-contradicts_measurement"},
		"of a former address":      {line: with(answer(soa, nil), fields{"dst_addr": "193.0.14.1"}), want: "answered 12345 serial 2026112000"},
		"in the future":            {line: with(answer(soa, nil), fields{"timestamp": now.Unix() + 25*3600}), want: "-bad_time"},
		"long ago":                 {line: with(answer(soa, nil), fields{"timestamp": 5}), want: "-bad_time"},
		"no probe":                 {line: with(answer(soa, nil), fields{"prb_id": -3}), want: "-bad_probe"},
		"no response":              {line: fields{"result": fields{"rt": 5}}, want: "-no_response"},
		"nothing":                  {line: fields{}, want: "-no_response"},
		"no base64":                {line: answer("%%%", nil), want: "-bad_response"},
		"no time":                  {line: answer(soa, fields{"rt": -1}), want: "-no_rt"},
		"another type":             {line: with(answer(soa, nil), fields{"type": "traceroute"}), want: "-other_type"},
		"a traceroute":             {line: fields{"type": "traceroute", "result": []any{map[string]any{"hop": 1}}}, want: "-other_type"},
		"retry beside parts":       {line: fields{"retry": 2, "resultset": []any{answer(soa, nil)}}, want: "-retry"},
		"of a local address":       {line: with(answer(soa, nil), fields{"dst_addr": "192.168.1.1"}), want: "-not_a_root_server"},
		"of the probe itself":      {line: with(answer(soa, nil), fields{"dst_addr": "192.0.2.77"}), want: "-not_a_root_server"},
		"of a provider's router":   {line: with(answer(soa, nil), fields{"dst_addr": "100.64.0.1"}), want: "-not_a_root_server"},
		"over TLS":                 {line: with(answer(soa, nil), tcp, fields{"sslvers": "TLSv1.3", "dst_port": "853"}), want: "-contradicts_measurement"},
		"another port":             {line: with(fault("timeout", 5000), tcp, fields{"dst_port": 443}), want: "-contradicts_measurement"},
		"a transport of tomorrow":  {line: with(answer(soa, nil), fields{"proto": "QUIC"}), want: "-contradicts_measurement"},
		"of this host":             {line: with(answer(soa, nil), fields{"dst_addr": "::1", "af": 6, "msm_id": 11001}), want: "-not_a_root_server"},
		"another measurement":      {line: with(answer(soa, nil), fields{"msm_id": 30001}), want: "-other_measurement"},
		"a traceroute, not ours":   {line: fields{"msm_id": 5001, "type": "traceroute"}, want: "-other_type"},
		"measurement of no number": {line: with(answer(soa, nil), fields{"msm_id": "10001"}), want: "-no_result"},
		"without a measurement":    {line: with(answer(soa, nil), fields{"msm_id": nil}), want: "-no_result"},
		"a field of another type":  {line: with(answer(soa, nil), fields{"prb_id": "42"}), want: "-no_result"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "lake")
			counts := importLines(t, dir, atlas.Importer{Identity: c.identity}, line(t, c.line))
			got := ""
			for _, a := range rows[measurement.Answer](t, dir) {
				got += told(a)
			}
			for reason, n := range counts.Left {
				got += fmt.Sprintf("-%s", reason)
				if n != 1 {
					t.Errorf("%s: %d", reason, n)
				}
			}
			if got != c.want {
				t.Errorf("%s\nis    %s\nwant  %s", line(t, c.line), got, c.want)
			}
		})
	}
}

// told is what a row says, for people.
func told(a measurement.Answer) string {
	s := string(a.Outcome)
	if a.Error != nil {
		s += ": " + *a.Error
	}
	if a.LatencyUS != nil {
		s += fmt.Sprint(" ", *a.LatencyUS)
	}
	if a.ConnectUS != nil {
		s += fmt.Sprint(" connect ", *a.ConnectUS)
	}
	if a.Serial != nil {
		s += fmt.Sprint(" serial ", *a.Serial)
	}
	if a.ReplyTTL != nil {
		s += fmt.Sprint(" ttl ", *a.ReplyTTL)
	}
	for _, e := range a.Extra {
		s += fmt.Sprintf(", %s after %d", e.Kind, e.AfterUS)
	}
	if a.Response != nil {
		s += ", kept"
	}
	return s
}

func TestRow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	importLines(t, dir, atlas.Importer{}, line(t, answer(wire(t, ".", "SOA", func(m *dns.Msg) {
		m.Authoritative = false
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6e73312e66726136"}}
	}), nil)))
	sent, label := time.Unix(noon+7, 0).UTC(), time.Unix(noon, 0).UTC()
	all := rows[measurement.Answer](t, dir)
	if len(all) != 1 {
		t.Fatalf("%d rows", len(all))
	}
	want := measurement.Answer{VantagePoint: "atlas-42", Interval: label, SentAt: &sent, Query: "soa", RSI: "k", Family: "ipv4", Transport: "udp", Address: "193.0.14.129",
		QName: ".", QType: "SOA", Outcome: "answered", LatencyUS: new(int64(12345)), RCode: new("NOERROR"), AA: new(false), TC: new(false), Attempts: 1,
		Serial: new(int64(2026112000)), NSID: new("ns1.fra6"), ResponseSize: new(int32(len(all[0].Response))), Response: all[0].Response, Failures: []string{}}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Error(diff)
	}
	run := measurement.Run{VantagePoint: "atlas-42", Interval: label, StartedAt: sent, ElapsedMS: 12, Planned: 1, Answered: 1, Plan: "atlas builtin", Timestamps: "user",
		ClockSynchronized: new(true), ReceivedAt: time.Unix(noon+60, 0).UTC()}
	if diff := cmp.Diff([]measurement.Run{run}, rows[measurement.Run](t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestClocks(t *testing.T) {
	soa := answer(wire(t, ".", "SOA", nil), nil)
	for name, c := range map[string]struct {
		fields map[string]any
		want   *bool
	}{
		"fresh": {map[string]any{"lts": 60}, new(true)}, "old": {map[string]any{"lts": 61}, new(false)}, "never": {map[string]any{"lts": -1}, new(false)},
		"not said":          {map[string]any{"lts": nil}, nil},
		"kept in no time":   {map[string]any{"stored_timestamp": int64(1) << 60}, new(true)},
		"kept before time":  {map[string]any{"stored_timestamp": -5}, new(false)},
		"after it was kept": {map[string]any{"stored_timestamp": noon + 6}, new(false)},
	} {
		dir := filepath.Join(t.TempDir(), "lake")
		counts := importLines(t, dir, atlas.Importer{}, line(t, with(soa, c.fields)))
		runs := rows[measurement.Run](t, dir)
		if len(runs) == 1 && (runs[0].ReceivedAt.Before(runs[0].Interval) || runs[0].ReceivedAt.After(now)) {
			t.Errorf("%s: received at %s", name, runs[0].ReceivedAt)
		}
		if len(runs) != 1 || !cmp.Equal(runs[0].ClockSynchronized, c.want) || (counts.ClockWrong == 1) != (c.want != nil && !*c.want) {
			t.Errorf("%s: %+v, %d wrong", name, runs, counts.ClockWrong)
		}
	}
}

// The lake is the same whatever the order of the results, however they are packed, and
// however often they come.
func TestOrderAndRepetitionChangeNothing(t *testing.T) {
	soa := wire(t, ".", "SOA", nil)
	var lines []string
	for day := range int64(2) {
		for i := range int64(40) {
			at := map[string]any{"timestamp": noon + day*86400 + 97*i, "prb_id": 9 + i%3, "stored_timestamp": nil}
			switch i % 4 {
			case 0:
				at["error"] = map[string]any{"timeout": 5000}
				lines = append(lines, line(t, at))
			case 1:
				at["error"] = map[string]any{"TUDNS": "x"}
				lines = append(lines, line(t, at))
			default:
				lines = append(lines, line(t, with(at, answer(soa, map[string]any{"rt": float64(i)}), map[string]any{"lts": i})))
			}
		}
	}
	whole := filepath.Join(t.TempDir(), "whole")
	counts := importLines(t, whole, atlas.Importer{}, lines...)
	if counts.Added == 0 || counts.Days != 2 || counts.Added+counts.Left[atlas.SecondInInterval] != int64(len(lines)) {
		t.Fatalf("%+v", counts)
	}
	before := lakeFiles(t, whole)
	if again := importLines(t, whole, atlas.Importer{}, lines...); again.Added != 0 || again.Days != 0 || !cmp.Equal(before, lakeFiles(t, whole)) {
		t.Errorf("again: %+v", again)
	}
	backwards := slices.Clone(lines)
	slices.Reverse(backwards)
	parts := filepath.Join(t.TempDir(), "parts")
	for some := range slices.Chunk(backwards, 13) { // late ones amend days
		importLines(t, parts, atlas.Importer{}, some...)
	}
	if diff := cmp.Diff(rows[measurement.Answer](t, whole), rows[measurement.Answer](t, parts)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(rows[measurement.Run](t, whole), rows[measurement.Run](t, parts)); diff != "" {
		t.Error(diff)
	}
}

// lakeFiles are the lake's, by name.
func lakeFiles(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	all := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		all[path] = info.ModTime()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFormsOfFiles(t *testing.T) {
	soa := answer(wire(t, ".", "SOA", nil), nil)
	one, two := line(t, soa), line(t, with(soa, map[string]any{"prb_id": 43, "text": `}]{[\"`}))
	long := `{"msm_id":10001,"x":"` + strings.Repeat("x", atlas.MaxLine) + `"}`
	var zipped, zst bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	fmt.Fprintf(gz, "%s\n%s\n", one, two)
	gz.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(z, "[%s,%s]", one, two)
	z.Close()
	for name, c := range map[string]struct {
		text  string
		rows  int
		long  int64
		wrong string
	}{
		"lines":           {text: one + "\n" + two + "\n", rows: 2},
		"windows":         {text: "\ufeff" + one + "\r\n\r\n" + two, rows: 2},
		"array":           {text: " [ " + one + " ,\n" + two + "]\n", rows: 2},
		"arrays":          {text: "[" + one + "][" + two + "]", rows: 2},
		"array and lines": {text: "[" + one + "]\n" + two + "\n", rows: 2},
		"empty":           {text: ""},
		"empty array":     {text: "[]"},
		"long line":       {text: one + "\n" + long + "\n" + two, rows: 2, long: 1},
		"long element":    {text: "[" + one + "," + long + "," + two + "]", rows: 2, long: 1},
		"gzip":            {text: zipped.String(), rows: 2},
		"zstd":            {text: zst.String(), rows: 2},
		"array cut":       {text: "[" + one + "," + two[:40], wrong: "unexpected EOF"},
		"array of what":   {text: "[1]", wrong: "not an object"},
		"gzip cut":        {text: zipped.String()[:zipped.Len()-12], wrong: "unexpected EOF"},
	} {
		dir := filepath.Join(t.TempDir(), "lake")
		if err := atlas.Prepare(dir, "builtin"); err != nil {
			t.Fatal(err)
		}
		m := atlas.Importer{Lake: lake.Store{Dir: dir}, Set: builtIn(), Servers: servers, Now: now}
		counts, err := m.Run(context.Background(), []atlas.Source{source([]byte(c.text))})
		switch {
		case c.wrong != "":
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case len(rows[measurement.Answer](t, dir)) != c.rows || counts.Left[atlas.TooLong] != c.long:
			t.Errorf("%s: %+v", name, counts)
		}
	}
}

// Where nobody says what a measurement asks, its answers do, also those that come later.
func TestQuestionsOfAnswers(t *testing.T) {
	soa, other := wire(t, ".", "SOA", nil), wire(t, "example.", "SOA", nil)
	set := atlas.Set{Name: "file-1", Questions: map[int64]atlas.Question{900001: {}, 900002: {}, 900003: {}}}
	at := func(id, probe int) map[string]any { return map[string]any{"msm_id": id, "prb_id": probe} }
	lost := map[string]any{"error": map[string]any{"timeout": 5000}}
	dir := filepath.Join(t.TempDir(), "lake")
	counts := importLines(t, dir, atlas.Importer{Set: set},
		line(t, with(at(900001, 1), lost)), line(t, with(at(900001, 2), answer(soa, nil))), line(t, with(at(900001, 3), answer(soa, nil))),
		line(t, with(at(900001, 4), answer(other, nil))),                                                 // in the minority: a stray
		line(t, with(at(900002, 5), lost)),                                                               // nobody says
		line(t, with(at(900003, 6), answer(soa, nil))), line(t, with(at(900003, 7), answer(other, nil))), // undecided
		line(t, with(at(900001, 8), answer(soa, nil), map[string]any{"dst_addr": "192.0.2.53"})))
	got := ""
	for _, a := range rows[measurement.Answer](t, dir) {
		got += fmt.Sprintf("%s %s %s\n", a.VantagePoint, a.Query, a.Outcome)
	}
	if want := "atlas-1 soa timeout\natlas-2 soa answered\natlas-3 soa answered\natlas-4 soa timeout\n"; got != want {
		t.Errorf("rows\n%s", got)
	}
	if want := map[string]int64{atlas.UnknownQuestion: 3, atlas.NotRoot: 1}; !cmp.Equal(counts.Left, want) {
		t.Errorf("left out: %v", counts.Left)
	}
}

func TestIdentitiesOnceAnHour(t *testing.T) {
	host := answer(wire(t, "hostname.bind.", "TXT", nil), nil)
	var lines []string
	for i := range 30 { // two hours
		lines = append(lines, line(t, with(host, map[string]any{"msm_id": 10301, "timestamp": noon + int64(i)*240 + 3, "stored_timestamp": nil})))
	}
	slices.Reverse(lines)
	dir := filepath.Join(t.TempDir(), "lake")
	for some := range slices.Chunk(lines, 7) {
		importLines(t, dir, atlas.Importer{Identity: true}, some...)
	}
	all := rows[measurement.Answer](t, dir)
	if len(all) != 2 || all[0].SentAt.Unix() != noon+3 || all[1].SentAt.Unix() != noon+3603 || all[0].Query != "hostname_bind" || *all[0].QClass != "CH" {
		t.Errorf("%d rows: %+v", len(all), all)
	}
}

func TestOneSetALake(t *testing.T) {
	dir := t.TempDir()
	if err := atlas.Prepare(dir, "builtin"); err != nil {
		t.Fatal(err)
	}
	if err := atlas.Prepare(dir, "builtin"); err != nil {
		t.Error(err)
	}
	if err := atlas.Prepare(dir, "dnsmon"); err == nil || !strings.Contains(err.Error(), "builtin") {
		t.Errorf("another set: %v", err)
	}
	ours := t.TempDir()
	if err := os.Mkdir(filepath.Join(ours, "answers"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := atlas.Prepare(ours, "builtin"); err == nil {
		t.Error("a lake of ours was taken")
	}
}

// No address of a probe is in the lake.
func TestNoAddressOfAProbe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	importLines(t, dir, atlas.Importer{}, line(t, answer(wire(t, ".", "SOA", nil), nil)), line(t, map[string]any{"error": map[string]any{"socket": "bind 192.0.2.77 10.0.0.77 failed"}, "prb_id": 3}))
	for name := range lakeFiles(t, dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"192.0.2.77", "10.0.0.77"} {
			if bytes.Contains(text, []byte(address)) {
				t.Errorf("%s has %s", name, address)
			}
		}
	}
}

// What is cut off would name another measurement.
func TestNumbersAreNotCutOff(t *testing.T) {
	text := "10001\n#" + strings.Repeat("x", 3_200_000-9) + "\n10109\n"
	if all, err := atlas.Numbers(strings.NewReader(text)); err == nil {
		t.Errorf("%d numbers of %d bytes", len(all), len(text))
	}
	if all, err := atlas.Numbers(strings.NewReader("10001\n# x\n10109")); err != nil || len(all) != 2 {
		t.Error(all, err)
	}
}
