package originals

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"mtric.net/mtric/engine/files"
)

// write makes a pack of members, which are in order, and returns its size in bytes. When
// it returns, the pack was read back and is on the disk under its name.
func (p *Packer) write(path string, members []member) (size int64, err error) {
	name := filepath.Base(path)
	if err := p.step("write %s", name); err != nil {
		return 0, err
	}
	entries := make([]Entry, len(members))
	newest := members[0].put
	for i, m := range members {
		entries[i] = m.Entry
		if m.put.After(newest) {
			newest = m.put
		}
	}
	number(entries)
	index, err := writeIndex(entries)
	if err != nil {
		return 0, err
	}
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return 0, fmt.Errorf("pack: %w", err)
	}
	defer func() { err = errors.Join(err, cleanup(f)) }()
	if err := archive(f, index, newest, members); err != nil {
		return 0, fmt.Errorf("pack %s: %w", path, err)
	}
	// Retention and Since go by it: what is packed has not come anew.
	if err := errors.Join(f.Sync(), os.Chtimes(f.Name(), newest, newest)); err != nil {
		return 0, fmt.Errorf("pack: %w", err)
	}
	sum, err := p.proved(f.File, index)
	if err != nil {
		return 0, err
	}
	if err := p.step("sidecar %s", name); err != nil {
		return 0, err
	}
	if err := writeSidecar(path, sum); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("pack: %w", err)
	}
	if err := p.step("name %s", name); err != nil {
		return 0, err
	}
	if err := publish(f.Name(), path); err != nil {
		return 0, err
	}
	if err := p.step("sync %s", name); err != nil {
		return 0, err
	}
	return info.Size(), syncDir(filepath.Dir(path))
}

func writeSidecar(path, sum string) (err error) {
	sidecar := files.Sidecar(path)
	f, err := renameio.NewPendingFile(sidecar, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	defer func() { err = errors.Join(err, cleanup(f)) }()
	_, err = f.WriteString(sum + "  " + filepath.Base(path) + "\n")
	if err := errors.Join(err, f.Sync()); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return publish(f.Name(), sidecar)
}

// publish gives a file its name, which nothing must have: a pack is never written over. The
// file was synced.
func publish(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		err = os.Link(from, to) // NFS cannot rename so; cleanup removes the other name
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", to, err)
	}
	return nil
}

// cleanup closes a file and removes it where publish has not renamed it.
func cleanup(f *renameio.PendingFile) error {
	if err := f.Cleanup(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pack: %w", err)
	}
	return nil
}

// archive writes the text of a pack.
func archive(to io.Writer, index []byte, newest time.Time, members []member) error {
	z, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(maxWindow),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	put := func(name string, at time.Time, data []byte) error {
		err := t.WriteHeader(&tar.Header{Format: tar.FormatPAX, Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o644, ModTime: at.Truncate(time.Second)})
		if err == nil {
			_, err = t.Write(data)
		}
		return err
	}
	err = put(indexName, newest, index)
	var memory bytes.Buffer
	for i := range members {
		if err != nil {
			break
		}
		m := &members[i]
		if err = m.read(&memory); err == nil {
			err = put(m.Name, m.copied, memory.Bytes())
		}
	}
	if err == nil {
		err = t.Close()
	}
	return errors.Join(err, z.Close())
}

// read reads the file again. Reading back tells where it is not what it was.
func (m *member) read(to *bytes.Buffer) error {
	f, err := os.Open(m.path)
	if err != nil {
		return err
	}
	defer f.Close()
	to.Reset()
	if _, err := to.ReadFrom(io.LimitReader(f, m.Size+1)); err != nil {
		return err
	}
	if int64(to.Len()) != m.Size {
		return fmt.Errorf("%s changed while it was packed", m.Name)
	}
	return nil
}

// proved reads a pack back, from the disk where that can be had, and returns its sum.
func (p *Packer) proved(f *os.File, index []byte) (sum string, err error) {
	if err := p.step("read back"); err != nil {
		return "", err
	}
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // a file system that cannot reads from memory
	entries, err := readBack(f.Name())
	if err != nil {
		return "", err
	}
	if found, err := writeIndex(entries); err != nil || !bytes.Equal(found, index) {
		return "", errors.Join(fmt.Errorf("pack %s: read back, its index is another", f.Name()), err)
	}
	if sum, err = files.Sum(f.Name()); err != nil {
		return "", fmt.Errorf("pack: %w", err)
	}
	return sum, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("originals: %w", err)
	}
	return nil
}
