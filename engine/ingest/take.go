package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
)

// taken is a file in our possession: a copy that nobody else can write.
type taken struct {
	waiting
	copy     string // below Originals/.intake
	sha256   string
	sidecar  []byte
	received time.Time // the sidecar's arrival

	aside  error  // why it stays where it is; nil while it does not
	reason string // why it is rejected; empty while it is not
	contents
}

// takersAtOnce is how many files are copied and read, or kept, at a time: more than
// there are processors, for some wait for the disk.
const takersAtOnce = 4

// defaultMemory is Ingester.Memory where that is 0.
const defaultMemory = 72 << 20

// restOfInterval is how much more than that the files of an interval may have that was begun: where
// one is cut in two, the row group that it ends is written again.
const restOfInterval = defaultMemory / 8

// takeAll copies the files, bounded and hashed, and reads the copies: those at the head
// that together fit into memory, of which it returns how many they are. What is wrong
// with a file is in its reason; an error is our own disk's.
func (r *run) takeAll(ctx context.Context, files []waiting) (all []*taken, n int, err error) {
	all = make([]*taken, len(files))
	before := r.copies // none of this run may take the place of another, which may lie there still
	r.copies += len(files)
	var held atomic.Int64
	group, going := errgroup.WithContext(ctx)
	group.SetLimit(takersAtOnce)
	memory := cmp.Or(r.Memory, defaultMemory)
	for ; n < len(files) && going.Err() == nil; n++ {
		if more := held.Load() - memory; more >= 0 && (more >= restOfInterval || !files[n].label.Equal(files[n-1].label)) {
			break
		}
		i := n
		group.Go(func() (err error) {
			if going.Err() != nil {
				return nil
			}
			all[i], err = r.take(files[i], r.copyOf(before+i, files[i].name))
			held.Add(all[i].weight())
			return err
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return nil, max(n, 1), err // n is 0 where the run is broken off at once
	}
	return slices.DeleteFunc(all[:n], func(t *taken) bool { return t == nil || r.setAside(t) }), n, nil
}

// weight is how much memory is held of a file until it is merged, about: also of many rows
// with little in them.
func (t *taken) weight() (bytes int64) {
	const (
		row    = 3 << 9 // of its run, its names, where its columns lie
		serial = 96     // with its share of texts
		keys   = 1 << 8 // a set
		wire   = 1 << 5 // where one lies
	)
	if t == nil || t.answers == nil {
		return row
	}
	bytes = row + serial*int64(len(t.sightings)) + keys*int64(len(t.keys))
	of := func(all [][]byte) {
		for _, data := range all {
			bytes += wire + int64(len(data))
		}
	}
	of(t.answers.Wires)
	for _, k := range t.keys {
		of(k.Set.RDatas)
		of(k.Set.Sigs)
	}
	return bytes
}

// trusted says that the clock of the run was not known to be wrong, and that the file did
// not come before its own label.
func (t *taken) trusted() bool {
	var synchronized *bool
	if t.run != nil {
		synchronized = t.run.ClockSynchronized
	}
	return inTime(t.label, t.received, synchronized)
}

// inTime says that a clock was not known to be wrong, and that a run did not come before its
// own label.
func inTime(label, received time.Time, synchronized *bool) bool {
	return !received.Before(label) && (synchronized == nil || *synchronized)
}

// setAside notes what cannot be taken, and reports whether the file is such.
func (r *run) setAside(t *taken) bool {
	switch {
	case errors.Is(t.aside, column.ErrNewer): // one line for all files of the dropbox
		r.left(t.box.path, "has files that need a newer mtric; they wait until it is updated here, on the collector")
	case t.aside != nil && r.tolerate(t.box, t.aside) != nil:
		r.left(filepath.Join(t.box.path, t.name), t.aside.Error())
	}
	return t.aside != nil
}

// errTheirs is what is wrong with a file in a dropbox, not with us.
type errTheirs struct{ error }

func (e errTheirs) Unwrap() error { return e.error }

func theirs(format string, args ...any) error { return errTheirs{fmt.Errorf(format, args...)} }

// take reads and copies a file. A file that went away in the meantime is nil. Of a file
// that is wrong the copy is kept as well, where there is anything to copy. It runs
// beside others of its kind and notes only in what it returns.
func (r *run) take(w waiting, to string) (*taken, error) {
	t := &taken{waiting: w, copy: to}
	memory := copying.Get().(*[]byte)
	defer copying.Put(memory)
	text, info, sidecarErr := w.box.small(w.name + sidecarSuffix)
	data, readErr := t.readOut(memory)
	for _, err := range []error{readErr, sidecarErr} {
		switch {
		case errors.Is(err, errFolder), errors.As(err, new(errShut)):
			t.aside = err
			return t, nil
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case errors.As(err, new(errTheirs)):
			t.reason = err.Error()
		case err != nil:
			return nil, fmt.Errorf("dropbox %s: %s: %w", w.box.path, quoted(w.name), err)
		}
	}
	if t.reason == "" {
		t.sidecar, t.received = text, arrival(info, w.label)
		if r.Came != nil {
			t.received = r.Came(info).UTC().Truncate(time.Microsecond)
		}
		t.reason = t.compare()
	}
	switch {
	case t.reason != "":
	case t.table == plans:
		t.reason = checkPlan(data)
	case t.table != alerts:
		t.contents, t.reason, t.aside = r.read(t, data)
	case !json.Valid(data):
		t.reason = "not JSON"
	}
	switch {
	case t.aside != nil: // it may wait for long, and is not copied each time
		return t, nil
	case data == nil:
		t.copy = ""
		return t, nil
	}
	if err := r.step("copy %s", t.name); err != nil {
		return nil, err
	}
	return t, os.WriteFile(t.copy, data, 0o644)
}

// compare holds the copy against its sidecar and its name against the dropbox.
func (t *taken) compare() string {
	want, err := files.ParseSidecar(t.sidecar, t.name)
	switch {
	case err != nil:
		return err.Error()
	case want != t.sha256:
		return fmt.Sprintf("sha256 is %s, its sidecar says %s", t.sha256, want)
	case t.vp != t.box.vp:
		return fmt.Sprintf("a file of vantage point %s in the dropbox of %s", t.vp, t.box.vp)
	}
	return ""
}

// arrival is when the sidecar came: its time of writing, unless that is not
// between the interval and the folder's own record of change, which a vantage
// point cannot set; then it is that.
func arrival(info os.FileInfo, label time.Time) time.Time {
	written, entered := info.ModTime(), changed(info)
	if written.Before(label) || written.After(entered) {
		written = entered
	}
	return written.UTC().Truncate(time.Microsecond)
}

// changed is the inode's time of change, set by the kernel alone.
func changed(info os.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix()).UTC()
	}
	return info.ModTime().UTC()
}

