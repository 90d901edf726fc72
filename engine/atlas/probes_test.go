package atlas_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/lake"
)

const (
	archiveArray = `[{"id":42,"address_v4":"192.0.2.77","address_v6":"2001:db8::77","asn_v4":64500,"asn_v6":64501,"prefix_v4":"192.0.2.0/24","prefix_v6":"2001:db8::/32",
 "country_code":"DE","latitude":50.1,"longitude":8.6,"tags":["system-ipv6-works","home"],"status":1,"is_anchor":false},
 {"id":43,"asn_v4":null,"prefix_v4":"192.0.2.78/32","country_code":null,"tags":[]}]`
	archiveObject = `{"meta":{"total_count":2},"objects":[{"id":42,"asn_v4":64500,"asn_v6":64501,"prefix_v4":"192.0.2.0/24","prefix_v6":"2001:db8::/32","country_code":"DE",
 "tags":[{"name":"Home","slug":"home"},{"slug":"system-ipv6-works"}],"day":"20261122"}]}`
	archiveMoved = `{"results":[{"id":42,"asn_v4":64510,"prefix_v4":"198.51.100.0/24","country_code":"BR","tags":[]},{"id":44,"country_code":"ZZ"}]}`
)

func TestProbes(t *testing.T) {
	var archives []atlas.Archive
	for name, text := range map[string]string{"20261121.json": archiveArray, "probes": archiveObject, "/a/2026-11-24.json": archiveMoved} {
		a, err := atlas.ReadProbes(strings.NewReader(text), name)
		if err != nil {
			t.Fatal(name, err)
		}
		archives = append(archives, a)
	}
	s := lake.Store{Dir: t.TempDir()}
	for range 2 {
		if n, err := atlas.SaveProbes(s, archives); err != nil || n != 4 {
			t.Fatal(n, err)
		}
	}
	sites, err := s.Sites()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range sites {
		got += fmt.Sprintf("%s %s–%s %s %q %s %s %s %s %q\n", p.VantagePoint, date(p.From), date(p.Until), text(p.Country), p.Region, text(p.ASNIPv4), text(p.ASNIPv6), text(p.PrefixIPv4), text(p.PrefixIPv6), p.Tags)
	}
	want := `atlas-42 –2026-11-24 DE "europe" 64500 64501 192.0.2.0/24 2001:db8::/32 ["home" "system-ipv6-works"]
atlas-42 2026-11-24– BR "latin_america" 64510 null 198.51.100.0/24 null []
atlas-43 –2026-11-22 null "" null null null null []
atlas-44 2026-11-24– ZZ "" null null null null []
`
	if got != want {
		t.Errorf("is\n%s\nwant\n%s", got, want)
	}
}

func text[T any](v *T) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

func date(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.Format(time.DateOnly)
}

func TestProbesWrong(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", "5", "[5]", `[{"id":1},`, `{"objects":5}`, "[" + strings.Repeat("[", 100)} {
		if _, err := atlas.ReadProbes(strings.NewReader(text), "x"); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	a, b := atlas.Archive{Day: now}, atlas.Archive{Day: now}
	if _, err := atlas.Sites([]atlas.Archive{a, b}); err == nil {
		t.Error("two of a day")
	}
	if _, err := atlas.Sites([]atlas.Archive{a, {}}); err == nil {
		t.Error("one of no day")
	}
}

func TestMeasurements(t *testing.T) {
	all, err := atlas.Measurements(strings.NewReader(`{"count":4,"results":[
 {"id":900001,"type":"dns","af":6,"target":"k.root-servers.net","target_ip":"2001:7fd::1","protocol":"TCP","query_class":"IN","query_type":"SOA","query_argument":"."},
 {"id":900002,"type":{"name":"dns"},"af":4,"target":"A.root-servers.net.","protocol":"UDP","query_class":"CHAOS","query_type":"TXT","query_argument":"hostname.bind"},
 {"id":900003,"type":"dns","af":4,"target":"a.root-servers.net","query_type":"A","query_argument":"example.org","prepend_probe_id":true},
 {"id":900004,"type":"ping","af":4}]}`), servers)
	got := ""
	for _, id := range []int64{900001, 900002, 900003, 900004} {
		got += fmt.Sprintf("%+v\n", all[id])
	}
	want := `{Query:soa Name:. Type:SOA Class: RSI:k Family:ipv6 Transport:tcp Retries:false id:0}
{Query:hostname_bind Name:hostname.bind. Type:TXT Class:CH RSI:a Family:ipv4 Transport:udp Retries:false id:0}
{Query: Name: Type: Class: RSI:a Family:ipv4 Transport: Retries:false id:0}
{Query: Name: Type: Class: RSI: Family: Transport: Retries:false id:0}
`
	if err != nil || got != want || len(all) != 3 {
		t.Errorf("%v\n%s", err, got)
	}
}
