package atlas

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// pendingFile keeps results for a second pass, each after its measurement.
type pendingFile struct {
	path string
	file *os.File
	out  *bufio.Writer
}

func (p *pendingFile) add(id int64, line []byte) (err error) {
	if p.file == nil {
		if p.file, err = os.Create(p.path); err != nil {
			return err
		}
		// Results have the addresses of probes: nothing of them stays in the lake's folder,
		// however the program ends.
		if err = os.Remove(p.path); err != nil {
			return errors.Join(err, p.close())
		}
		p.out = bufio.NewWriterSize(p.file, 1<<18)
	}
	head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(id)), uint64(len(line)))
	if _, err = p.out.Write(head); err == nil {
		_, err = p.out.Write(line)
	}
	return err
}

// reread reads the results again; nil where there are none.
func (p *pendingFile) reread() (func(line []byte) (int64, []byte, error), error) {
	if p.file == nil {
		return nil, nil
	}
	if err := p.out.Flush(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, p.close())
	}
	in := bufio.NewReaderSize(p.file, 1<<18)
	return func(line []byte) (int64, []byte, error) {
		id, err := binary.ReadUvarint(in)
		if err != nil {
			return 0, nil, err
		}
		size, err := binary.ReadUvarint(in)
		if err != nil || size > MaxLine {
			return 0, nil, errors.Join(errSpill, err)
		}
		if uint64(cap(line)) < size {
			line = make([]byte, size)
		}
		line = line[:size]
		_, err = io.ReadFull(in, line)
		return int64(id), line, noEOF(err)
	}, nil
}

func (p *pendingFile) close() error {
	if p.file == nil {
		return nil
	}
	f := p.file
	p.file = nil
	return f.Close()
}
