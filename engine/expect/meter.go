package expect

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// Bounds of a pattern. It may be a server's own text.
const (
	maxPattern = 1024 // bytes
	maxSteps   = 2048 // of the machine that it becomes, about
)

// meter says what a call costs. CEL's own prices are no use: they know the length of a
// text by counting its characters, for free.
type meter struct{}

// perUnit is how many octets of texts, or steps of a pattern, go into a unit.
const perUnit = 64

// CallCost is part of interpreter.ActualCostEstimator.
func (meter) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	cost := uint64(1)
	for _, arg := range args {
		switch arg := arg.(type) {
		case types.String:
			cost += uint64(len(arg)) / perUnit
		case answer: // records
			cost += uint64(len(arg.of.message.Records))
		case traits.Lister:
			if n, ok := arg.Size().(types.Int); ok && function == operators.In {
				cost += uint64(n)
			}
		}
	}
	if function == overloads.Matches {
		text, ok := args[0].(types.String)
		pattern, is := args[1].(types.String)
		if ok && is {
			steps := uint64(patternOf(string(pattern)).steps)
			cost += steps/4 + uint64(len(text))*steps/perUnit
		}
	}
	return &cost
}

// pattern is a compiled one, or why it is none.
type pattern struct {
	*regexp.Regexp
	steps int
	err   error
}

// patterns are those of late. An expression has few, of each server one perhaps.
var patterns struct {
	sync.Mutex
	of map[string]*pattern
}

const mostPatterns = 128

// patternOf compiles a pattern within bounds.
func patternOf(text string) *pattern {
	patterns.Lock()
	defer patterns.Unlock()
	if p := patterns.of[text]; p != nil {
		return p
	}
	if len(patterns.of) >= mostPatterns || patterns.of == nil {
		patterns.of = map[string]*pattern{}
	}
	p := newPattern(text)
	patterns.of[strings.Clone(text)] = p // not a part of a response
	return p
}

func newPattern(text string) *pattern {
	if len(text) > maxPattern {
		return &pattern{steps: maxSteps, err: fmt.Errorf("a pattern of more than %d bytes", maxPattern)}
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return &pattern{steps: maxSteps, err: fmt.Errorf("no pattern: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))}
	}
	p := &pattern{steps: steps(tree)}
	if p.steps > maxSteps {
		p.err = fmt.Errorf("a pattern of more than %d steps", maxSteps)
		return p
	}
	p.Regexp, p.err = regexp.Compile(text)
	return p
}

// steps is about how many a pattern has once its repetitions are written out, at most one
// more than maxSteps.
func steps(tree *syntax.Regexp) int {
	n := 1 + len(tree.Rune)
	for _, sub := range tree.Sub {
		n = min(n+steps(sub), maxSteps+1)
	}
	if tree.Op == syntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return min(n, maxSteps+1)
}

// matches is text.matches(pattern), RE2 as Go has it.
func matches(text, of string) ref.Val {
	p := patternOf(of)
	if p.err != nil {
		return types.WrapErr(p.err)
	}
	if uint64(len(text))*uint64(p.steps)/perUnit > Units { // it is metered when it is done, too late
		return types.WrapErr(errTooDear)
	}
	return types.Bool(p.MatchString(text))
}
