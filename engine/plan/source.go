package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// MaxFileSize is how many bytes a plan file may have.
const MaxFileSize = 1 << 20

// Bounds on what is read: a plan may come from anybody, and hcl's recursive
// parser would overflow the stack on 100,000 parentheses.
const (
	mostFiles     = 256     // of one directory
	mostTotal     = 4 << 20 // bytes of all files
	mostDepth     = 100     // of brackets, braces, quotes and templates
	mostOperators = 5000    // of one attribute; a chain of operators nests as well
	mostDigits    = 32      // of one number
)

// Dir is a directory of plan files. Name stands before the file names in
// messages; FS is all that the plan's functions can read.
type Dir struct {
	Name string
	FS   fs.FS
}

// file is one parsed plan file; body holds what could be parsed.
type file struct {
	dir  int // index into the overlaid directories
	name string
	body *hclsyntax.Body
}

// readDir reads and parses the plan files and variable files of directory n,
// by name, so that no order of the file system shows.
func (l *loader) readDir(n int) (plans, vars []file) {
	d := l.dirs[n]
	entries, err := fs.ReadDir(d.FS, ".")
	if err != nil {
		l.unreadable(d.Name, err)
		return nil, nil
	}
	seen := 0
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".hcl") || strings.HasPrefix(name, ".") ||
			strings.HasSuffix(name, ".test.hcl") {
			continue
		}
		if info, err := fs.Stat(d.FS, name); err == nil && info.IsDir() {
			continue
		}
		if seen++; seen > mostFiles {
			l.errorf(hcl.Range{Filename: d.Name}, "Spread the plan over fewer files.",
				"more than %d plan files in one directory", mostFiles)
			break
		}
		full := path.Join(d.Name, name)
		src, err := readBounded(d.FS, name)
		if err != nil {
			l.unreadable(full, err)
			continue
		}
		if body := l.parse(src, full); body != nil {
			f := file{dir: n, name: full, body: body}
			if strings.HasSuffix(name, ".auto.vars.hcl") {
				vars = append(vars, f)
			} else {
				plans = append(plans, f)
			}
		}
	}
	return plans, vars
}

// unreadable reports a file or directory that cannot be read, with the reason of the system.
func (l *loader) unreadable(name string, err error) {
	remedy := "Check the path and its permissions."
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "Check the spelling of the path."
	case errors.Is(err, errFileSize):
		remedy = "Split it into several files."
	case errors.Is(err, syscall.ELOOP):
		remedy = "The symbolic link leads back to itself; replace it by the file."
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // the path is printed already
	}
	l.errorf(hcl.Range{Filename: name}, remedy, "cannot be read: %v", err)
}

var errFileSize = fmt.Errorf("larger than %d bytes", MaxFileSize)

// readBounded reads a regular file of at most MaxFileSize.
func readBounded(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file") // opening a pipe would wait for ever
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(src) > MaxFileSize {
		return nil, errFileSize
	}
	return src, nil
}

// parse checks src against the bounds and parses it, keeping what is
// parsable; nil where it may not even be given to the parser.
func (l *loader) parse(src []byte, name string) *hclsyntax.Body {
	l.sources[name] = src
	if l.total += len(src); l.total > mostTotal {
		l.errorf(hcl.Range{Filename: name}, "Keep data out of plans.", "the plan's files have more than %d bytes together", mostTotal)
		return nil
	}
	if d := unfit(src, name); d != nil {
		l.diags = append(l.diags, d)
		return nil
	}
	f, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	for _, d := range diags[:min(len(diags), mostReports)] {
		l.syntax = append(l.syntax, ownSyntax(d, src))
	}
	if f == nil {
		return nil
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	return body
}

// unfit says why src must not reach the parser, nil if it may.
func unfit(src []byte, name string) *hcl.Diagnostic {
	at := func(pos int, summary, detail string) *hcl.Diagnostic {
		before := src[:pos]
		start := hcl.Pos{
			Line:   bytes.Count(before, []byte{'\n'}) + 1,
			Column: utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1,
			Byte:   pos,
		}
		end := start
		end.Byte, end.Column = pos+1, start.Column+1
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail,
			Subject: &hcl.Range{Filename: name, Start: start, End: end}}
	}
	if len(src) > MaxFileSize {
		return at(0, fmt.Sprintf("file larger than %d bytes", MaxFileSize), "Split it into several files.")
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		return at(i, "NUL byte in a plan file", "Plan files are text; is this another kind of file?")
	}
	if !utf8.Valid(src) {
		i := 0
		for r, n := utf8.DecodeRune(src); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(src[i:]) {
			i += n
		}
		return at(i, "not UTF-8", "Save the file as UTF-8.")
	}
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos) // the parser reports what the lexer finds
	return tooDeep(tokens)
}

// tooDeep finds nesting and chains that would take the recursive parser, or
// the evaluation of its tree, too deep.
func tooDeep(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	var blocks []bool // of each open bracket: is it the brace of a block?
	operators := 0
	last := hclsyntax.TokenNewline
	refuse := func(t hclsyntax.Token, summary, detail string) *hcl.Diagnostic {
		return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: t.Range.Ptr()}
	}
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			block := t.Type == hclsyntax.TokenOBrace && (last == hclsyntax.TokenIdent || last == hclsyntax.TokenCQuote)
			blocks = append(blocks, block)
			operators++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(blocks) > 0 {
				blocks = blocks[:len(blocks)-1]
			}
		case hclsyntax.TokenNewline:
			if !slices.Contains(blocks, false) {
				operators = 0 // the end of an attribute
			}
		case hclsyntax.TokenNumberLit:
			_, exponent, _ := strings.Cut(strings.ToLower(string(t.Bytes)), "e")
			if len(t.Bytes) > mostDigits || len(strings.TrimLeft(exponent, "+-0")) > 2 {
				return refuse(t, "number out of range", "No number of a plan needs that many digits.")
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenComma, hclsyntax.TokenEqual, hclsyntax.TokenComment,
			hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenEOF:
		default:
			operators++
		}
		if len(blocks) > mostDepth {
			return refuse(t, fmt.Sprintf("nested more than %d deep", mostDepth), "Give parts of it names in a locals block.")
		}
		if operators > mostOperators {
			return refuse(t, fmt.Sprintf("more than %d operators and brackets in one attribute", mostOperators),
				"Give parts of it names in a locals block.")
		}
		last = t.Type
	}
	return nil
}
