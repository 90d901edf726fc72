package alert

import (
	"errors"
	"path/filepath"
	"slices"

	"mtric.net/mtric/engine/rootzone"
)

// maxUnanchored bounds the keys, and so the alerts, that what is made up can lead to.
const maxUnanchored = 20

// with adds to a map that may be nil.
func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// keys looks at the keys of the newest root zone at hand, and at those that zone fetch
// and ingest met elsewhere.
func (l *Inspector) keys(m *Machine) error {
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
			if !key.BornOut() {
				m.Keys.Alone = with(m.Keys.Alone, key.DS, key.VantagePoints[0])
			}
		}
	}
	m.Keys.Unanchored = m.Keys.Unanchored[:min(len(m.Keys.Unanchored), maxUnanchored)]
	return nil
}