// regular opens a file of the dropbox that is a regular file with one link, and
// that file and no other: not what a link put there in the meantime points to.
func (b *dropbox) regular(name string) (*os.File, os.FileInfo, error) {
	before, err := b.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, errShut{err}
	}
	if before.IsDir() && !strings.HasSuffix(name, sidecarSuffix) {
		return nil, nil, errFolder
	}
	if !before.Mode().IsRegular() {
		return nil, nil, theirs("is not a regular file but %s", before.Mode().Type())
	}
	f, err := b.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, err
		case errors.Is(err, fs.ErrPermission):
			return nil, nil, errShut{err} // evidence that we may not even copy is not ours to destroy
		}
		return nil, nil, theirs("cannot be opened: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !os.SameFile(before, info):
		err = theirs("was replaced while it was opened")
	case links(info) != 1:
		err = theirs("has %d links, want one", links(info))
	default:
		return f, info, nil
	}
	return nil, nil, errors.Join(err, f.Close())
}

func links(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}

// small reads a sidecar.
func (b *dropbox) small(name string) ([]byte, os.FileInfo, error) {
	f, info, err := b.regular(name)
	if wrong := (errTheirs{}); errors.As(err, &wrong) {
		err = theirs("sidecar %w", wrong.error)
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, files.MaxSidecar+1))
	if err != nil {
		return nil, nil, theirs("sidecar cannot be read: %w", err)
	}
	return text, info, nil
}

// readOut reads the file into memory, hashed: that is what is judged and copied, whatever an
// open handle still writes into the original. Of a file that is too large there is the
// first part.
func (t *taken) readOut(memory *[]byte) ([]byte, error) {
	f, _, err := t.box.regular(t.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A file with holes takes no room in its dropbox, but its copy does here.
	if t.box.copied.Load() > maxCopied {
		return nil, errShut{fmt.Errorf("has more than %d bytes; the others wait for the next run", maxCopied)}
	}
	limit := MaxFileSize
	if t.table == alerts {
		limit = maxAlerts
	}
	n, err := io.ReadFull(f, (*memory)[:limit+1])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	data, sum := (*memory)[:n], sha256.Sum256((*memory)[:n])
	t.sha256 = hex.EncodeToString(sum[:])
	t.box.copied.Add(int64(n))
	if n > limit {
		return data[:maxEvidence], theirs("has more than %d bytes; only its first part is kept", limit)
	}
	return data, nil
}

// copying is memory for a file, and a byte more.
var copying = sync.Pool{New: func() any { b := make([]byte, MaxFileSize+1); return &b }}

// copyTo writes a new file; the caller brings it onto the disk.
func copyTo(path string, from io.Reader) (size int64, sum string, err error) {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, "", err
	}
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(to, h), from)
	if err = errors.Join(err, to.Close()); err != nil {
		return 0, "", err
	}
	return size, hex.EncodeToString(h.Sum(nil)), nil
}
