package lake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that the lake is locked by another process.
var ErrLocked = errors.New("locked")

// lockPoll is how often a lock that is held is tried again.
const lockPoll = 50 * time.Millisecond

// LockShared keeps the lake as it is until it is unlocked: whoever reads files one after
// the other that must fit together takes it. It waits for a writer, at most so long. The
// folder itself is locked, so that nothing is written and a lake that may only be read can
// be locked; where the file system has no such locks there is none.
func (s Store) LockShared(ctx context.Context, wait time.Duration) (unlock func() error, err error) {
	return s.lock(ctx, unix.LOCK_SH, wait)
}

// LockExclusive is for the lake's writer; it makes the folder where there is none.
func (s Store) LockExclusive(ctx context.Context, wait time.Duration) (unlock func() error, err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("lake: %w", err)
	}
	return s.lock(ctx, unix.LOCK_EX, wait)
}

func (s Store) lock(ctx context.Context, how int, wait time.Duration) (unlock func() error, err error) {
	dir, err := os.Open(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("lake: %w", err)
	}
	end := time.Now().Add(wait)
	for {
		err := unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return dir.Close, nil // which unlocks
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return func() error { return nil }, dir.Close()
		case !time.Now().Before(end):
			return nil, errors.Join(fmt.Errorf("lake %s: %w", s.Dir, ErrLocked), dir.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), dir.Close())
		case <-time.After(lockPoll):
		}
	}
}
