package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/metrics/correctness"
)

// inputs is a hash of all that the verdicts of a day depend on: the table zones, the
// files of the archive, the fetches as far as they matter, and what the lake has of the
// day and of those before in which zones were watched. While it is the same, answers that
// wait are not judged again in each run.
func (b *bench) inputs(day time.Time) string {
	if b.common == "" {
		h := sha256.New()
		_ = json.NewEncoder(h).Encode(b.known) // into a hash nothing fails
		for _, serial := range slices.Sorted(maps.Keys(b.showed)) {
			fmt.Fprintln(h, serial, b.showed[serial].UnixMicro())
		}
		entries, err := os.ReadDir(b.RootZones)
		fmt.Fprintln(h, err)
		for _, e := range entries {
			if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".root.txt") {
				fmt.Fprintln(h, e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
		b.common = hex.EncodeToString(h.Sum(nil))
	}
	h := sha256.New()
	fmt.Fprintln(h, b.common, b.Lake.Version)
	// Later fetches change nothing any more: not what they refute either.
	enough := day.AddDate(0, 0, 1).Add(3 * correctness.Window)
	for i := len(b.fetches) - 1; i >= 0; i-- {
		if at := b.fetches[i].At; !b.fetches[i].ByHand {
			fmt.Fprintln(h, earlier(at, enough).UnixMicro())
			break
		}
	}
	for before := range 4 {
		at := day.AddDate(0, 0, -before)
		stamp(h, b.Lake.Path(column.Answers, at))
		stamp(h, b.Lake.Path(column.Runs, at))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stamp adds what tells a file from the one that takes its place.
func stamp(to hash.Hash, path string) {
	if info, err := os.Stat(path); err == nil {
		fmt.Fprintln(to, path, info.Size(), info.ModTime().UnixNano())
	}
}
