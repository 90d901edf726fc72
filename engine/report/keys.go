package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// deepest bounds how deep a report is nested.
const deepest = 100

// checkKeys refuses an object with a key that stands twice, or with one that could be taken
// for another: encoding/json takes the last of two and does not mind case, others read
// otherwise.
func checkKeys(text []byte) error {
	type object struct {
		keys map[string]bool // nil: a list
		key  bool            // a key comes next
	}
	var open []object
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil // whether it is whole, the decoder says
		}
		if err != nil {
			return err
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].keys != nil {
			if o := &open[n-1]; o.key {
				if err := checkKey(token.(string), o.keys); err != nil {
					return err
				}
				o.key = false
				continue
			}
			open[n-1].key = true // after this value
		}
		if len(open) == deepest {
			return fmt.Errorf("more than %d objects and lists deep", deepest)
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{map[string]bool{}, true})
		case json.Delim('['):
			open = append(open, object{})
		}
	}
}

func checkKey(key string, others map[string]bool) error {
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return fmt.Errorf("key %.100q: want lower-case letters, digits and _ only", key)
	}
	if others[key] {
		return fmt.Errorf("key %.100q stands twice in an object", key)
	}
	others[key] = true
	return nil
}
