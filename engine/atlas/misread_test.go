package atlas_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/atlas/identity"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// What a server calls itself is in its response alone, so a comparison needs it: another
// operator's server answers with AA and without RA, as the right one does.
func TestIdentitiesAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	importLines(t, dir, atlas.Importer{Identity: true}, line(t, with(answer(wire(t, "hostname.bind.", "TXT", nil), nil), map[string]any{"msm_id": 10301})))
	all := rows[measurement.Answer](t, dir)
	if len(all) != 1 {
		t.Fatalf("%d rows", len(all))
	}
	if text, ok := identity.Text(all[0].Response); !ok || text != "nnn1-fra6" {
		t.Errorf("identity %q, response %x", text, all[0].Response)
	}
}

// A resolver or a proxy may tell a probe its own address; it does not enter the lake with
// the wire that is kept.
func TestWiresThatTellTheAddressOfAProbe(t *testing.T) {
	says := func(text string) func(*dns.Msg) {
		return func(m *dns.Msg) {
			m.RecursionAvailable = true
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: fmt.Sprintf("%x", text)}}
		}
	}
	subnet := func(m *dns.Msg) {
		m.RecursionAvailable = true
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: net.IPv4(192, 0, 2, 77).To4()}}
	}
	for name, c := range map[string]struct {
		change func(*dns.Msg)
		fields map[string]any
		hidden int64
	}{
		"public, NSID":   {says("for 192.0.2.77"), nil, 1},
		"private, NSID":  {says("10.0.0.77"), nil, 1},
		"IPv6, NSID":     {says("to 2001:DB8::77"), map[string]any{"from": "2001:db8::77"}, 1},
		"bytes, NSID":    {says("\xff\xc0\x00\x02\x4d"), nil, 1},
		"client subnet":  {subnet, nil, 1},
		"late":           {subnet, map[string]any{"rt": 4500.0}, 1},
		"of somebody":    {says("198.51.100.1"), nil, 0},
		"nothing is odd": {nil, nil, 0},
	} {
		dir := filepath.Join(t.TempDir(), "lake")
		counts := importLines(t, dir, atlas.Importer{}, line(t, with(answer(wire(t, ".", "SOA", c.change), only(c.fields, "rt")), only(c.fields, "from"))))
		all := rows[measurement.Answer](t, dir)
		if len(all) != 1 || counts.Hidden != c.hidden {
			t.Fatalf("%s: %d rows, %d hidden", name, len(all), counts.Hidden)
		}
		row := fmt.Appendf(nil, "%s", all[0].Response)
		if all[0].NSID != nil {
			row = append(row, *all[0].NSID...)
		}
		for _, e := range all[0].Extra {
			row = append(row, e.Wire...)
		}
		for _, address := range []string{"192.0.2.77", "10.0.0.77", "2001:DB8::77", "\xc0\x00\x02\x4d", "c000024d"} {
			if bytes.Contains(row, []byte(address)) {
				t.Errorf("%s: %q is there: %q", name, address, row)
			}
		}
		if c.hidden == 0 && c.change != nil && all[0].Response == nil {
			t.Errorf("%s: the response is not kept", name)
		}
	}
}

