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

// digest is what events need of a day. It is made of the day's rows and the plan, hour by
// hour, again whenever these are others, and may be lost.
type digest struct {
	Parts [24]part

	Segments []Segment // of the kinds whose labels are intervals, stale aside
	Hourly   []Segment // of those whose labels are hours

	VantagePoints []measurement.VantagePoint
	RSIs          []measurement.RSI
	Serials       []uint32   // of Shown
	Lone          bool       // nobody else measured, where the plan names no vantage points
	Shown         []uint16   // by RSI, vantage point, label: 1 + place in Serials; 0 is none
	Medians       []int32    // by vantage point, RSI, path, hour: of good latencies in µs; -1 is none
	Good          []uint8    // beside Medians: of how many, 255 at most
	Names         [][]string // sets of servers
	Met           []uint16   // by vantage point, RSI, family, hour: 1 + place in Names; 0 is none
}

// part is what a digest has of one hour.
type part struct {
	Of       string  // hash of what it was made of; empty: of nothing
	Rows     string  // hash of its rows in the table hours
	Count    int     // how many they are
	Trail    []uint8 // by tracker of marks: labels seen after its last segment
	Segments []Segment
	Sights   []sights // by serial, vantage point
}

// sights are the labels at which a vantage point was shown a serial in trusted runs: those
// of an hour, or of a day. All of them count, since the first may be too early to be believed.
type sights struct {
	Serial       uint32
	VantagePoint measurement.VantagePoint
	Labels       []byte // a bit each
}

// evidence is what other days take from a day for T(s): a file of its own, since a digest is
// large.
type evidence struct {
	Lone   bool // nobody else measured, where the plan names no vantage points
	Sights []sights
}

func (s sights) has(at int) bool { return s.Labels[at/8]&(1<<(at%8)) != 0 }

func (s sights) add(at int) { s.Labels[at/8] |= 1 << (at % 8) }

// head begins a digest's file: what must be known of a day to tell whether it is up to date.
type head struct {
	Of     string // hash of the plan and the files of the lake that it was made of
	Around string // hash of the digests that Hourly rests on
	Usual  string // hash of what other days' Hourly rests on
	Rows   string // hash that tells the day's file in the table hours from others; of "" where there is none
}

// A file's first line is the hash of what follows it, and the head.
const (
	headForm   = "%64s %64s %64s %64s %64s\n"
	headLength = 5 * (2*sha256.Size + 1)
)

func (d *Deriver) digestPath(day time.Time) string {
	return filepath.Join(d.State, day.Format("20060102"))
}

// head reads the head of a day's digest; the zero one where there is none.
func (d *Deriver) head(day time.Time) (h head) {
	f, err := os.Open(d.digestPath(day))
	if err != nil {
		return head{}
	}
	defer f.Close()
	line := make([]byte, headLength)
	if _, err := io.ReadFull(f, line); err != nil {
		return head{}
	}
	var sum string
	if _, err := fmt.Sscanf(string(line), headForm, &sum, &h.Of, &h.Around, &h.Usual, &h.Rows); err != nil {
		return head{}
	}
	return h
}

// read reads the digest of a day; nil where there is none, or one that is not whole.
func (d *Deriver) read(day time.Time) (*digest, error) {
	if g := d.fresh[day]; g != nil {
		return g, nil
	}
	data, err := os.ReadFile(d.digestPath(day))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	if len(data) < headLength || string(data[:2*sha256.Size]) != hexOf(data[2*sha256.Size:]) {
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
	return &g, nil
}

// write keeps the digest of a day.
func (d *Deriver) write(day time.Time, h head, g *digest) error {
	var packed bytes.Buffer
	fmt.Fprintf(&packed, headForm, "", h.Of, h.Around, h.Usual, h.Rows)
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err == nil {
		err = errors.Join(gob.NewEncoder(z).Encode(g), z.Close())
	}
	if err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	data := packed.Bytes()
	copy(data, hexOf(data[2*sha256.Size:]))
	if err := d.keep(d.sightsPath(day), evidence{g.Lone, g.sights()}); err != nil {
		return err
	}
	if err := renameio.WriteFile(d.digestPath(day), data, 0o644, renameio.WithTempDir(d.State)); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	d.heads[day], d.fresh = h, map[time.Time]*digest{day: g}
	return nil
}

// usual is the hash of what other days' Hourly rests on.
func (g *digest) usual() (string, error) {
	return hashOf(digest{VantagePoints: g.VantagePoints, RSIs: g.RSIs, Medians: g.Medians, Names: g.Names, Met: g.Met})
}

func hexOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (d *Deriver) sightsPath(day time.Time) string { return d.digestPath(day) + ".serials" }

// keep writes a value into State, after a hash of it.
func (d *Deriver) keep(path string, value any) error {
	data := bytes.NewBuffer(make([]byte, 2*sha256.Size))
	if err := gob.NewEncoder(data).Encode(value); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	copy(data.Bytes(), hexOf(data.Bytes()[2*sha256.Size:]))
	if err := renameio.WriteFile(path, data.Bytes(), 0o644, renameio.WithTempDir(d.State)); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	return nil
}

// remember reads what keep wrote. False is what is not there, or not whole: the value stays
// as it is.
func (d *Deriver) remember(path string, value any) (bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("derive: %w", err)
	}
	if len(data) < 2*sha256.Size || string(data[:2*sha256.Size]) != hexOf(data[2*sha256.Size:]) {
		return false, nil
	}
	return gob.NewDecoder(bytes.NewReader(data[2*sha256.Size:])).Decode(value) == nil, nil
}

// hashOf tells values from others.
func hashOf(value any) (string, error) {
	h := sha256.New()
	if err := gob.NewEncoder(h).Encode(value); err != nil {
		return "", fmt.Errorf("derive: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
