package lake

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/google/renameio/v2"
)

var planSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// maxPlan bounds a plan that is read.
const maxPlan = 1 << 20

// PlanPath is where the plan with that plan_sha256 is kept: plans/<plan_sha256>.json,
// in canonical form, whose sha256 is its name.
func (s Store) PlanPath(sum string) string { return filepath.Join(s.Dir, "plans", sum+".json") }

// HasPlan reports whether the plan with that plan_sha256 is kept.
func (s Store) HasPlan(sum string) bool {
	_, err := os.Lstat(s.PlanPath(sum))
	return err == nil
}

// KeepPlan keeps a plan in canonical form under its sha256; one that is there stays.
func (s Store) KeepPlan(data []byte) error {
	hash := sha256.Sum256(data)
	path := s.PlanPath(hex.EncodeToString(hash[:]))
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = renameio.WriteFile(path, data, 0o644, renameio.WithTempDir(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("plan to keep: %w", err)
	}
	return nil
}

// Plan reads the plan with that plan_sha256 in canonical form. The error is
// fs.ErrNotExist where the lake lacks it.
func (s Store) Plan(sum string) ([]byte, error) {
	if !planSum.MatchString(sum) {
		return nil, fmt.Errorf("plan_sha256 %.80q: want 64 hexadecimal digits", sum)
	}
	f, err := os.Open(s.PlanPath(sum))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("plan %s is not in the lake: %w", sum, err)
	}
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if hash := sha256.Sum256(data); hex.EncodeToString(hash[:]) != sum {
		return nil, fmt.Errorf("plan %s: its file has another sha256; take it out of the lake, and from Originals or a vantage point's Output/Sent put it there again", sum)
	}
	return data, nil
}
