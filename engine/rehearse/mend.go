package rehearse

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// versions are those signed in [from, until).
func (p *player) versions(from, until time.Time) []version {
	return slices.DeleteFunc(slices.Clone(p.root.versions), func(v version) bool { return !within(v.signed, from, until) })
}

// signedAt is the version that was signed then.
func (r *root) signedAt(at time.Time) version {
	for _, v := range r.versions {
		if v.signed.Equal(at) {
			return v
		}
	}
	return version{}
}

// addMissing adds every zone that the lake knows of and the archive lacks.
func (p *player) addMissing() error {
	missing, err := p.missing()
	if err != nil {
		return err
	}
	for _, v := range p.root.versions {
		if slices.Contains(missing, v.zone.Serial) {
			if err := p.add(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveAway takes the files of versions out of the archive, as a person does.
func (p *player) moveAway(versions ...version) error {
	for _, v := range versions {
		if err := os.Remove(filepath.Join(p.zonesDir(), rootzone.FileName(v.zone.Serial))); err != nil {
			return fmt.Errorf("root zones: %w", err)
		}
	}
	return nil
}

// flipping is a server one bit of whose answers differs.
func (s *script) flipping(rsi measurement.RSI, during span) service {
	return service{rsi: rsi, span: during, fault: "flipped bit", spoil: func(wire []byte) ([]byte, error) { return lab.FlipBit(wire, seed) }}
}

// stuck is a server that keeps to the zone that it has at a time; by the rules that is a
// fault once the zone is more than 48 hours old.
func (s *script) stuck(rsi measurement.RSI, since, until time.Time) []service {
	keep := func(r *root, _ time.Time) *lab.Zone { return r.served(rsi, since) }
	// The newest publication before since is at most twelve hours and publishing older.
	oldest := since.Add(-12*time.Hour - slowest)
	return []service{
		{rsi: rsi, span: span{since, oldest.Add(window)}, zone: keep, soa: true},
		{rsi: rsi, span: span{oldest.Add(window), until}, zone: keep, soa: true, fault: "stale zone"},
	}
}
