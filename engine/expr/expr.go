// Package expr compiles the expressions in CEL that plans hold, and says of each mistake
// where in the text it stands and how it is mended. What an expression sees, what it may
// cost and what comes of it is of the packages that evaluate it: alert and expect.
package expr

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/parser"

	"mtric.net/mtric/engine/diag"
)

// Scope is what the expressions of one kind may name, and how their mistakes are mended.
type Scope struct {
	Env     *cel.Env             // with a variable for each of Fields
	Fields  map[string]*cel.Type // by full name, "window.sent"; what stands before a dot is an object
	Objects []string             // the names of all objects that may be there
	Labels  []string             // names that stand alone
	Methods map[string]string    // functions of an object, and that object
	Element Element              // what lists have
	Unread  []string             // objects that may have fields which could not be read: of these none is missed

	// Remedies. Functions is of a function that is not there, Absent says what to do instead
	// of has() of a field of an object, Name what can be named instead of that name.
	Bool, Types, Constant, Functions string
	Absent, Name                     func(name string) string
}

// Element is the values with fields that are in lists; the zero value is none.
type Element struct {
	What   string // "a record"
	Fields []string
}

// Mistake is what is wrong with bytes [From, To) of an expression, and how to mend it.
type Mistake struct {
	From, To        int
	Summary, Remedy string
}

// Compiled is an expression without mistakes.
type Compiled struct {
	*cel.Ast
	Text  string
	Reads map[string]bool // full names of fields and labels
}

// Compile compiles an expression of the wanted type, nil for any. Without mistakes there
// is one, unless it names a field of what could not be read.
func (s *Scope) Compile(text string, want *cel.Type) (*Compiled, []Mistake) {
	c := compiling{Scope: s, text: text}
	parsed, issues := s.Env.Parse(text)
	if issues.Err() != nil {
		// One broken place gives many errors, and the first is the one to mend.
		c.issue(issues.Errors()[0], "Mend the CEL; strings stand in single quotes.")
		return nil, c.mistakes
	}
	reads := c.names(parsed)
	if len(c.mistakes) > 0 || c.unread {
		return nil, c.mistakes
	}
	checked, issues := s.Env.Check(parsed)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			c.typed(e)
		}
		return nil, c.mistakes
	}
	if got := checked.OutputType(); want != nil && !got.IsExactType(want) {
		c.mistake(0, len(text), fmt.Sprintf("expr is %s, not true or false", got), s.Bool)
		return nil, c.mistakes
	}
	return &Compiled{Ast: checked, Text: text, Reads: reads}, nil
}

// Program makes an expression ready to be evaluated; the mistake is a constant that
// cannot be computed.
func (s *Scope) Program(e *Compiled, options ...cel.ProgramOption) (cel.Program, *Mistake) {
	p, err := s.Env.Program(e.Ast, options...)
	if err != nil {
		return nil, s.constant(e, options, err)
	}
	return p, nil
}

// constant finds a constant that cannot be computed, duration('3 minutes'): CEL does not
// say where that is, so the innermost call is looked for of which no program can be made
// either.
func (s *Scope) constant(e *Compiled, options []cel.ProgramOption, why error) *Mistake {
	from, to, found := 0, len(e.Text), false
	tree := e.NativeRep()
	celast.PostOrderVisit(tree.Expr(), celast.NewExprVisitor(func(x celast.Expr) {
		if x.Kind() != celast.CallKind || found {
			return
		}
		for _, arg := range slices.Backward(x.AsCall().Args()) {
			if arg.Kind() != celast.LiteralKind {
				continue
			}
			part, err := parser.Unparse(x, tree.SourceInfo())
			if err != nil {
				return
			}
			alone, issues := s.Env.Compile(part)
			if issues.Err() != nil {
				return
			}
			if _, err := s.Env.Program(alone, options...); err != nil {
				found, why = true, err
				from, to = e.Place(arg.ID())
			}
			return
		}
	}))
	return &Mistake{from, to, fmt.Sprintf("a constant that cannot be: %v", why), s.Constant}
}

// Place is the bytes of the expression at which a node stands.
func (e *Compiled) Place(id int64) (from, to int) { return placeOf(e.Text, e.Ast, id) }

// placeOf is Place; CEL counts runes.
func placeOf(text string, ast *cel.Ast, id int64) (from, to int) {
	r, ok := ast.NativeRep().SourceInfo().GetOffsetRange(id)
	if !ok {
		return 0, len(text)
	}
	return byteOf(text, int(r.Start)), byteOf(text, int(r.Stop))
}

func byteOf(s string, runes int) int {
	at := 0
	for range runes {
		if at >= len(s) {
			break
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}

// Meant is "Did you mean …? " where a known name is near to the given one, else empty.
func Meant(given string, known []string) string {
	if best, ok := diag.Nearest(given, known); ok {
		return fmt.Sprintf("Did you mean %q? ", best)
	}
	return ""
}

// under are the names after "object." of the fields, sorted.
func (s *Scope) under(object string) []string {
	var all []string
	for name := range s.Fields {
		if rest, ok := strings.CutPrefix(name, object+"."); ok {
			all = append(all, rest)
		}
	}
	slices.Sort(all)
	return all
}
