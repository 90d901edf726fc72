//go:build system

package rootzone_test

import (
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab/kinds"
	"mtric.net/mtric/engine/rootzone"
)

// validators are the independent ones.
type validators struct{ dir string }

// ldns says what is wrong with a zone by ldns-verify-zone, empty if it is good.
func (v validators) ldns(t *testing.T, zone string, anchors []rootzone.Anchor, at time.Time) string {
	t.Helper()
	var ds strings.Builder
	for _, a := range anchors {
		ds.WriteString(". 86400 IN DS " + a.DS + "\n")
	}
	keys := filepath.Join(v.dir, "anchors")
	must(t, os.WriteFile(keys, []byte(ds.String()), 0o644))
	return complaint(t, exec.Command("ldns-verify-zone", "-V1", "-k", keys, "-t", at.UTC().Format("20060102150405"), v.file(t, zone)))
}

// bind is the same by dnssec-verify, which knows neither anchors nor times.
func (v validators) bind(t *testing.T, zone string) string {
	t.Helper()
	return complaint(t, exec.Command("dnssec-verify", "-o", ".", v.file(t, zone)))
}

func (v validators) file(t *testing.T, zone string) string {
	t.Helper()
	path := filepath.Join(v.dir, "root.zone")
	must(t, os.WriteFile(path, []byte(zone), 0o644))
	return path
}

// complaint is the last of what a program says that fails.
func complaint(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	out, err := c.CombinedOutput()
	if err == nil {
		return ""
	}
	if _, ran := err.(*exec.ExitError); !ran {
		t.Fatalf("%v; testdata/rig/install.sh installs it", err)
	}
	return err.Error() + ": " + string(out)
}

// difference is a kind of zone of which a validator thinks otherwise than mtric.
// Accepts says that it finds good what mtric refuses; else it refuses what mtric
// archives and says so in these words.
type difference struct{ ldns, bind string }

const accepts = "accepts"

// differences are those of decision 16, which has the reasons. One that is no more
// fails the test.
var differences = map[string]difference{
	// What BIND does not look at: anchors and ZONEMD.
	"ksk-unanchored":               {bind: accepts},
	"zonemd-384-wrong":             {bind: accepts},
	"zonemd-512-wrong":             {bind: accepts},
	"zonemd-both-wrong":            {bind: accepts},
	"zonemd-private-and-384-wrong": {bind: accepts},
	"zonemd-serial":                {bind: accepts},
	"glue-wrong":                   {bind: accepts},
	"glue-512-wrong":               {bind: accepts},
	// What ldns does not look at: the types in NSEC records, REVOKE of a zone signing key.
	"zonemd-taken-out":       {ldns: accepts},
	"ds-taken-out":           {ldns: accepts},
	"ds-taken-out-no-zonemd": {ldns: accepts},
	"zsk-revoked":            {ldns: accepts},
	// Rules for who signs, not for who validates.
	"ksk-revoked-silent":        {bind: "revoked KSK is not self signed"},
	"one-key":                   {bind: "Missing ZSK for algorithm ECDSAP256SHA256"},
	"algorithm-old-key-revoked": {bind: "Missing self-signed KSK for algorithm RSASHA256"},
	"algorithm-liberal":         {bind: "Missing ZSK for algorithm ECDSAP256SHA256"},
	"algorithm-edwards":         {bind: "Missing self-signed KSK for algorithm ED25519"},
	// Where ldns is stricter than RFC 8976 and RFC 4035.
	"zonemd-private": {ldns: "No ZONEMD matching the zone data was found"},
	"zonemd-scheme":  {ldns: "No ZONEMD matching the zone data was found"},
	"stray-signer":   {ldns: "has signature(s), but is occluded (or glue)"},
}

// told holds what a validator says against what mtric says and the difference that is
// known.
func told(t *testing.T, who string, err error, complaint, known string) {
	t.Helper()
	switch {
	case known == "" && (err == nil) != (complaint == ""):
		t.Errorf("%s: %.400q, mtric: %v", who, complaint, err)
	case known == accepts && (err == nil || complaint != ""):
		t.Errorf("%s: %.400q, mtric: %v; it was to accept what mtric refuses", who, complaint, err)
	case known != "" && known != accepts && (err != nil || !strings.Contains(complaint, known)):
		t.Errorf("%s: %.400q, mtric: %v; it was to refuse with %q", who, complaint, err, known)
	}
}

