package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/originals"
)

// pack packs the originals of days that are a week old, in the first run of each day:
// what comes late is packed together so, and the other runs look at nothing.
func (s *station) pack(ctx context.Context, in *ingest.Ingester) error {
	return s.daily("packed", func() (bool, error) {
		packer := &originals.Packer{Store: &originals.Store{Dir: in.Originals}, Facts: func(day time.Time) (map[string]originals.Fact, error) { return facts(in.Lake, day) }, Now: s.now()}
		done, err := packer.Run(ctx)
		if err != nil {
			return false, err
		}
		s.condition("ingest", "originals", alert.Warning, joined(done.Left))
		if done.Packs > 0 {
			s.log.Info("packed", "packs", done.Packs, "originals", done.Members, "bytes", done.Bytes, "packed_bytes", done.Size, "more", done.More)
		}
		return true, nil
	})
}

// daily does what is done once a day, by a note of this name in State; a run that was killed,
// or did not come to the end, is made up for by the next one.
func (s *station) daily(name string, do func() (done bool, err error)) error {
	today, noted := s.now().UTC().Format(time.DateOnly), filepath.Join(s.state, name)
	last, err := os.ReadFile(noted)
	if err == nil && string(last) == today {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", name, err)
	}
	if done, err := do(); err != nil || !done {
		return err
	}
	if err := renameio.WriteFile(noted, []byte(today), 0o644, renameio.WithTempDir(s.state)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// facts are what the lake knows of the files of answers of a day.
func facts(store lake.Store, day time.Time) (map[string]originals.Fact, error) {
	all := map[string]originals.Fact{}
	for rows, err := range column.Rows[measurement.Run](store.Path(column.Runs, day)) {
		if errors.Is(err, fs.ErrNotExist) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			all[r.File] = originals.Fact{SHA256: r.SHA256, ReceivedAt: &r.ReceivedAt, IngestedAt: r.IngestedAt}
		}
	}
	return all, nil
}