// What is cut off is no other type of result, and the first such one has its place.
func TestResultsThatCannotBeRead(t *testing.T) {
	one := line(t, answer(wire(t, ".", "SOA", nil), nil))
	other := line(t, map[string]any{"msm_id": 5001, "type": "traceroute"})
	for name, c := range map[string]struct {
		lines  []string
		bad    int64
		reason string
		first  string
	}{
		"cut before the measurement": {[]string{one, one[:30]}, 1, atlas.NoResult, "result 2 of lines"},
		"cut, of another type":       {[]string{other, other[:len(other)-1]}, 1, atlas.NoResult, "result 2 of lines"},
		"an object of what":          {[]string{`{"a":1}`, one}, 1, atlas.NoResult, "result 1 of lines"},
		"no number":                  {[]string{one, other, strings.Replace(one, `"prb_id":42`, `"prb_id":"x"`, 1), "{"}, 2, atlas.NoResult, "result 3 of lines"},
		"too long":                   {[]string{one, `{"msm_id":10001,"x":"` + strings.Repeat("x", atlas.MaxLine) + `"}`, "x"}, 1, atlas.TooLong, "result 2 of lines"},
		"all can":                    {[]string{one, other}, 0, atlas.NoResult, ""},
	} {
		counts := importLines(t, filepath.Join(t.TempDir(), "lake"), atlas.Importer{}, c.lines...)
		if counts.Left[c.reason] != c.bad || counts.FirstBad != c.first || counts.Lines != int64(len(c.lines)) {
			t.Errorf("%s: %+v", name, counts)
		}
	}
}

// A file that cannot be read is told with what to do; frames of zstd without data are none.
func TestFormsThatAreNotRead(t *testing.T) {
	one := line(t, answer(wire(t, ".", "SOA", nil), nil))
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	framed := "\x50\x2a\x4d\x18\x04\x00\x00\x00size" + string(z.EncodeAll([]byte(one), nil))
	for name, c := range map[string]struct{ text, want string }{
		"pzstd":     {framed, ""},
		"pzstd cut": {framed[:len(framed)-3], "lines: it is cut off or damaged after 0 results, and nothing was changed; get it again: unexpected EOF"},
		"array cut": {"[" + one + ",", "lines: it is cut off or damaged after 1 results, and nothing was changed; get it again: the array has no end"},
		"xz":        {"\xfd7zXZ\x00\x00", "lines: it is of the form xz: give it plain, or compressed by gzip, bzip2 or zstd"},
		"zip":       {"PK\x03\x04\x14", "lines: it is of the form zip: give it plain, or compressed by gzip, bzip2 or zstd"},
		"UTF-16":    {"\xff\xfe{\x00", "lines: it is of the form UTF-16: give it plain, or compressed by gzip, bzip2 or zstd"},
	} {
		dir := filepath.Join(t.TempDir(), "lake")
		if err := atlas.Prepare(dir, "builtin"); err != nil {
			t.Fatal(err)
		}
		m := atlas.Importer{Lake: lake.Store{Dir: dir}, Set: builtIn(), Servers: servers, Now: now}
		counts, err := m.Run(context.Background(), []atlas.Source{source([]byte(c.text))})
		if got := fmt.Sprint(err); (err != nil || c.want != "") && got != c.want || c.want == "" && counts.Added != 1 {
			t.Errorf("%s: %s; %+v", name, got, counts)
		}
	}
}

// People tag their probes as they like, with addresses too. A byte order mark is none of
// the archive's text.
func TestTagsThatAreAddresses(t *testing.T) {
	a, err := atlas.ReadProbes(strings.NewReader("\ufeff"+`[{"id":42,"tags":["192.0.2.77","ip-192-0-2-77","2001-db8-0-1-77","2001_db8__77_1_5","home","system-ipv4-stable-1d","system-resolves-a-correctly","2026-11-20"]}]`), "x")
	if err != nil || len(a.Sites) != 1 {
		t.Fatal(a, err)
	}
	if got, want := strings.Join(a.Sites[0].Tags, " "), "2026-11-20 home system-ipv4-stable-1d system-resolves-a-correctly"; got != want {
		t.Errorf("tags %s\nwant %s", got, want)
	}
}

// A download that came to nothing is told; an answer of no results is one.
func TestEmptyFiles(t *testing.T) {
	for text, want := range map[string]int{"": 1, "\n \n": 1, "[]": 0, "[ ]\n": 0} {
		if counts := importLines(t, filepath.Join(t.TempDir(), "lake"), atlas.Importer{}, text); len(counts.Empty) != want {
			t.Errorf("%q: %+v", text, counts)
		}
	}
}
