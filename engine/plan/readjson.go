package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"mtric.net/mtric/engine/measurement"
)

// MaxJSON bounds the canonical form of a plan that comes from elsewhere; that of the
// production plan has 20 KB.
const MaxJSON = 1 << 20

// ReadJSON reads the canonical form of a plan, as JSON writes it, from whoever wrote
// it: another machine, another version. Its form is checked, not what blocks must be
// together. Keys that this version does not know are passed over, for they are part of
// the hash all the same.
func ReadJSON(data []byte) (*Plan, error) {
	if len(data) > MaxJSON {
		return nil, fmt.Errorf("plan: more than %d bytes of JSON", MaxJSON)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	p := &Plan{}
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("plan: not the JSON of a plan: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("plan: more than one value of JSON")
	}
	if !validLabel(p.Name) || len(p.Servers) == 0 || len(p.Queries) == 0 {
		return nil, errors.New("plan: the JSON of a plan has a name, servers and queries")
	}
	for _, z := range p.Zones {
		if !checkDomain(z.Name) || len(z.DS) > mostDS {
			return nil, fmt.Errorf("plan: zone %.80q: no absolute name, or more than %d trust anchors", z.Name, mostDS)
		}
		for _, a := range z.DS {
			if wrong, _ := checkDS(a.DS); wrong != "" {
				return nil, fmt.Errorf("plan: zone %.80q: %s", z.Name, wrong)
			}
		}
	}
	for _, s := range p.Servers {
		if !rsiName.MatchString(string(s.RSI)) {
			return nil, fmt.Errorf("plan: %.80q is no RSI", s.RSI)
		}
		for _, a := range s.Addresses {
			if !fits(a.Address, a.Family) {
				return nil, fmt.Errorf("plan: %s of RSI %s is no %.10q address in canonical form", a.Address, s.RSI, a.Family)
			}
		}
	}
	return p, nil
}

// fits reports whether a is an address of the family in the one form that plans have.
func fits(a netip.Addr, family measurement.Family) bool {
	return a.IsValid() && !a.Is4In6() && a.Zone() == "" && measurement.FamilyOf(a) == family
}
