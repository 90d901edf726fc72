package plan_test

import (
	"bufio"
	"compress/gzip"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/plans"
)

// TestTags: the production plan names the requirement that each part of it
// fulfils.
func TestTags(t *testing.T) {
	var all strings.Builder
	err := fs.WalkDir(plans.FS, "rssac047", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := fs.ReadFile(plans.FS, path)
		all.Write(src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, m := range regexp.MustCompile(`\[([a-z]{3})\]`).FindAllStringSubmatch(all.String(), -1) {
		have[m[1]] = true
	}
	for _, tag := range strings.Fields(`wyn fzk mgj vno hht mba ykn jhb yns ywz xyl dzn dlw ydw zuc bpl wca thb ogo rhe rja
		mow njh hmc xca max kmd unt hkc dse yyg twf hjw ooy yds ahw fwa wzz uwf lmx gfh zkl otd rps ver jps ugt`) {
		if !have[tag] {
			t.Errorf("no line of plans/rssac047 cites [%s]", tag)
		}
	}
}

// TestAgainstRootZone compares the addresses and trust anchors of the shipped
// plan with a genuine root zone.
func TestAgainstRootZone(t *testing.T) {
	data := os.Getenv("MTRIC_REAL_DATA")
	if data == "" {
		t.Skip("set MTRIC_REAL_DATA to a folder with rootzone/root-<serial>.norrsig.zone.gz to compare the plan with real root zones")
	}
	zones, err := filepath.Glob(filepath.Join(data, "rootzone", "root-2026*.zone.gz"))
	if err != nil || len(zones) == 0 {
		t.Fatalf("no root zone of 2026 in %s: %v", data, err)
	}
	p := load(t, nil, shipped(t, "rssac047"))
	records := readZone(t, zones[len(zones)-1])
	at := time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC)
	for _, s := range p.Servers {
		for _, f := range measurement.Families {
			a, ok := s.AddressAt(f, at)
			if want := records.addresses[s.Name+" "+string(f)]; !ok || a != want {
				t.Errorf("%s over %s: the plan says %v, the zone %v", s.Name, f, a, want)
			}
		}
	}
	found := 0
	for _, key := range records.keys {
		ds := key.ToDS(dns.SHA256)
		for _, a := range p.Anchors {
			if want := strings.Fields(a.DS); want[0] == a.Label && strings.EqualFold(want[3], ds.Digest) {
				found++
			}
		}
	}
	if found != 2 {
		t.Errorf("%d of the plan's anchors sign the zone of %s, want 20326 and 38696", found, at)
	}
}

type zone struct {
	addresses map[string]netip.Addr
	keys      []*dns.DNSKEY
}

func readZone(t *testing.T, file string) zone {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	z := zone{addresses: map[string]netip.Addr{}}
	parser := dns.NewZoneParser(unzipped, ".", file)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		switch rr := rr.(type) {
		case *dns.A:
			z.addresses[strings.ToLower(rr.Hdr.Name)+" ipv4"], _ = netip.AddrFromSlice(rr.A.To4())
		case *dns.AAAA:
			z.addresses[strings.ToLower(rr.Hdr.Name)+" ipv6"], _ = netip.AddrFromSlice(rr.AAAA.To16())
		case *dns.DNSKEY:
			z.keys = append(z.keys, rr)
		}
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}
