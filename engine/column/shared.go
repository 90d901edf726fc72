package column

import (
	"bytes"
	"os"
	"slices"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// sharedFile is a file that is being made and may begin as another one does. Where the
// file system lets two files share what they have in common on the disk (XFS, btrfs), it
// starts as a clone of that file, and what it has already is not written again: a day that
// grows 288 times would else be written 288 times. On others, such as ext4, all is written.
type sharedFile struct {
	*renameio.PendingFile
	clone func(to, from *os.File) error // nil is the file system's

	at     int64 // where the next byte goes
	same   int64 // up to where the clone may still be what is written
	cloned bool
	held   []byte
}

// begin makes the file a clone of the one at path, before anything is written. Where that
// cannot be, it stays empty.
func (s *sharedFile) begin(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return nil // there is none
	}
	defer from.Close()
	clone := s.clone
	if clone == nil {
		clone = func(to, from *os.File) error { return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) }
	}
	if clone(s.File, from) != nil {
		return s.Truncate(0)
	}
	info, err := s.Stat()
	if err == nil {
		s.same, s.cloned = info.Size(), true
	}
	return err
}

// Write writes b where it is not there yet.
func (s *sharedFile) Write(b []byte) (n int, err error) {
	if s.at+int64(len(b)) <= s.same {
		s.held = slices.Grow(s.held[:0], len(b))[:len(b)]
		if _, err := s.ReadAt(s.held, s.at); err == nil && bytes.Equal(s.held, b) {
			s.at += int64(len(b))
			return len(b), nil
		}
	}
	s.same = 0 // what follows is new
	n, err = s.WriteAt(b, s.at)
	s.at += int64(n)
	return n, err
}

// end cuts off what the clone has and the file has not.
func (s *sharedFile) end() error {
	if !s.cloned {
		return nil
	}
	return s.Truncate(s.at)
}
