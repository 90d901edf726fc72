package rootzone_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

func TestZoneRecords(t *testing.T) {
	lz := labZone(t, 1)
	z := whole(t, text(lz.RRs()))
	records := z.Records()
	if len(records) != len(lz.RRs()) {
		t.Fatalf("%d records, want %d", len(records), len(lz.RRs()))
	}
	clear(records) // the caller's own
	if z.Records()[0] == nil {
		t.Error("the zone's own records changed")
	}
	part, err := rootzone.Read(strings.NewReader(small), "small")
	if err != nil || part.Records() != nil {
		t.Errorf("records that were not kept: %v, %v", part.Records(), err)
	}
}

func TestAnchorNames(t *testing.T) {
	lz := labZone(t, 1)
	dated := anchor(lz)
	dated.From, dated.Until = day(100), day(200) // do not matter here
	named := 0
	for _, rr := range lz.RRs() {
		if key, ok := rr.(*dns.DNSKEY); ok {
			yes, err := dated.Names(key)
			if err != nil {
				t.Fatal(err)
			}
			if yes {
				named++
			}
			if _, err := (rootzone.Anchor{DS: "nonsense"}).Names(key); err == nil {
				t.Error("an anchor that is none")
			}
		}
	}
	if named != 1 {
		t.Errorf("%d keys named, want one", named)
	}
}

func TestParseAnchors(t *testing.T) {
	const good = "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
	for _, text := range []string{". IN DS " + good + "\n", "; IANA\n.\t172800\tIN\tDS\t" + good, ". DS " + strings.ToLower(good) + "\n. DS " + good + "\n"} {
		all, err := rootzone.ParseAnchors(strings.NewReader(text), "anchors.txt")
		if err != nil || !strings.EqualFold(all[0].DS, good) || all[0].From != nil || all[0].Until != nil {
			t.Errorf("%q: %+v, %v", text, all, err)
		}
	}
	for _, text := range []string{ // as dig prints it, and dig +multiline, with what RFC 4034, 5.3 allows
		".\t\t86400\tIN\tDS\t" + good[:66] + " " + good[66:] + "\n",
		".\t86400 IN DS 20326 8 2 (\n\t\t\t" + good[10:54] + "\n\t\t\t" + strings.ToLower(good[54:]) + " )\n",
	} {
		if all, err := rootzone.ParseAnchors(strings.NewReader(text), "dig"); err != nil || len(all) != 1 || all[0].DS != good {
			t.Errorf("%q: %+v, %v", text, all, err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"", "no DS record"},
		{"; nothing\n", "no DS record"},
		{"<html>\n", ""},
		{"com. IN DS " + good, "com./DS: want DS records of the root"},
		{". CH DS " + good, ""},
		{". IN NS a.", "./NS: want DS records of the root"},
		{". IN DS 20326 8 2", "DS of key 20326: no digest of type 2"},
		{". IN DS 20326 8 3 " + strings.Repeat("A", 64), "DS of key 20326: no digest of type 3"},
		{"$GENERATE 1-1000000 . IN DS " + good, "$GENERATE is not allowed"},
		{"$INCLUDE /etc/hostname\n", "$INCLUDE"},
		{strings.Repeat("; too much\n", 1<<17), "more than 1048576 bytes"},
	} {
		all, err := rootzone.ParseAnchors(strings.NewReader(c.text), "anchors.txt")
		if err == nil || !strings.HasPrefix(err.Error(), "anchors anchors.txt: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %+v, %v", c.text, all, err)
		}
	}
	if _, err := rootzone.ParseAnchors(broken{}, "x"); err == nil {
		t.Error("a reader's error is lost")
	}
}
