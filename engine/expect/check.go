package expect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/expr"
	"mtric.net/mtric/engine/measurement"
)

// vocabulary is the words that a text can be.
type vocabulary struct {
	what string
	is   func(word string) bool
	all  func() []string
}

var (
	rcodes   = vocabulary{"rcode", isRCode, dnsmsg.RCodes}
	qtypes   = vocabulary{"record type", func(word string) bool { return isType(word) || word == "ANY" }, dnsmsg.Types}
	kinds    = vocabulary{"record type", isType, dnsmsg.Types}
	asked    = vocabulary{"record type", func(word string) bool { t, ok := dnsmsg.TypeOf(word); return ok && isType(dnsmsg.TypeText(t)) }, dnsmsg.Types}
	sections = vocabulary{"section", func(word string) bool { _, ok := dnsmsg.SectionOf(word); return ok }, dnsmsg.Sections}
	families = closed("family", measurement.Strings(measurement.Families))
	over     = closed("transport", measurement.Strings(measurement.Transports))
)

func closed(what string, words []string) vocabulary {
	return vocabulary{what, func(word string) bool { return slices.Contains(words, word) }, func() []string { return words }}
}

// vocabularies are those of fields.
var vocabularies = map[string]vocabulary{"answer.rcode": rcodes, "query.qtype": qtypes, "family": families, "transport": over}

// isRCode says whether answer.rcode can be that.
func isRCode(word string) bool {
	number, is := strings.CutPrefix(word, "RCODE")
	n, err := strconv.ParseUint(number, 10, 12)
	return slices.Contains(dnsmsg.RCodes(), word) || is && err == nil && dnsmsg.RCodeText(int(n)) == word
}

// isType says whether the type of a record can be that.
func isType(word string) bool {
	t, known := dnsmsg.TypeOf(word)
	return slices.Contains(dnsmsg.Types(), word) || known && strings.HasPrefix(word, "TYPE") && dnsmsg.TypeText(t) == word
}

// checked looks at what compiles and is wrong all the same: words that no response can
// have, patterns that are none, and what costs more than is metered.
func checked(e *expr.Compiled) []expr.Mistake {
	c := &checker{Compiled: e}
	celast.PostOrderVisit(e.NativeRep().Expr(), celast.NewExprVisitor(func(x celast.Expr) {
		switch x.Kind() {
		case celast.MapKind, celast.StructKind:
			c.mistake(x, "no objects are made here", "Use what answer, query and server have.")
		case celast.CallKind:
			c.call(x.AsCall(), x)
		}
	}))
	slices.SortStableFunc(c.mistakes, func(a, b expr.Mistake) int { return a.From - b.From })
	return c.mistakes
}

type checker struct {
	*expr.Compiled
	mistakes []expr.Mistake
}

func (c *checker) mistake(at celast.Expr, summary, remedy string) {
	from, to := c.Place(at.ID())
	c.mistakes = append(c.mistakes, expr.Mistake{From: from, To: to, Summary: summary, Remedy: remedy})
}

func (c *checker) call(call celast.CallExpr, x celast.Expr) {
	args := call.Args()
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		c.scalar(args[0])
		c.scalar(args[1])
		c.word(args[1], c.vocabularyOf(args[0]))
		c.word(args[0], c.vocabularyOf(args[1]))
	case operators.Add:
		if c.typeOf(args[0]) == types.ListKind && !ofMacro(args[0]) {
			c.mistake(x, "lists are not joined here", "Ask each of them.")
		}
	case operators.In:
		c.scalar(args[0])
		if args[1].Kind() == celast.ListKind {
			for _, element := range args[1].AsList().Elements() {
				c.word(element, c.vocabularyOf(args[0]))
			}
		}
	case "records":
		c.word(args[0], &sections)
		c.word(args[1], &asked)
	case overloads.Matches:
		if text, ok := literal(args[0]); ok {
			if p := patternOf(text); p.err != nil {
				c.mistake(args[0], p.err.Error(), "Patterns are RE2 (https://github.com/google/re2/wiki/Syntax); a backslash is written twice.")
			}
		}
	}
}

func (c *checker) typeOf(x celast.Expr) types.Kind { return c.NativeRep().GetType(x.ID()).Kind() }

// ofMacro says whether a list is what a macro gathers; no text can name it.
func ofMacro(list celast.Expr) bool {
	return list.Kind() == celast.IdentKind && strings.HasPrefix(list.AsIdent(), "@")
}

// scalar refuses to compare what is no plain value: how long that takes is not metered.
func (c *checker) scalar(x celast.Expr) {
	switch c.typeOf(x) {
	case types.StringKind, types.IntKind, types.BoolKind:
	default:
		c.mistake(x, "only texts, numbers and true or false are compared", "Use size(), exists() or all() of a list, and the fields of a record.")
	}
}

// vocabularyOf is that of what is read there; nil of any text.
func (c *checker) vocabularyOf(x celast.Expr) *vocabulary {
	if known := c.NativeRep().ReferenceMap()[x.ID()]; known != nil {
		if v, ok := vocabularies[known.Name]; ok {
			return &v
		}
	}
	if x.Kind() == celast.SelectKind && x.AsSelect().FieldName() == "type" && c.NativeRep().GetType(x.AsSelect().Operand().ID()).IsExactType(recordType) {
		return &kinds
	}
	return nil
}

// word refuses a literal that is not of the vocabulary.
func (c *checker) word(x celast.Expr, of *vocabulary) {
	text, ok := literal(x)
	if of == nil || !ok || of.is(text) {
		return
	}
	remedy := expr.Meant(text, of.all())
	if all := of.all(); len(all) <= 12 {
		remedy += "There are: " + strings.Join(all, ", ") + "."
	} else if remedy == "" {
		remedy = fmt.Sprintf("Write one as dig prints it: %s.", examples[of.what])
	}
	c.mistake(x, fmt.Sprintf("no %s %q", of.what, text), strings.TrimSpace(remedy))
}

var examples = map[string]string{"rcode": "NOERROR, NXDOMAIN, SERVFAIL, REFUSED, RCODE99", "record type": "SOA, TXT, DNSKEY, TYPE999"}

func literal(x celast.Expr) (string, bool) {
	if x.Kind() != celast.LiteralKind {
		return "", false
	}
	text, ok := x.AsLiteral().(types.String)
	return string(text), ok
}
