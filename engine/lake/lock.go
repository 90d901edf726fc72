package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
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
	return s.lock(ctx, wait, (*flock.Flock).TryRLock)
}

// LockExclusive is for the lake's writer; it makes the folder where there is none.
func (s Store) LockExclusive(ctx context.Context, wait time.Duration) (unlock func() error, err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("lake: %w", err)
	}
	return s.lock(ctx, wait, (*flock.Flock).TryLock)
}

// lock tries at once, and then for as long as it may wait.
func (s Store) lock(ctx context.Context, wait time.Duration, try func(*flock.Flock) (bool, error)) (unlock func() error, err error) {
	l := flock.New(s.Dir, flock.SetFlag(os.O_RDONLY))
	locked, err := try(l)
	for ; !locked && err == nil && wait > 0; wait -= lockPoll {
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), l.Close())
		case <-time.After(lockPoll):
			locked, err = try(l)
		}
	}
	switch path := new(fs.PathError); {
	case locked:
		return l.Unlock, nil
	case errors.As(err, &path):
		return nil, fmt.Errorf("lake: %w", err)
	case err == nil:
		return nil, fmt.Errorf("lake %s: %w", s.Dir, ErrLocked)
	}
	return func() error { return nil }, nil // a file system without locks
}
