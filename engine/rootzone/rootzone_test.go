package rootzone_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/rootzone"
)

// small is a whole root zone with two top-level domains, one of them signed.
const small = `$TTL 86400
. IN SOA a.root-servers.net. nstld.verisign-grs.com. ( 2026112200 1800 900 604800 86400 )
. IN RRSIG SOA 8 0 86400 20261205050000 20261122040000 1 . AAAA
. IN NS a.root-servers.net.
. IN NS b.root-servers.net.
. IN DNSKEY 257 3 8 AwEAAQ==
. IN NSEC Aaa. NS SOA RRSIG NSEC DNSKEY
aaa. IN NS ns.aaa.
AAA. IN DS 1 8 2 00000000000000000000000000000000000000000000000000000000000000AA
aaa. IN NSEC zw. NS DS RRSIG NSEC
ns.aaa. IN A 192.0.2.1
zw. IN NS ns.aaa.
zw. IN NSEC . NS RRSIG NSEC
ns1.sub.zw. IN AAAA 2001:db8::1
`

// with is the small zone with one text replaced.
func with(old, new string) string {
	if !strings.Contains(small, old) {
		panic("the zone has no " + old)
	}
	return strings.Replace(small, old, new, 1)
}

func TestRead(t *testing.T) {
	zone, err := rootzone.Read(strings.NewReader(small), "small")
	if err != nil {
		t.Fatal(err)
	}
	if zone.Serial != 2026112200 {
		t.Errorf("serial %d", zone.Serial)
	}
	var got []string
	for _, s := range zone.RRsets() {
		got = append(got, s.String())
	}
	want := []string{"./DNSKEY", "./NS", "./NSEC", "./SOA", "aaa./NS", "zw./NS", "aaa./DS"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("RRsets (-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"last line open", strings.TrimSuffix(small, "\n"), "cut short: the last line has no end"},
		{"cut in a record", small[:len(small)-30] + "\n", ""},
		{"no SOA", with(". IN SOA", "; IN SOA"), "no SOA record at the apex, want one"},
		{"two SOA", small + ". IN SOA a. b. 2026112201 1800 900 604800 86400\n", "two different SOA records at the apex, want one"},
		{"SOA of a child", small + "aaa. IN SOA a. b. 1 1 1 1 1\n", "SOA of aaa. in a root zone"},
		{"no NS", strings.ReplaceAll(small, "\n. IN NS ", "\nzw. IN NS "), "no NS at the apex"},
		{"no DNSKEY", with(". IN DNSKEY", "zw. IN DNSKEY"), "no DNSKEY at the apex"},
		{"other class", with("zw. IN NS", "zw. CH NS"), "zw./NS: class CH, want IN"},
		{"record without data", with("zw. IN NS ns.aaa.", `zw. IN NS \# 0`), "zw./NS: record without data"},
		{"relative name", with("zw. IN NS", "zw IN NS"), "bad owner name"},
		{"include", small + "$INCLUDE /etc/hostname\n", "$INCLUDE directive not allowed"},
		{"generate", small + "$GENERATE 1-9 t$. NS ns.aaa.\n", "$GENERATE is not allowed"},
		{"generate in small letters", small + "$generate 1-9 t$. NS ns.aaa.\n", "$GENERATE is not allowed"},
		{"generate in pieces", small + "$GEN(\nER\r)ATE 1-9 t$. NS ns.aaa.\n", "$GENERATE is not allowed"},
		{"NSEC gap", with("zw. IN NSEC", "zw. IN TXT"), "not whole: the NSEC chain breaks at zw."},
		{"NSEC side loop", with("aaa. IN NSEC zw.", "aaa. IN NSEC ."), "the NSEC chain has 2 of 3 names"},
		{"NSEC runs in a circle", with("zw. IN NSEC .", "zw. IN NSEC aaa."), "the NSEC chain does not come back to the apex"},
		{"two NSEC", small + "zw. IN NSEC . NS\n", "zw. has two NSEC records"},
		{"delegation outside the chain", small + "zz. IN NS ns.aaa.\n", "not whole: no NSEC at zz."},
		{"binary", "\x00\x01\x02\n", ""},
		{"a web page", "<!DOCTYPE html>\n<html><body>Not found</body></html>\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone, err := rootzone.Read(strings.NewReader(c.text), "x.root.txt")
			if err == nil {
				t.Fatalf("accepted, serial %d", zone.Serial)
			}
			if !strings.HasPrefix(err.Error(), "zone x.root.txt: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

// endless is a text that never ends.
type endless struct{ line string }

func (e endless) Read(b []byte) (int, error) {
	n := 0
	for n+len(e.line) <= len(b) {
		n += copy(b[n:], e.line)
	}
	return max(n, 1), nil
}

func TestReadBounds(t *testing.T) {
	_, err := rootzone.Read(endless{"; a comment of thirty-two bytes\n"}, "x")
	if err == nil || !strings.Contains(err.Error(), "more than 67108864 bytes") {
		t.Errorf("got %v", err)
	}
	_, err = rootzone.Read(io.MultiReader(strings.NewReader(small), broken{}), "x")
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

type broken struct{}

var errBroken = errors.New("disk on fire")

func (broken) Read([]byte) (int, error) { return 0, errBroken }

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b uint32
		want int
	}{
		{0, 0, 0}, {1, 0, 1}, {2026112201, 2026112200, 1},
		{0, 4294967295, 1}, {1, 0, 1}, {1, 4294967295, 1}, // oracle P2: 4294967295, then 0, then 1
		{2147483647, 0, 1}, {2147483649, 0, -1},
		{2147483648, 0, 1}, // no order in RFC 1982
		{4294967295, 2147483647, 1},
	} {
		if got := rootzone.Compare(c.a, c.b); got != c.want {
			t.Errorf("Compare(%d, %d) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := rootzone.Compare(c.b, c.a); got != -c.want {
			t.Errorf("Compare(%d, %d) = %d, want %d", c.b, c.a, got, -c.want)
		}
	}
	if got := slices.MinFunc([]uint32{4294967295, 0}, rootzone.Compare); got != 4294967295 {
		t.Errorf("the older of 4294967295 and 0 is %d", got)
	}
}

// archive writes zone files with these serials and returns the folder.
func archive(t *testing.T, serials ...uint32) string {
	t.Helper()
	dir := t.TempDir()
	for _, s := range serials {
		put(t, dir, rootzone.FileName(s), with("2026112200", fmt.Sprint(s)))
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNewest(t *testing.T) {
	t.Run("by number", func(t *testing.T) { newest(t, archive(t, 2026112200, 2026112201, 999), 2026112201) })
	t.Run("across the wrap", func(t *testing.T) { newest(t, archive(t, 4294967295, 3, 4294967290), 3) })
	t.Run("other files", func(t *testing.T) {
		dir := archive(t, 7)
		for _, name := range []string{"8.root.txt.part", ".8.root.txt", "08.root.txt", "99999999999.root.txt", "4294967296.root.txt", "x.root.txt"} {
			put(t, dir, name, with("2026112200", "8"))
		}
		newest(t, dir, 7)
	})
	t.Run("bad ones are passed over", func(t *testing.T) {
		dir := archive(t, 5, 6)
		put(t, dir, "9.root.txt", small[:300]+"\n")
		put(t, dir, "8.root.txt", with("2026112200", "80"))
		if err := os.Mkdir(filepath.Join(dir, "7.root.txt"), 0o700); err != nil {
			t.Fatal(err)
		}
		skipped := newest(t, dir, 6, "zone 9.root.txt: ", "zone 8.root.txt: holds serial 80", "zone 7.root.txt: not a regular file")
		if len(skipped) != 3 {
			t.Errorf("skipped %v", skipped)
		}
	})
}

func newest(t *testing.T, dir string, serial uint32, skipped ...string) []error {
	t.Helper()
	zone, err := rootzone.Newest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if zone.Serial != serial || len(zone.Skipped) != len(skipped) {
		t.Errorf("serial %d, skipped %v; want %d, %q", zone.Serial, zone.Skipped, serial, skipped)
	}
	for i, err := range zone.Skipped {
		if i < len(skipped) && !strings.HasPrefix(err.Error(), skipped[i]) {
			t.Errorf("skipped %d: %v, want %q", i, err, skipped[i])
		}
	}
	return zone.Skipped
}

func TestNewestNone(t *testing.T) {
	bad := t.TempDir()
	put(t, bad, "1.root.txt", "")
	put(t, bad, "2.root.txt", "")
	for dir, want := range map[string]string{
		t.TempDir():                        "no root zone at hand in DIR",
		filepath.Join(t.TempDir(), "none"): "no root zone at hand in DIR",
		bad:                                "no root zone at hand in DIR; zone 2.root.txt: empty; zone 1.root.txt: empty",
	} {
		_, err := rootzone.Newest(dir)
		if !errors.Is(err, rootzone.ErrNone) || err.Error() != strings.ReplaceAll(want, "DIR", dir) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	file := filepath.Join(bad, "1.root.txt")
	if _, err := rootzone.Newest(file); err == nil || errors.Is(err, rootzone.ErrNone) {
		t.Errorf("a file for a folder: %v", err)
	}
}

// TestRealZones reads genuine root zones, whole and cut at a line end.
func TestRealZones(t *testing.T) {
	data := os.Getenv("MTRIC_REAL_DATA")
	if data == "" {
		t.Skip("set MTRIC_REAL_DATA to a folder with rootzone/root-<serial>*.zone.gz, genuine root zones, to read them")
	}
	files, err := filepath.Glob(filepath.Join(data, "rootzone", "root-*.zone.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("MTRIC_REAL_DATA has no rootzone/root-*.zone.gz (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			unzipped, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(unzipped)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := rootzone.Read(strings.NewReader(string(text)), filepath.Base(file))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(filepath.Base(file), fmt.Sprintf("root-%d.", zone.Serial)) {
				t.Errorf("serial %d", zone.Serial)
			}
			counts := map[string]int{}
			for _, s := range zone.RRsets() {
				counts[s.Type]++
				if s.Owner == "." {
					counts["apex"]++
				}
			}
			if counts["NS"] < 1400 || counts["DS"] < 1200 || counts["apex"] < 4 {
				t.Errorf("RRsets %v", counts)
			}
			half := string(text[:len(text)/2])
			half = half[:strings.LastIndexByte(half, '\n')+1]
			if _, err := rootzone.Read(strings.NewReader(half), "half"); err == nil {
				t.Error("half a zone was accepted")
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(small)
	f.Add(small[:200])
	f.Add("$ORIGIN .\n@ SOA a b 1 1 1 1 1\n@ NS a\n@ DNSKEY 257 3 8 AA==\n")
	f.Add("$GENERATE 1-65535 t$ NS a.\n")
	f.Add(with("zw. IN NS ns.aaa.", "zw. IN \\# 4 00000000"))
	for _, cut := range []string{
		`. 1 CLASS1 TYPE46 \# 18 000608000001518000000001000000000001`, `. 1 CLASS1 TYPE6 \# 1 00`, `. 1 CLASS1 TYPE47 \# 1 00`,
		`. 1 CLASS1 TYPE63 \# 6 000000010101`, `. 1 CLASS1 TYPE48 \# 4 01010308`,
	} {
		f.Add(small + cut + "\n")
		f.Add(strings.Replace(small, ". IN SOA a.root-servers.net. nstld.verisign-grs.com. ( 2026112200 1800 900 604800 86400 )", cut, 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		zone, err := rootzone.Read(strings.NewReader(text), "fuzz")
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, s := range zone.RRsets() {
			if s.Owner == "" || s.Type == "" || s.Owner != strings.ToLower(s.Owner) || !strings.HasSuffix(s.Owner, ".") {
				t.Errorf("RRset %q", s)
			}
			seen[s.String()] = true
		}
		if !seen["./SOA"] || !seen["./NS"] || !seen["./DNSKEY"] {
			t.Errorf("accepted without apex: %v", zone.RRsets())
		}
		whole, err := rootzone.ReadWhole(strings.NewReader(text), "fuzz")
		if err != nil {
			t.Fatalf("not whole: %v", err)
		}
		// Whatever stands in it, nobody's key has signed it.
		if err := whole.Validate([]rootzone.Anchor{{DS: "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"}}, signedAt); err == nil {
			t.Error("valid")
		}
		if _, err := whole.SignedAt(); err == nil {
			t.Log("a zone with a key of its own")
		}
		_ = whole.Digested()
	})
}
