package atlas

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// objects hands out the objects of a file of Atlas: an array, an object with the array
// "objects" or "results", or objects one after the other. Each is bounded by MaxLine.
func objects(r io.Reader, use func([]byte) error) error {
	text := bufio.NewReader(r)
	if err := passMark(text); err != nil {
		return err
	}
	in := &limited{r: text}
	d := json.NewDecoder(in)
	for {
		in.left = MaxLine
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('['):
			err = in.elements(d, use)
		case json.Delim('{'):
			err = in.members(d, use)
		default:
			err = fmt.Errorf("want an array or an object, not %.40v", token)
		}
		if err != nil {
			return noEOF(err)
		}
	}
}

// limited bounds what is read for one value.
type limited struct {
	r    io.Reader
	left int64
}

var errLong = fmt.Errorf("an object of more than %d bytes", MaxLine)

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// elements reads the elements of an array that has begun.
func (l *limited) elements(d *json.Decoder, use func([]byte) error) error {
	for d.More() {
		l.left = MaxLine
		var text json.RawMessage
		if err := d.Decode(&text); err != nil {
			return err
		}
		if err := use(text); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// members reads an object that has begun: one of the objects themselves, or what holds
// their array.
func (l *limited) members(d *json.Decoder, use func([]byte) error) error {
	own := map[string]json.RawMessage{}
	held := false
	for d.More() {
		l.left = MaxLine
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if name != "objects" && name != "results" {
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				return err
			}
			if len(own) < 200 {
				own[name] = value
			}
			continue
		}
		if token, err := d.Token(); err != nil || token != json.Delim('[') {
			return errors.Join(fmt.Errorf("%q is not an array", name), err)
		}
		held = true
		if err := l.elements(d, use); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil || held {
		return err
	}
	text, err := json.Marshal(own)
	if err != nil {
		return err
	}
	return use(text)
}
