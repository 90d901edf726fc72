package correctness

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"mtric.net/mtric/engine/dnsmsg"
)

func wireName(t interface{ Fatal(...any) }, name string) []byte {
	var buffer [dnsmsg.MaxName + 1]byte
	n, err := dns.PackDomainName(name, buffer[:], 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	dnsmsg.Fold(buffer[:n])
	return slices.Clone(buffer[:n])
}

// The example of RFC 4034 section 6.1, and what sorting text gets wrong.
func TestCanonicalOrder(t *testing.T) {
	for _, order := range [][]string{
		{"example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`},
		{".", "*.", "aaa.", "com.", "com-.", "com-x.", "com0.", "coma.", "xn--p1ai.", "zw.", `\200.`},
		{"com.", "a.com.", "b.a.com.", "b.com.", "cop."},
	} {
		for i := range order {
			for j := range order {
				got := compareNames(wireName(t, order[i]), wireName(t, order[j]))
				if (got < 0) != (i < j) || (got > 0) != (i > j) {
					t.Errorf("%s and %s: %d", order[i], order[j], got)
				}
			}
		}
	}
}

func TestCovers(t *testing.T) {
	delegation := []byte{0, 2, 0x20, 0x02} // NS, and SOA not
	apexBits := []byte{0, 1, 0x22}         // NS and SOA
	dname := []byte{0, 5, 0, 0, 0, 0, 1}
	for _, c := range []struct {
		owner, next string
		bitmap      []byte
		name        string
		want        bool
	}{
		{"zw.", "zm.", delegation, "zo.", false}, // turned round (predecessor)
		{"zm.", "zw.", delegation, "zo.", true},
		{"zm.", "zw.", delegation, "zm.", false}, // the owner exists
		{"zm.", "zw.", delegation, "zw.", false}, // so does the next
		{"com.", "com-x.", delegation, "com-.", true},
		{"com.", "com-x.", delegation, "COM-.", true},
		{"com.", "com-x.", delegation, "com-y.", false},
		{"zw.", ".", delegation, "zzz.", true},
		{"zw.", ".", delegation, "zv.", false}, // the last one proves nothing of what is before it
		{"com.", "net.", delegation, "www.com.", false},
		{"com.", "net.", dname, "www.com.", false},
		{"com.", "net.", delegation, "www.dom.", true},
		{".", "aaa.", apexBits, "*.", true},
		{".", "!.", apexBits, "*.", false}, // "!" is before "*"
		{".", ".", apexBits, "*.", true},
		{"com.", "a.net.", delegation, "net.", false}, // exists without records
	} {
		n := nsec{wireName(t, c.next), c.bitmap}
		if got := n.covers(wireName(t, c.owner), wireName(t, c.name)); got != c.want {
			t.Errorf("NSEC %s to %s, name %s: %t", c.owner, c.next, c.name, got)
		}
	}
}

func TestBitmap(t *testing.T) {
	for _, c := range []struct {
		rdata []byte
		ok    bool
	}{
		{[]byte{0}, true}, {[]byte{0, 0, 1, 0x20}, true}, {[]byte{0, 0, 1, 0x20, 1, 1, 0x40}, true}, {nil, false}, {[]byte{1, 'a'}, false},
		{[]byte{0, 0}, false}, {[]byte{0, 0, 0}, false}, {[]byte{0, 0, 2, 0x20}, false}, {[]byte{0, 0, 33}, false},
		{[]byte{0, 1, 1, 0x40, 0, 1, 0x20}, false}, {[]byte{0, 0, 1, 0x20, 0, 1, 0x20}, false},
	} {
		n, ok := readNSEC(c.rdata)
		if ok != c.ok {
			t.Errorf("%x: %t", c.rdata, ok)
		}
		if ok && len(c.rdata) > 1 && !n.has(dns.TypeNS) {
			t.Errorf("%x: no NS", c.rdata)
		}
		if n.has(dns.TypeDS) || n.has(dns.TypeCAA) != (len(c.rdata) == 7 && ok) {
			t.Errorf("%x: DS or CAA", c.rdata)
		}
	}
}

// The order is a total one, and the one that sorting reversed labels gives.
func TestOrderIsTotal(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) []byte {
		name := []byte{}
		for range rapid.IntRange(0, 3).Draw(t, "labels") {
			l := rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "label")
			name = append(append(name, byte(len(l))), l...)
		}
		return append(name, 0)
	})
	reversed := func(name []byte) [][]byte {
		var at [128]uint8
		var all [][]byte
		for i := labels(name, &at) - 1; i >= 0; i-- {
			all = append(all, label(name, at[i]))
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		want := slices.CompareFunc(reversed(a), reversed(b), slices.Compare[[]byte])
		if got := compareNames(a, b); (got < 0) != (want < 0) || (got > 0) != (want > 0) {
			t.Fatalf("%x and %x: %d, want %d", a, b, got, want)
		}
		if len(a) > 1 && !below(a, []byte(root)) {
			t.Fatalf("%x is not below the root", a)
		}
	})
}
