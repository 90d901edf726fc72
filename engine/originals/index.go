package originals

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entry is a line of a pack's index.jsonl: a member, in the order of the members.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // in hex

	// ReceivedAt is when it arrived at the collector, of answers; null where nobody noted it.
	ReceivedAt *time.Time `json:"received_at"`

	// IngestedAt is when it came into the lake: of answers as their runs row has it, of
	// others when they were kept here. Null where nobody noted it.
	IngestedAt *time.Time `json:"ingested_at"`

	// Order is the member's place among those of the pack in order of ingest, from 1 on.
	Order int `json:"order"`
}

const indexName = "index.jsonl"

// Bounds of a pack. An original has at most 2 MiB (ingest.MaxFileSize).
const (
	maxMember  = 4 << 20   // bytes
	maxMembers = 200_000   // of a pack: those of 300 vantage points
	maxIndex   = 128 << 20 // bytes, of maxMembers lines
	maxLine    = 512       // bytes
)

// writeIndex is the index as text.
func writeIndex(entries []Entry) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for i := range entries {
		if err := e.Encode(entries[i]); err != nil {
			return nil, fmt.Errorf("index: %w", err)
		}
	}
	return b.Bytes(), nil
}

// parseIndex reads what writeIndex writes, and checks that it can be the index of a pack.
func parseIndex(text []byte) ([]Entry, error) {
	var entries []Entry
	orders := map[int]bool{}
	for number := 1; len(text) > 0; number++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		var e Entry
		if len(line) > maxLine || number > maxMembers {
			return nil, fmt.Errorf("index: line %d: longer than %d bytes, or more than %d lines", number, maxLine, maxMembers)
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("index: line %d: %w", number, err)
		}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("index: line %d: %w", number, err)
		}
		if number > 1 && compare(entries[number-2].Name, e.Name) >= 0 {
			return nil, fmt.Errorf("index: line %d: %s does not come after the line before by vantage point, interval and name", number, e.Name)
		}
		if orders[e.Order] {
			return nil, fmt.Errorf("index: line %d: a second one of order %d", number, e.Order)
		}
		orders[e.Order] = true
		entries = append(entries, e)
	}
	for i := range entries {
		if !orders[i+1] {
			return nil, fmt.Errorf("index: no line of order %d", i+1)
		}
	}
	if len(entries) == 0 {
		return nil, errors.New("index: no line")
	}
	return entries, nil
}

func (e *Entry) check() error {
	n, ours := ParseName(e.Name)
	if !ours || !packs[n.Kind] {
		return fmt.Errorf("%.100q is not the name of an original", e.Name)
	}
	if raw, err := hex.DecodeString(e.SHA256); err != nil || len(raw) != 32 || e.SHA256 != strings.ToLower(e.SHA256) {
		return fmt.Errorf("%s: sha256 %.100q", e.Name, e.SHA256)
	}
	if e.Size < 0 || e.Size > maxMember {
		return fmt.Errorf("%s: %d bytes, want at most %d", e.Name, e.Size, maxMember)
	}
	return nil
}

// compare is the order of members: by vantage point, then interval, then kind.
func compare(a, b string) int {
	x, _ := ParseName(a)
	y, _ := ParseName(b)
	return cmp.Or(cmp.Compare(x.VantagePoint, y.VantagePoint), x.Label.Compare(y.Label), cmp.Compare(x.Kind, y.Kind))
}

// number gives the entries their order of ingest. What nobody noted comes first, by
// interval.
func number(entries []Entry) {
	places := make([]int, len(entries))
	for i := range places {
		places[i] = i
	}
	at := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return *t
	}
	slices.SortStableFunc(places, func(a, b int) int {
		x, y := entries[a], entries[b]
		return cmp.Or(at(x.IngestedAt).Compare(at(y.IngestedAt)), cmp.Compare(x.Name, y.Name))
	})
	for order, i := range places {
		entries[i].Order = order + 1
	}
}

// packName is the form of a pack's name.
var packName = regexp.MustCompile(`^([0-9]{8})(?:-([1-9][0-9]{0,8}))?\.tar\.zst$`)

func isPack(name string) bool { return packName.MatchString(name) }

// packNumber is 1 for a day's first pack, and what stands in the name of others.
func packNumber(path string) int {
	m := packName.FindStringSubmatch(filepath.Base(path))
	if m == nil || m[2] == "" {
		return 1
	}
	n, _ := strconv.Atoi(m[2]) // nine digits fit
	return n
}

// comparePacks is the order of the packs of a day, by number.
func comparePacks(a, b string) int {
	return cmp.Or(cmp.Compare(packNumber(a), packNumber(b)), cmp.Compare(a, b))
}
