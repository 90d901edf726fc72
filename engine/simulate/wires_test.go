package simulate_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/engine/simulate"
)

// zones are the lab's, small ones.
type zones struct{ last *lab.Zone }

func (z *zones) Start(seed uint64, serial uint32, inception, expiration time.Time) (simulate.Zone, string, error) {
	first, err := lab.Generate(lab.Options{Seed: seed, Serial: serial, TLDs: 60, Inception: inception, Expiration: expiration})
	z.last = first
	return zone{first}, first.DS(), err
}

func (z *zones) Next(serial uint32) (simulate.Zone, error) {
	next, err := z.last.NextVersion(lab.Revision{Serial: serial})
	z.last = next
	return zone{next}, err
}

func (z *zones) Software(rsi measurement.RSI) string { return string(lab.FlavourOf(rsi)) }

type zone struct{ *lab.Zone }

func (z zone) Answer(query []byte, software, nsid string, tcp bool) ([]byte, error) {
	return z.Zone.Answer(query, lab.Flavour(software), nsid, tcp)
}

const wireFaults = `
fault "lies" {
  kind    = "wrong"
  rsis    = ["b", "c", "d"]
  from    = "2026-11-01T02:00:00Z"
  until   = "2026-11-03"
  percent = 50
}
fault "late" {
  kind  = "stale"
  rsis  = ["l"]
  by    = "4d"
  from  = "2026-11-01T06:00:00Z"
  until = "2026-11-02"
}
fault "fails" {
  kind    = "servfail"
  rsis    = ["e"]
  from    = "2026-11-01T02:00:00Z"
  until   = "2026-11-03"
  percent = 50
}
`

// TestWires parses every response and compares it with its row, its zone and the
// truth.
func TestWires(t *testing.T) {
	c := config(t, 2, 26*time.Hour)
	c.Zones = &zones{}
	c.Faults = faultsOf(t, c, wireFaults)
	truth, dir := run(t, c)
	planted := map[key]simulate.Planted{}
	for _, p := range truth.Planted {
		planted[key{p.VantagePoint, p.Interval, "correctness", p.RSI, p.Family, p.Transport}] = p
	}
	tags := map[string]int{}
	wires := 0
	for _, a := range rowsOf[measurement.Answer](t, dir, column.Answers) {
		checkRow(t, c.Plan, a)
		if a.Query != "correctness" || a.Verdict == nil {
			if a.Response != nil {
				t.Fatalf("a wire: %+v", a)
			}
			continue
		}
		wires++
		checkWire(t, a)
		k := key{a.VantagePoint, a.Interval, a.Query, a.RSI, a.Family, a.Transport}
		p, wrong := planted[k]
		if wrong != (*a.Verdict == measurement.Incorrect) || wrong && !strings.HasPrefix(a.Failures[0], p.Tag+": ") {
			t.Fatalf("planted %+v, row %+v", p, a)
		}
		if wrong {
			tags[p.Tag]++
			if (p.Fault == nil) != (a.RSI == "l") {
				t.Fatalf("planted %+v", p)
			}
		}
		delete(planted, k)
		if t.Failed() {
			t.Fatalf("%+v", a)
		}
	}
	if wires < 7000 || len(planted) > 0 {
		t.Errorf("%d wires; planted and not found: %v", wires, planted)
	}
	for _, tag := range []string{"ujy", "pdd", "vnk", "yot", "cpf", "xhr", "obw", "csz", "wal", "occ", "eou", "gpl", "axj", "czb"} {
		if tags[tag] == 0 {
			t.Errorf("nothing breaks %s: %v", tag, tags)
		}
	}
	compare(t, tables(t, dir, c.Plan).of(c.From, c.Until, c.Until), truth.Numbers)
	checkArchive(t, dir)
}

// checkWire compares a response with its row.
func checkWire(t *testing.T, a measurement.Answer) {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(a.Response); err != nil {
		t.Fatal(err)
	}
	if len(m.Question) != 1 || m.Question[0].Name != a.QName || dns.TypeToString[m.Question[0].Qtype] != a.QType || !m.Response {
		t.Errorf("question %v", m.Question)
	}
	if dns.RcodeToString[m.Rcode] != *a.RCode || m.Authoritative != *a.AA || m.Truncated != *a.TC || int(*a.ResponseSize) != len(a.Response) {
		t.Errorf("header %v", m.MsgHdr)
	}
	serials := []int64{}
	for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		if soa, ok := rr.(*dns.SOA); ok {
			serials = append(serials, int64(soa.Serial))
		}
	}
	if (len(serials) == 1) != (a.Serial != nil) || a.Serial != nil && serials[0] != *a.Serial {
		t.Errorf("serials %v", serials)
	}
	opt := m.IsEdns0()
	if opt == nil || !opt.Do() || len(opt.Option) != 1 {
		t.Fatalf("OPT %v", opt)
	}
	nsid, err := hex.DecodeString(opt.Option[0].(*dns.EDNS0_NSID).Nsid)
	if err != nil || string(nsid) != *a.NSID {
		t.Errorf("nsid %q", nsid)
	}
}

// checkArchive validates the zones beside the lake by their anchor, and compares
// them with the table zones.
func checkArchive(t *testing.T, dir string) {
	t.Helper()
	rows, err := lake.Store{Dir: dir}.Zones()
	if err != nil {
		t.Fatal(err)
	}
	anchor, err := os.ReadFile(filepath.Join(dir, simulate.RootZones, "anchors.ds"))
	if err != nil {
		t.Fatal(err)
	}
	if rr, err := dns.NewRR(string(anchor)); err != nil || rr.Header().Rrtype != dns.TypeDS {
		t.Errorf("anchor %q: %v", anchor, err)
	}
	for _, z := range rows {
		path := filepath.Join(dir, simulate.RootZones, rootzone.FileName(uint32(z.Serial)))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if z.SHA256 == nil || *z.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: sha256 %v", path, z.SHA256)
		}
		zone, err := rootzone.Read(bytes.NewReader(text), path)
		if err != nil || int64(zone.Serial) != z.Serial {
			t.Errorf("%s: %v", path, err)
		}
	}
	if names, err := filepath.Glob(filepath.Join(dir, simulate.RootZones, "*.root.txt")); err != nil || len(names) != len(rows) {
		t.Errorf("%d files, %d rows: %v", len(names), len(rows), err)
	}
}

// TestWiresSameBytes: with wires, too, the number of workers changes nothing.
func TestWiresSameBytes(t *testing.T) {
	c := config(t, 1, 50*time.Hour)
	c.Faults = faultsOf(t, c, wireFaults)
	var first map[string]string
	for _, workers := range []int{1, 3} {
		c.Workers, c.Zones = workers, &zones{}
		_, dir := run(t, c)
		if got := files(t, dir); first == nil {
			first = got
		} else {
			for name, text := range got {
				if first[name] != text {
					t.Errorf("%s differs", name)
				}
			}
		}
	}
}
