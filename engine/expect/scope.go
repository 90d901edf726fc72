package expect

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"mtric.net/mtric/engine/expr"
)

// standard is what of CEL's own can be used: nothing of times, nothing whose cost is not
// bounded by what is metered (lists are joined for free, and compared at length).
var standard = &env.LibrarySubset{
	IncludeMacros: []string{operators.Has, operators.All, operators.Exists, operators.ExistsOne, operators.Filter, operators.Map},
	IncludeFunctions: []*env.Function{
		only(operators.LogicalAnd), only(operators.LogicalOr), only(operators.LogicalNot), only(operators.Conditional), only(operators.NotStrictlyFalse),
		only(operators.Equals), only(operators.NotEquals), only(operators.Less), only(operators.LessEquals), only(operators.Greater), only(operators.GreaterEquals),
		only(operators.Add, overloads.AddInt64, overloads.AddString, overloads.AddList), only(operators.Subtract, overloads.SubtractInt64),
		only(operators.Multiply, overloads.MultiplyInt64), only(operators.Divide, overloads.DivideInt64), only(operators.Modulo, overloads.ModuloInt64),
		only(operators.Negate, overloads.NegateInt64), only(operators.In, overloads.InList), only(operators.Index, overloads.IndexList),
		only(overloads.Size, overloads.SizeString, overloads.SizeStringInst, overloads.SizeList, overloads.SizeListInst),
		only(overloads.Contains), only(overloads.StartsWith), only(overloads.EndsWith),
		only(overloads.TypeConvertInt, overloads.StringToInt, overloads.IntToInt), only(overloads.TypeConvertString, overloads.IntToString, overloads.StringToString, overloads.BoolToString),
	},
}

func only(function string, some ...string) *env.Function {
	f := &env.Function{Name: function}
	for _, id := range some {
		f.Overloads = append(f.Overloads, &env.Overload{ID: id})
	}
	return f
}

// scope is what expressions may name; one for all plans.
var scope = sync.OnceValues(func() (*expr.Scope, error) {
	s := &expr.Scope{
		Fields: map[string]*cel.Type{}, Methods: map[string]string{"records": "answer"}, Element: expr.Element{What: "a record"},
		Bool:     "Compare it with something: answer.rcode == 'NXDOMAIN'.",
		Types:    "Texts stand in single quotes, numbers without; int('7') and string(7) convert.",
		Constant: "Numbers are written int('7').",
		Absent:   func(string) string { return "ask answer.has_serial or answer.has_nsid where there may be none." },
	}
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.EnableHiddenAccumulatorName(true), cel.CustomTypeProvider(provider{registry}), cel.StdLib(cel.StdLibSubset(standard)),
		cel.Variable("answer", answerType),
		cel.Function("records", cel.MemberOverload("answer_records", []*cel.Type{answerType, cel.StringType, cel.StringType}, cel.ListType(recordType), cel.FunctionBinding(recordsOf))),
		cel.Function(overloads.Matches, cel.MemberOverload(overloads.MatchesString, []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(text, pattern ref.Val) ref.Val {
				return matches(string(text.(types.String)), string(pattern.(types.String)))
			}))),
	}
	for _, f := range fields {
		s.Fields[f.name] = f.cel
		options = append(options, cel.Variable(f.name, f.cel))
		if object, _, is := strings.Cut(f.name, "."); !is {
			s.Labels = append(s.Labels, f.name)
		} else if !slices.Contains(s.Objects, object) {
			s.Objects = append(s.Objects, object)
		}
	}
	for _, f := range recordFields {
		s.Element.Fields = append(s.Element.Fields, f.name)
	}
	s.Name = func(string) string {
		return fmt.Sprintf("An expectation sees %s.", strings.Join(slices.Concat(s.Objects, s.Labels), ", "))
	}
	if s.Env, err = cel.NewCustomEnv(options...); err == nil {
		s.Functions = "There are: " + strings.Join(expr.Functions(s.Env), ", ") + "."
	}
	return s, err
})

// Functions lists the functions and macros that expectations may use, sorted; operators
// are left out.
func Functions() ([]string, error) {
	s, err := scope()
	if err != nil {
		return nil, fmt.Errorf("functions of expectations: %w", err)
	}
	return expr.Functions(s.Env), nil
}

// program compiles an expression, or says what is wrong with it.
func program(text string) (cel.Program, []expr.Mistake) {
	s, err := scope()
	if err != nil { // a mistake of the program, not of the plan
		return nil, []expr.Mistake{{Summary: err.Error(), Remedy: "This is a bug in mtric; please report it with the plan."}}
	}
	e, wrong := s.Compile(text, cel.BoolType)
	if e == nil {
		return nil, wrong
	}
	if wrong = checked(e); len(wrong) > 0 {
		return nil, wrong
	}
	p, constant := s.Program(e, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(meter{}), cel.CostLimit(Units))
	if constant != nil {
		return nil, []expr.Mistake{*constant}
	}
	return p, nil
}
