package ingest

import (
	"fmt"
	"os"
)

// relay hands the alerts of the files in order to the caller, before they are kept:
// whatever is broken off after that, the next run finds the file again. A file that
// the caller refuses goes to Quarantine.
func (r *run) relay(files []*taken) error {
	for _, t := range files {
		if t.table != alerts || t.reason != "" || r.Alerts == nil {
			continue
		}
		if t.reason = r.twin(t); t.reason != "" {
			continue
		}
		data, err := os.ReadFile(t.copy)
		if err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
		if err := r.step("relay %s", t.name); err != nil {
			return err
		}
		if t.reason, err = r.Alerts(t.vp, t.label, data); err != nil {
			return err
		}
	}
	return nil
}
