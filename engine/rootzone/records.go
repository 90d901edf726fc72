package rootzone

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Records are the zone's records as they were read, nil unless by ReadWhole. The
// caller may change the slice but not the records.
func (z *Zone) Records() []dns.RR { return slices.Clone(z.records) }

// Names says whether the anchor is of this key, whenever it is believed.
func (a Anchor) Names(key *dns.DNSKEY) (bool, error) {
	return Anchor{DS: a.DS}.names(key, time.Time{}) // without dates any time will do
}

// Believed says whether it is believed at a time, by its dates.
func (a Anchor) Believed(at time.Time) bool {
	return (a.From == nil || !at.Before(*a.From)) && (a.Until == nil || at.Before(*a.Until))
}

// maxAnchors bounds the text of an anchor file in bytes.
const maxAnchors = 1 << 20

// digestDigits is how many hexadecimal digits a DS digest has, by type.
var digestDigits = map[uint8]int{dns.SHA1: 40, dns.SHA256: 64, dns.SHA384: 96}

// ParseAnchors reads trust anchors as DS records of the root in master format,
// one or more. They are believed at any time. The name stands for the source in
// errors.
func ParseAnchors(r io.Reader, name string) ([]Anchor, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxAnchors+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("anchors %s: %w", name, err)
	case len(text) > maxAnchors:
		return nil, fmt.Errorf("anchors %s: more than %d bytes", name, maxAnchors)
	case generates(text):
		return nil, fmt.Errorf("anchors %s: $GENERATE is not allowed", name)
	}
	var all []Anchor
	parser := dns.NewZoneParser(strings.NewReader(string(text)), ".", "")
	parser.SetDefaultTTL(0)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		ds, isDS := rr.(*dns.DS)
		if !isDS || ds.Hdr.Name != "." || ds.Hdr.Class != dns.ClassINET {
			return nil, fmt.Errorf("anchors %s: %s/%s: want DS records of the root", name, rr.Header().Name, dns.Type(rr.Header().Rrtype))
		}
		// A digest of another length would only never fit any key.
		if want, known := digestDigits[ds.DigestType]; !known || len(ds.Digest) != want {
			return nil, fmt.Errorf("anchors %s: DS of key %d: no digest of type %d", name, ds.KeyTag, ds.DigestType)
		}
		all = append(all, Anchor{DS: fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToUpper(ds.Digest))})
	}
	if err := parser.Err(); err != nil {
		return nil, fmt.Errorf("anchors %s: %w", name, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("anchors %s: %w", name, errors.New("no DS record"))
	}
	return all, nil
}
