package alert

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"

	"mtric.net/mtric/engine/expr"
)

// libraries are what rules may use beside CEL's own functions.
func libraries() []cel.EnvOption {
	return []cel.EnvOption{cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true), ext.Strings(), ext.Sets(), ext.Math()}
}

// Functions lists the functions and macros that rules may use, sorted; operators
// are left out, and has, for which no field is absent.
func Functions() ([]string, error) {
	env, err := cel.NewEnv(libraries()...)
	if err != nil {
		return nil, fmt.Errorf("functions of rules: %w", err)
	}
	return expr.Functions(env), nil
}
