package originals

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"

	"mtric.net/mtric/engine/files"
)

// maxWindow is the window of a pack's compression: what every decoder of zstd takes
// (RFC 8878 section 3.1.1.1.2).
const maxWindow = 8 << 20

// Pack is an open pack: a tar archive, compressed by zstd, whose first member is the
// index and whose others are those of the index, in its order.
type Pack struct {
	Entries []Entry

	path   string
	file   *os.File
	zstd   *zstd.Decoder
	tar    *tar.Reader
	next   int
	memory []byte
}

// Open reads the index of a pack. Whatever it reads is bounded; the caller closes it.
func Open(path string) (*Pack, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	p := &Pack{path: path, file: file}
	if err := p.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("pack %s: %w", path, err), p.Close())
	}
	return p, nil
}

func (p *Pack) open() (err error) {
	p.zstd, err = zstd.NewReader(p.file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	p.tar = tar.NewReader(p.zstd)
	text, err := p.member(indexName, maxIndex, nil)
	if err == nil {
		p.Entries, err = parseIndex(text)
	}
	return err
}

// member reads the next member, which must be of that name, into memory that is large
// enough or new.
func (p *Pack) member(name string, most int64, memory []byte) ([]byte, error) {
	h, err := p.tar.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: %w", name, io.ErrUnexpectedEOF)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case h.Name != name || h.Typeflag != tar.TypeReg || h.Size > most:
		return nil, fmt.Errorf("member %.100q of type %q and %d bytes, want the file %s of at most %d", h.Name, h.Typeflag, h.Size, name, most)
	}
	data := slices.Grow(memory[:0], int(h.Size))[:h.Size]
	if _, err := io.ReadFull(p.tar, data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

// Next returns the next member, held against the index; io.EOF is the end. The data are
// valid until the next call.
func (p *Pack) Next() (Entry, []byte, error) {
	if p.next == len(p.Entries) {
		switch h, err := p.tar.Next(); {
		case err == nil:
			return Entry{}, nil, fmt.Errorf("pack %s: member %.100q is not in its index", p.path, h.Name)
		case !errors.Is(err, io.EOF):
			return Entry{}, nil, fmt.Errorf("pack %s: %w", p.path, err)
		}
		if _, err := io.Copy(io.Discard, io.LimitReader(p.zstd, 1<<20)); err != nil { // up to the checksum
			return Entry{}, nil, fmt.Errorf("pack %s: %w", p.path, err)
		}
		return Entry{}, nil, io.EOF
	}
	e := p.Entries[p.next]
	p.next++
	data, err := p.member(e.Name, e.Size, p.memory)
	if err != nil {
		return e, nil, fmt.Errorf("pack %s: %w", p.path, err)
	}
	p.memory = data
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 || int64(len(data)) != e.Size {
		return e, nil, fmt.Errorf("pack %s: %s is not what the index says: %d bytes, sha256 %x", p.path, e.Name, len(data), sum)
	}
	return e, data, nil
}

// Close closes the pack.
func (p *Pack) Close() error {
	if p.zstd != nil {
		p.zstd.Close()
	}
	if err := p.file.Close(); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return nil
}

// ReadIndex is the index of a pack.
func ReadIndex(path string) ([]Entry, error) {
	p, err := Open(path)
	if err != nil {
		return nil, err
	}
	return p.Entries, p.Close()
}

// Verify reads a pack to its end: every member is what the index says, and the whole is
// what its sidecar says.
func Verify(path string) ([]Entry, error) {
	if err := files.CheckSidecar(path); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return readBack(path)
}

func readBack(path string) (entries []Entry, err error) {
	p, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for {
		_, _, err := p.Next()
		if errors.Is(err, io.EOF) {
			return p.Entries, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