// Two programs that share nothing with mtric say the same of every kind of zone.
func TestSystemOracles(t *testing.T) {
	inception := time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, -1)
	v := validators{t.TempDir()}
	met := 0
	for _, k := range kinds.All(inception) {
		t.Run(k.Name, func(t *testing.T) {
			made, err := k.Last(30, inception)
			must(t, err)
			v.agree(t, text(made.RRs()), anchorsOf(k.Anchors), time.Now(), differences[k.Name])
		})
		if _, known := differences[k.Name]; known {
			met++
		}
	}
	if met != len(differences) {
		t.Errorf("%d differences are known, %d kinds of them met", len(differences), met)
	}
}

// agree asks all three.
func (v validators) agree(t *testing.T, zone string, anchors []rootzone.Anchor, at time.Time, known difference) {
	t.Helper()
	z, err := rootzone.ReadWhole(strings.NewReader(zone), "zone")
	if err == nil {
		err = z.Validate(anchors, at)
	}
	told(t, "ldns-verify-zone", err, v.ldns(t, zone, anchors, at), known.ldns)
	told(t, "dnssec-verify", err, v.bind(t, zone), known.bind)
}

// Genuine zones, signed anew with their ZONEMD, as they are and damaged; and those of
// 2019 as they were signed, of which BIND, which knows no time but now, can say nothing.
func TestSystemOraclesGenuine(t *testing.T) {
	dir := os.Getenv("MTRIC_REAL_DATA")
	if dir == "" {
		t.Skip("MTRIC_REAL_DATA is not set: set it to a folder with rootzone/*.zone.gz to hold the validators against each other over genuine zones")
	}
	v := validators{t.TempDir()}
	for _, serial := range []string{"2023120602", "2026082100", "2026082200"} {
		t.Run(serial, func(t *testing.T) {
			zone, anchor := signedAnew(t, filepath.Join(dir, "rootzone", "root-"+serial+".norrsig.zone.gz"), serial)
			anchors := []rootzone.Anchor{anchor}
			v.agree(t, zone, anchors, time.Now(), difference{})
			if serial != "2026082200" {
				return
			}
			for name, damage := range map[string]*regexp.Regexp{
				"DS": regexp.MustCompile(`(?m)^com\.\s.*\sIN\sDS\s.*\n`), "RRSIG": regexp.MustCompile(`(?m)^com\.\s.*\sRRSIG\sDS\s.*\n`),
				"NSEC": regexp.MustCompile(`(?m)^com\.\s.*\sIN\sNSEC\s.*\n`), "DNSKEY": regexp.MustCompile(`(?m)^\.\s.*\sDNSKEY\s256\s.*\n`),
			} {
				t.Run("without "+name, func(t *testing.T) {
					v.agree(t, damage.ReplaceAllString(zone, ""), anchors, time.Now(), difference{})
				})
			}
		})
	}
	for _, serial := range []string{"2019101300", "2019102401"} {
		t.Run(serial, func(t *testing.T) {
			z := genuineZone(t, filepath.Join(dir, "rootzone", "root-"+serial+".zone.gz"))
			at, err := z.SignedAt()
			must(t, err)
			for _, then := range []time.Time{at.Add(-time.Hour), at.Add(time.Hour), at.AddDate(0, 0, 20)} {
				err := z.Validate([]rootzone.Anchor{ksk2017}, then)
				told(t, "ldns-verify-zone", err, v.ldns(t, text(z.Records()), []rootzone.Anchor{ksk2017}, then), "")
			}
		})
	}
}

var ksk2017 = rootzone.Anchor{DS: "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"}

// genuineZone reads a gzipped zone.
func genuineZone(t *testing.T, path string) *rootzone.Zone {
	t.Helper()
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	must(t, err)
	z, err := rootzone.ReadWhole(unzipped, filepath.Base(path))
	must(t, err)
	return z
}

// signedAnew is a zone without signatures as the rig signs it, and its anchor.
func signedAnew(t *testing.T, source, serial string) (string, rootzone.Anchor) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("../../testdata/rig/zones.sh", dir, source, serial).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	zone, err := os.ReadFile(filepath.Join(dir, "root-"+serial+".zone"))
	must(t, err)
	key, err := os.ReadFile(filepath.Join(dir, "ksk.key"))
	must(t, err)
	rr, err := dns.NewRR(string(key))
	must(t, err)
	_, ds, _ := strings.Cut(rr.(*dns.DNSKEY).ToDS(dns.SHA256).String(), "\tDS\t")
	return string(zone), rootzone.Anchor{DS: ds}
}
