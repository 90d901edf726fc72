package rootzone

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Apex is what a zone says of its keys, and until when its signatures hold.
type Apex struct {
	Serial uint32
	Keys   []*dns.DNSKEY

	records []dns.RR // of the apex
}

// NewestApex reads the apex of the newest zone of a folder, as Newest finds it. The
// error wraps ErrNone where there is none.
func NewestApex(dir string) (*Apex, error) {
	serials, err := Serials(dir)
	if err != nil {
		return nil, err
	}
	none := fmt.Errorf("%w in %s", ErrNone, dir)
	for _, serial := range slices.Backward(serials) {
		zone, err := Open(filepath.Join(dir, FileName(serial)))
		if err == nil {
			return apexOf(zone), nil
		}
		none = fmt.Errorf("%w; %w", none, err)
	}
	return nil, none
}

func apexOf(z *Zone) *Apex {
	a := &Apex{Serial: z.Serial}
	for _, rr := range z.records {
		if rr.Header().Name != "." {
			continue
		}
		a.records = append(a.records, rr)
		if key, ok := rr.(*dns.DNSKEY); ok {
			a.Keys = append(a.Keys, key)
		}
	}
	return a
}

// SigningKeys lists the zone's key signing keys, as KeyDS writes them: those without
// REVOKE that no anchor, whatever its dates, is of, and those with REVOKE.
func (a *Apex) SigningKeys(anchors []Anchor) (unanchored, revoked []string) {
	for _, key := range a.Keys {
		ds, ok := KeyDS(key)
		switch {
		case !ok:
		case key.Flags&dns.REVOKE != 0:
			revoked = append(revoked, ds)
		case !Anchored(key, anchors):
			unanchored = append(unanchored, ds)
		}
	}
	return unanchored, revoked
}

// errUnsigned says that no signature counts.
var errUnsigned = errors.New("no signature over DNSKEY and SOA that counts")

// SignedUntil is when the signatures over DNSKEY and SOA end: of each of the two the
// last signature that counts, then the first of both ends. Those count that hold by a
// key of the zone without REVOKE; over DNSKEY by one that an anchor is of, whatever
// its dates, if there is such a key.
func (a *Apex) SignedUntil(anchors []Anchor) (time.Time, error) {
	v, err := newValidation(a.records)
	if err != nil {
		return time.Time{}, fmt.Errorf("zone %d: %w", a.Serial, err)
	}
	anchored := slices.DeleteFunc(slices.Clone(v.keys), func(k Key) bool { return !Anchored(k.RR, anchors) })
	if len(anchored) == 0 {
		anchored = v.keys
	}
	first, ok := v.until(setKey{root, dns.TypeDNSKEY}, anchored)
	second, also := v.until(setKey{root, dns.TypeSOA}, v.keys)
	if !ok || !also {
		return time.Time{}, fmt.Errorf("zone %d: %w", a.Serial, errUnsigned)
	}
	if second.Before(first) {
		return second, nil
	}
	return first, nil
}

// until is the last end of the signatures that hold.
func (v *validation) until(k setKey, keys []Key) (last time.Time, ok bool) {
	for _, sig := range v.holding(k, keys) {
		if end := time.Unix(int64(sig.Expiration()), 0).UTC(); end.After(last) {
			last, ok = end, true
		}
	}
	return last, ok
}

// maxLine bounds a record in the archive's text: those of the apex are below 2 KB.
const maxLine = 64 << 10

// ApexKeys reads the keys of a zone of the archive that may sign, without the rest of
// it: its file has the apex at its beginning. The file is believed as it is.
func ApexKeys(path string) ([]Key, error) {
	records, err := readApex(path, func(line string) bool { return strings.Contains(line, "DNSKEY") && !strings.Contains(line, "RRSIG") })
	var keys []Key
	for _, rr := range records {
		if k, ok := rr.(*dns.DNSKEY); ok && SigningKey(k) {
			keys = append(keys, NewKey(k))
		}
	}
	return keys, err
}

// ApexSignedAt is SignedAt of a zone of the archive, without the rest of it.
func ApexSignedAt(path string) (time.Time, error) {
	records, err := readApex(path, func(string) bool { return true })
	if err != nil {
		return time.Time{}, err
	}
	at, err := signedAt(records)
	if err != nil {
		return time.Time{}, fmt.Errorf("zone %s: %w", path, err)
	}
	return at, nil
}

// ApexSOA reads the SOA record of a zone of the archive, without the rest of it. The file is
// believed as it is.
func ApexSOA(path string) (*dns.SOA, error) {
	records, err := readApex(path, func(line string) bool { return strings.Contains(line, "SOA") && !strings.Contains(line, "RRSIG") })
	if err != nil {
		return nil, err
	}
	return soaOf(records, path)
}

// SOA is the zone's SOA record; the zone was read whole.
func (z *Zone) SOA() (*dns.SOA, error) {
	return soaOf(z.records, strconv.FormatUint(uint64(z.Serial), 10))
}

func soaOf(records []dns.RR, name string) (*dns.SOA, error) {
	for _, rr := range records {
		if soa, is := rr.(*dns.SOA); is && soa.Hdr.Name == "." {
			return soa, nil
		}
	}
	return nil, fmt.Errorf("zone %s: no SOA record at its beginning", name)
}

// readApex reads those records at the beginning of a file that are of the apex and wanted.
func readApex(path string, wanted func(line string) bool) ([]dns.RR, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	defer f.Close()
	var records []dns.RR
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if line == "" || line[0] == ';' { // of a file that was put there by hand
			continue
		}
		if !strings.HasPrefix(line, ".\t") && !strings.HasPrefix(line, ". ") {
			break
		}
		if !wanted(line) {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			return nil, fmt.Errorf("zone %s: %w", path, err)
		}
		records = append(records, rr)
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("zone %s: %w", path, err)
	}
	return records, nil
}
