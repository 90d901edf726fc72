//go:build system

package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mtric.net/mtric/engine/lab"
)

// shared is what all rigs of a process use and none changes: the program, and two versions
// of the root zone. It is in a folder of its own below /var/lib that all can read.
type shared struct {
	dir    string
	bin    string // mtric
	zone   string // the file all servers serve
	older  string // the same with an older serial
	serial int64
	anchor string // DS of the key that signed both
}

var (
	preparing sync.Once
	prepared  shared
	unready   error
)

// prepare makes it the first time.
func prepare(t *testing.T) shared {
	t.Helper()
	preparing.Do(func() { unready = prepared.make(t) })
	must(t, unready)
	return prepared
}

func (s *shared) make(t *testing.T) error {
	dir, err := os.MkdirTemp("/var/lib", "mtric-shared-")
	if err != nil {
		return err
	}
	atEnd = append(atEnd, func() error { return os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	s.dir, s.bin = dir, filepath.Join(dir, "mtric")
	if err := goBuild("../..", s.bin, "CGO_ENABLED=0"); err != nil {
		return err
	}
	s.serial, err = strconv.ParseInt(time.Now().UTC().Format("20060102")+"01", 10, 64)
	if err != nil {
		return err
	}
	s.zone, s.older = s.path(s.serial), s.path(s.serial-1)
	if data := os.Getenv("MTRIC_REAL_DATA"); data != "" {
		return s.sign(t, filepath.Join(data, "rootzone", "root-2026082200.norrsig.zone.gz"))
	}
	t.Log("zone: generated; set MTRIC_REAL_DATA to a folder with rootzone/ for the genuine one")
	return s.generate()
}

func (s *shared) path(serial int64) string {
	return filepath.Join(s.dir, fmt.Sprintf("root-%d.zone", serial))
}

// sign signs the genuine zone with own keys.
func (s *shared) sign(t *testing.T, source string) error {
	t.Logf("zone: %s, signed with own keys", source)
	cmd := exec.Command(filepath.Join(rigScripts, "zones.sh"), s.dir, source, fmt.Sprint(s.serial), fmt.Sprint(s.serial-1))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("zones.sh: %w\n%s", err, out)
	}
	ds, err := exec.Command("ldns-key2ds", "-n", "-2", filepath.Join(s.dir, "ksk.key")).Output()
	s.anchor = dsData(string(ds))
	return err
}

// generate makes a zone of the genuine one's shape.
func (s *shared) generate() error {
	now := time.Now().UTC()
	for _, serial := range []int64{s.serial, s.serial - 1} {
		z, err := lab.Generate(lab.Options{Seed: 1, Serial: uint32(serial), Inception: now.Add(-26 * time.Hour), Expiration: now.AddDate(0, 0, 13)})
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if _, err := z.WriteTo(&text); err != nil {
			return err
		}
		if err := os.WriteFile(s.path(serial), text.Bytes(), 0o644); err != nil {
			return err
		}
		s.anchor = dsData(z.DS())
	}
	return nil
}

// goBuild builds the program of a folder.
func goBuild(dir, out string, env ...string) error {
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", out, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", dir, err, text)
	}
	return nil
}

// dsData is the data of a DS record in master format, as a plan's anchor has it.
func dsData(record string) string {
	_, data, _ := strings.Cut(strings.Join(strings.Fields(record), " "), " DS ")
	return data
}
