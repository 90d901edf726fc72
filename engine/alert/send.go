package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/files"
)

// Bounds of what travels: an alerts.json has at most 64 KiB.
const (
	maxRelay    = 64 << 10
	maxWaiting  = 100 // lines that wait to travel
	maxRelayed  = 500 // alerts in one file, and lines
	relaySchema = "mtric-alerts/1"
)

// Relayed is the file nnnnnnnnnnnn-nnn.alerts.json, by which a vantage point's
// alerts reach the collector.
type Relayed struct {
	Schema   string         `json:"schema"`
	Machine  string         `json:"machine"`
	Written  time.Time      `json:"written"`
	Firing   []*Status      `json:"firing"`
	Events   []Event        `json:"events"` // lines since the last file
	Dropped  int            `json:"dropped,omitempty"`
	Commands map[string]ran `json:"commands,omitempty"`
}

// Send writes what fires, and the lines since the last file, to path with its
// sidecar. Where a file of that name was written before, here or in the sent
// folder, the lines wait for the next interval: what was sent is never changed.
func (b *Book) Send(path, sent string) error {
	for _, p := range []string{path, filepath.Join(sent, filepath.Base(path))} {
		if _, err := os.Stat(p); err == nil {
			return nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("alerts to send: %w", err)
		}
	}
	_, err := b.update(func(m *memory, _ *Result) error {
		out := Relayed{Schema: relaySchema, Machine: b.Machine, Written: b.Now().UTC(), Firing: []*Status{}, Events: append([]Event{}, m.Waiting...), Commands: m.Commands}
		for _, s := range m.ledger.sorted() {
			if b.shown(s) {
				out.Firing = append(out.Firing, s)
			}
		}
		data, err := json.Marshal(out)
		for err == nil && len(data) >= maxRelay && len(out.Events)+len(out.Firing) > 0 {
			out.Dropped++
			if len(out.Events) > 0 {
				out.Events = out.Events[1:]
			} else {
				out.Firing = out.Firing[:len(out.Firing)-1]
			}
			data, err = json.Marshal(out)
		}
		if err == nil {
			err = renameio.WriteFile(path, append(data, '\n'), 0o644, renameio.WithTempDir(filepath.Dir(path)))
		}
		if err == nil {
			err = files.WriteSidecar(path)
		}
		if err != nil {
			return fmt.Errorf("alerts to send: %w", err)
		}
		m.Waiting = nil
		return nil
	})
	return err
}
