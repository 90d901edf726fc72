package derive

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"

	"mtric.net/mtric/engine/measurement"
)

// digest is what events need of a day. It is made of the day's rows and the plan, again
// whenever these are others, and may be lost.
type digest struct {
	Of     string // the plan, and the files of the lake, that it was made of
	Rows   string // hash of the day's rows in the table hours
	Hours  int    // how many they are
	Around string // hashes of the digests that Hourly rests on

	Segments []Segment // of the kinds whose labels are intervals, stale aside
	Hourly   []Segment // of those whose labels are hours

	VantagePoints []measurement.VantagePoint
	RSIs          []measurement.RSI
	Serials       []uint32   // of Shown
	Shown         []uint8    // by RSI, vantage point, label: 1 + place in Serials; 0 is none
	First         []first    // by serial, vantage point
	Medians       []int32    // by vantage point, RSI, path, hour: of good latencies in µs; -1 is none
	Good          []uint8    // beside Medians: of how many, 255 at most
	Names         [][]string // sets of servers
	Met           []uint16   // by vantage point, RSI, family, hour: 1 + place in Names; 0 is none

	usual string // hash of what other days' Hourly rests on
}

// usualOf is the hash of what other days' Hourly rests on.
func usualOf(g *digest) (string, error) {
	return hashOf(digest{VantagePoints: g.VantagePoints, RSIs: g.RSIs, Medians: g.Medians, Names: g.Names, Met: g.Met})
}

// first is the label at which a vantage point first showed a serial on the day.
type first struct {
	Serial       uint32
	VantagePoint measurement.VantagePoint
	At           time.Time
}

// A digest's file begins with a line of two hashes: of what follows, and of what other days
// rest on.
const (
	hashLength = 2 * sha256.Size
	headLength = 2*hashLength + 2
)

func (d *Deriver) digestPath(day time.Time) string {
	return filepath.Join(d.State, day.Format("20060102"))
}

// read reads the digest of a day; nil where there is none, or one that is not whole.
func (d *Deriver) read(day time.Time) (*digest, error) {
	data, err := os.ReadFile(d.digestPath(day))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	if len(data) < headLength || string(data[:hashLength]) != hexOf(sha256.Sum256(data[headLength:])) {
		return nil, nil
	}
	z, err := zstd.NewReader(bytes.NewReader(data[headLength:]), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	defer z.Close()
	var g digest
	if err := gob.NewDecoder(z).Decode(&g); err != nil {
		return nil, nil
	}
	g.usual = string(data[hashLength+1 : headLength-1])
	return &g, nil
}

// usualOn is the hash of a day's part of what other days rest on; empty where there is none.
func (d *Deriver) usualOn(day time.Time) string {
	f, err := os.Open(d.digestPath(day))
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, headLength)
	if _, err := io.ReadFull(f, head); err != nil {
		return ""
	}
	return string(head[hashLength+1 : headLength-1])
}

func hexOf(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:]) }

// write keeps the digest of a day.
func (d *Deriver) write(day time.Time, g *digest) error {
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err == nil {
		err = errors.Join(gob.NewEncoder(z).Encode(g), z.Close())
	}
	if err == nil {
		g.usual, err = usualOf(g)
	}
	if err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	data := append([]byte(hexOf(sha256.Sum256(packed.Bytes()))+" "+g.usual+"\n"), packed.Bytes()...)
	if err := os.MkdirAll(d.State, 0o755); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	if err := renameio.WriteFile(d.digestPath(day), data, 0o644, renameio.WithTempDir(d.State)); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	return nil
}

// hashOf tells values from others.
func hashOf(value any) (string, error) {
	h := sha256.New()
	if err := gob.NewEncoder(h).Encode(value); err != nil {
		return "", fmt.Errorf("derive: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
