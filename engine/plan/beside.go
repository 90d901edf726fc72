package plan

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// byteOrderMark stands at the start of what some editors save as UTF-8.
var byteOrderMark = []byte("\ufeff")

// beside reads a file that a function names, of the plan's own directory, without a
// byte order mark.
func beside(fsys fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, function.NewArgErrorf(0, "%q is no path within the plan's directory; put the file beside this one", name)
	}
	src, err := readBounded(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, function.NewArgErrorf(0, "there is no file %s; put it beside this one", name)
	}
	if err != nil {
		return nil, function.NewArgError(0, err)
	}
	return bytes.TrimPrefix(src, byteOrderMark), nil
}

// mostLines is how many lines a file may have that a plan reads: one for each block of
// a for_each.
const mostLines = mostInstances

// linesFunc reads a list from a file of the plan: its lines without blanks around them,
// but for empty ones and those that begin with #.
func linesFunc(fsys fs.FS) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{text("file")},
		Type:   function.StaticReturnType(cty.List(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			src, err := beside(fsys, name)
			if err != nil {
				return cty.NilVal, err
			}
			if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
				return cty.NilVal, function.NewArgErrorf(0, "%s is no text; save it as UTF-8", name)
			}
			var all []cty.Value
			for line := range strings.Lines(string(src)) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					all = append(all, cty.StringVal(line))
				}
			}
			switch {
			case len(all) == 0:
				return cty.ListValEmpty(cty.String), nil
			case len(all) > mostLines:
				return cty.NilVal, function.NewArgErrorf(0, "%s has %d lines; at most %d are read, keep data out of plans", name, len(all), mostLines)
			}
			return cty.ListVal(all), nil
		},
	})
}
