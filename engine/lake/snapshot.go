package lake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/column"
)

// SnapshotMarker lies in every snapshot and says what it is of.
const SnapshotMarker = "_snapshot.json"

// snapshotLeft is what a killed Snapshot leaves beside its folder: ".<folder>.<random>" and this.
const snapshotLeft = ".snapshot"

// Snapshot says what to copy. The zero value is the whole lake.
type Snapshot struct {
	Tables      []column.Table // none is all of them, and the plans
	From, Until time.Time      // days with labels in [From, Until); zero is no bound. Tables of one file are copied whole
	At          time.Time      // now; goes into the marker

	Link func(from, to string) error // makes a hard link; nil is os.Link
}

// Snapped is what Snapshot did.
type Snapped struct {
	Files       int   `json:"files"`
	Linked      int   `json:"linked"` // share their bytes with the lake, or with the snapshot before
	CopiedBytes int64 `json:"copied_bytes"`
}

// Snapshot makes dir a copy of the lake that no ingest changes. Files are hard links
// where the system allows it, else copies (on file systems with reflinks these take no
// room); one that has not changed since the snapshot before is linked from there. The
// caller holds LockShared, so that tables fit together.
//
// dir is new, empty or an earlier snapshot, which is replaced by one rename. A killed run
// leaves dir as it was.
func (s Store) Snapshot(ctx context.Context, dir string, what Snapshot) (Snapped, error) {
	done, err := s.snapshot(ctx, dir, what)
	if err != nil {
		return Snapped{}, fmt.Errorf("snapshot %s: %w", dir, err)
	}
	return done, nil
}

func (s Store) snapshot(ctx context.Context, dir string, what Snapshot) (done Snapped, err error) {
	if what.Link == nil {
		what.Link = os.Link
	}
	files, err := s.snapshotFiles(what)
	if err != nil {
		return done, err
	}
	if dir, err = s.SnapshotFolder(dir); err != nil {
		return done, err
	}
	var building string
	var lock *flock.Flock
	if err := alone(ctx, dir, func() (err error) { building, lock, err = beginSnapshot(dir); return err }); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(building), lock.Unlock()) }()
	for _, name := range files {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		if err := done.add(what.Link, filepath.Join(s.Dir, name), filepath.Join(dir, name), filepath.Join(building, name)); err != nil {
			return done, err
		}
	}
	if err := errors.Join(s.writeMarker(building, what, done), openFolders(building)); err != nil {
		return done, err
	}
	return done, alone(ctx, dir, func() error { return replaceFolder(building, dir) })
}

// alone runs f while no other snapshot beside dir is begun or put into its place.
func alone(ctx context.Context, dir string, f func() error) error {
	lock := flock.New(filepath.Dir(dir), flock.SetFlag(os.O_RDONLY))
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return fmt.Errorf("lock %s: %w", filepath.Dir(dir), err)
	}
	return errors.Join(f(), lock.Unlock())
}

// beginSnapshot makes the folder to build in, which no other run sweeps away while it is locked.
func beginSnapshot(dir string) (building string, lock *flock.Flock, err error) {
	if err := sweepSnapshots(dir); err != nil {
		return "", nil, err
	}
	building, err = os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*"+snapshotLeft)
	if err != nil {
		return "", nil, err
	}
	lock = flock.New(building, flock.SetFlag(os.O_RDONLY))
	if held, err := lock.TryLock(); err != nil || !held {
		return "", nil, errors.Join(fmt.Errorf("lock %s: %w", building, cmp.Or(err, ErrLocked)), os.RemoveAll(building))
	}
	return building, lock, nil
}

