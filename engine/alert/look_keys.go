package alert

import (
	"errors"
	"path/filepath"
	"slices"

	"mtric.net/mtric/engine/rootzone"
)

// mostUnanchored bounds the keys, and so the alerts, that what is made up can lead to.
const mostUnanchored = 20

// keys looks at the keys of the newest root zone at hand, and at those that zone fetch
// and ingest met elsewhere.
func (l *Looker) keys(m *Machine) error {
	var anchors []rootzone.Anchor
	for _, a := range l.Plan.Anchors {
		anchors = append(anchors, rootzone.Anchor{DS: a.DS})
	}
	newest, err := rootzone.NewestApex(filepath.Join(l.Output, "RootZones"))
	switch {
	case errors.Is(err, rootzone.ErrNone): // zone fetch tells of files that are no zone
	case err != nil:
		return err
	default:
		m.Keys.Unanchored, m.Keys.Revoked = newest.SigningKeys(anchors)
		if end, err := newest.SignedUntil(anchors); err == nil {
			m.Keys.DaysLeft = new(end.Sub(l.Now).Hours() / 24)
		}
	}
	met, _ := rootzone.LoadKeys(filepath.Join(l.State, rootzone.KeysName)) // zone fetch tells of a damaged file
	met.Anchors = anchors
	for _, key := range met.Unanchored(l.Now) {
		if !slices.Contains(slices.Concat(m.Keys.Unanchored, m.Keys.Revoked), key.DS) {
			m.Keys.Unanchored = append(m.Keys.Unanchored, key.DS)
		}
	}
	m.Keys.Unanchored = m.Keys.Unanchored[:min(len(m.Keys.Unanchored), mostUnanchored)]
	return nil
}
