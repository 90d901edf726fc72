package lake_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mtric.net/mtric/engine/lake"
)

// TestLock: one writes, many read, and who waits gets the lock or is told who has it.
// Nothing is written for it, so that a lake on a read-only disk can be locked too.
func TestLock(t *testing.T) {
	ctx, s := t.Context(), lake.Store{Dir: t.TempDir()}
	if err := os.Chmod(s.Dir, 0o555); err != nil {
		t.Fatal(err)
	}
	take := func(lock func(context.Context, time.Duration) (func() error, error)) func() error {
		t.Helper()
		unlock, err := lock(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		return unlock
	}
	one, two := take(s.LockShared), take(s.LockShared)
	if _, err := s.LockExclusive(ctx, 0); !errors.Is(err, lake.ErrLocked) {
		t.Errorf("beside readers: %v", err)
	}
	if err := errors.Join(one(), two()); err != nil {
		t.Fatal(err)
	}
	writer := take(s.LockExclusive)
	if _, err := s.LockShared(ctx, 50*time.Millisecond); !errors.Is(err, lake.ErrLocked) {
		t.Errorf("beside a writer: %v", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = writer() })
	reader, err := s.LockShared(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := s.LockExclusive(stopped, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if files, err := os.ReadDir(s.Dir); err != nil || len(files) > 0 || reader() != nil {
		t.Errorf("left %v, %v", files, err)
	}
	if _, err := (lake.Store{Dir: filepath.Join(s.Dir, "none")}).LockShared(ctx, 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no lake: %v", err)
	}
}