// snapshotFiles are the names of the files to copy, below the lake's folder.
func (s Store) snapshotFiles(what Snapshot) ([]string, error) {
	var names []string
	tables := what.Tables
	if len(tables) == 0 {
		tables = column.Tables
		plans, err := fs.Glob(os.DirFS(s.Dir), "plans/*.json")
		if err != nil {
			return nil, err
		}
		names = append(names, plans...)
	}
	for _, table := range tables {
		if !table.Daily() {
			found, err := fs.Glob(os.DirFS(s.Dir), fmt.Sprintf("%s/%[1]s.parquet", table))
			if err != nil {
				return nil, err
			}
			names = append(names, found...)
			continue
		}
		days, err := s.Days(table, what.From, what.Until)
		if err != nil {
			return nil, err
		}
		for _, d := range days {
			name, err := filepath.Rel(s.Dir, d.Path)
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// SnapshotFolder is the folder with symbolic links resolved, or why no snapshot must
// replace it.
func (s Store) SnapshotFolder(dir string) (string, error) {
	given := dir
	dir, err := resolved(dir)
	if err != nil {
		return "", err
	}
	lakeDir, err := resolved(s.Dir)
	if err != nil {
		return "", err
	}
	if inside, err := filepath.Rel(lakeDir, dir); err == nil && filepath.IsLocal(inside) {
		return "", fmt.Errorf("%s lies in the lake %s, which only ingest writes; choose another folder", given, s.Dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, SnapshotMarker)); len(entries) > 0 && err != nil {
		return "", fmt.Errorf("%s is neither empty nor a snapshot (it lacks %s); choose another folder", given, SnapshotMarker)
	}
	return dir, nil
}

// resolved is the absolute path without symbolic links; the last part need not exist.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		parent, err := filepath.EvalSymlinks(filepath.Dir(path))
		return filepath.Join(parent, filepath.Base(path)), err
	}
	return real, err
}

// sweepSnapshots removes what killed runs left; a run that is at work holds its own.
func sweepSnapshots(dir string) error {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if match, err := filepath.Match("."+filepath.Base(dir)+".*"+snapshotLeft, e.Name()); err != nil || !match || !e.IsDir() {
			continue
		}
		left := filepath.Join(filepath.Dir(dir), e.Name())
		lock := flock.New(left, flock.SetFlag(os.O_RDONLY))
		if held, err := lock.TryLock(); err != nil || !held {
			continue
		}
		if err := errors.Join(os.RemoveAll(left), lock.Unlock()); err != nil {
			return err
		}
	}
	return nil
}

// add brings a file of the lake into the folder that is being built.
func (d *Snapped) add(link func(from, to string) error, from, before, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	d.Files++
	if link(from, to) == nil {
		d.Linked++
		return nil
	}
	// Another file system, or a file of another user's, which fs.protected_hardlinks keeps
	// from being linked.
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	was, err := os.Lstat(before)
	if err == nil && was.Size() == info.Size() && was.ModTime().Equal(info.ModTime()) && os.Link(before, to) == nil {
		d.Linked++
		return nil
	}
	d.CopiedBytes += info.Size()
	return copyFile(source, info, to)
}

// copyFile copies by copy_file_range, which shares extents where the file system can.
func copyFile(from *os.File, info fs.FileInfo, path string) error {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Chmod(info.Mode().Perm()), to.Close()); err != nil { // whatever the umask
		return err
	}
	return os.Chtimes(path, time.Time{}, info.ModTime())
}

func (s Store) writeMarker(dir string, what Snapshot, done Snapped) error {
	marker := struct {
		At     time.Time      `json:"at"`
		Lake   string         `json:"lake"`
		From   *time.Time     `json:"from,omitempty"`
		Until  *time.Time     `json:"until,omitempty"`
		Tables []column.Table `json:"tables,omitempty"`
		Files  int            `json:"files"`
	}{At: what.At.UTC(), Lake: s.Dir, Tables: what.Tables, Files: done.Files}
	if !what.From.IsZero() {
		marker.From = &what.From
	}
	if !what.Until.IsZero() {
		marker.Until = &what.Until
	}
	text, err := json.MarshalIndent(marker, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, SnapshotMarker)
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

// openFolders lets everybody into the folders, as into those of the lake: MkdirTemp and a umask
// keep them out.
func openFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}

// replaceFolder puts the folder in the other's place, and the other, if there is one, in
// its own: in one step where the file system can exchange two names.
func replaceFolder(from, to string) error {
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(from, to)
	}
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(to), "."+filepath.Base(to)+".*"+snapshotLeft)
	if err == nil {
		err = os.Rename(to, filepath.Join(aside, "before"))
	}
	if err == nil {
		err = os.Rename(from, to)
	}
	return errors.Join(err, os.RemoveAll(aside))
}
