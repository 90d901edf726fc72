package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/rootzone"
)

// writeFetches leaves beside the zones what a collector that asked every hour would have
// noted, until two hours after the end: without it nothing that another zone might explain
// could be judged again.
func (ww *wireWorld) writeFetches() error {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	added := ww.w.oldest - 1
	for at := time.UnixMicro(ww.w.archived(ww.w.oldest)).UTC(); at.Before(ww.w.Until.Add(2 * time.Hour)); at = at.Add(time.Hour) {
		z := added
		for z+1 < ww.next && ww.w.archived(z+1) <= at.UnixMicro() {
			z++
		}
		if err := lines.Encode(rootzone.Record{At: at, Serial: uint32(serial(z)), Source: "simulate", SHA256: ww.sums[z], Added: z > added, Unchanged: z == added}); err != nil {
			return fmt.Errorf("fetch records: %w", err)
		}
		added = z
	}
	if err := renameio.WriteFile(rootzone.RecordsFile(ww.dir), text.Bytes(), 0o644, renameio.WithTempDir(ww.dir)); err != nil {
		return fmt.Errorf("fetch records: %w", err)
	}
	return nil
}
