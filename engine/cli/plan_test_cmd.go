package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/plan"
)

func (a *app) planTestCommand() *cobra.Command {
	var only string
	c := &cobra.Command{
		Use:   "test",
		Short: "Run the tests of the plan's rules",
		Long: `Test runs the *.test.hcl files of the plan: each gives a rule what is measured,
interval by interval, and says what must come of it. The evaluator is that of
production, the clock is made. Exit 3 when a test fails.`,
		Example: "  mtric plan test --plan plans/rssac047 --plan local\n  mtric plan test --rule rsi-unavailable",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.planTest(only) },
	}
	c.Flags().StringVar(&only, "rule", "", "run the tests of this rule `NAME` only")
	return c
}

func (a *app) planTest(only string) error {
	p, err := a.loadPlan()
	if err != nil {
		return err
	}
	if err := knownRule(p, only); err != nil {
		return err
	}
	dirs, err := planDirs(a.flags)
	if err != nil {
		return err
	}
	tests, mistakes := plan.LoadTests(dirs, p)
	if err := a.printMistakes(mistakes); err != nil {
		return err
	}
	var wanted []plan.RuleTest
	for _, t := range tests {
		if only == "" || t.Rule == only {
			wanted = append(wanted, t)
		}
	}
	results, mistakes := a.rules.RunTests(wanted)
	if err := a.printMistakes(mistakes); err != nil {
		return err
	}
	return a.printTests(p, results, only)
}

// knownRule refuses a name that the plan does not have; empty is any.
func knownRule(p *plan.Plan, name string) error {
	var names []string
	for _, r := range p.Rules {
		if r.Label == name {
			return nil
		}
		names = append(names, r.Label)
	}
	if name == "" {
		return nil
	}
	remedy := "rules: " + strings.Join(names, ", ")
	if near, ok := plan.Nearest(name, names); ok {
		remedy = fmt.Sprintf("did you mean %q?", near)
	}
	return usagef("--rule %s: plan %s has no such rule; %s", name, p.Name, remedy)
}

func (a *app) printTests(p *plan.Plan, results []alert.TestResult, only string) error {
	failed := 0
	tested := map[string]bool{}
	for i := range results {
		tested[results[i].Rule] = true
		if len(results[i].Diff) > 0 {
			failed++
		} else {
			results[i].Diff = []string{}
		}
	}
	if a.flags.json {
		if err := a.printJSON(results); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			if len(r.Diff) > 0 {
				fmt.Fprintf(a.out, "FAIL  %s: %s (%s)\n      %s\n", r.Rule, r.Name, r.At, strings.Join(r.Diff, "\n      "))
			} else if !a.flags.quiet {
				fmt.Fprintf(a.out, "ok    %s: %s\n", r.Rule, r.Name)
			}
		}
		switch {
		case a.flags.quiet:
		case only != "":
			fmt.Fprintf(a.out, "%s, %d failed\n", diag.Plural(len(results), "test"), failed)
		default:
			fmt.Fprintf(a.out, "%s, %d failed; %d of %d rules have tests\n", diag.Plural(len(results), "test"), failed, len(tested), len(p.Rules))
		}
	}
	if failed > 0 {
		return findingsf("%d of %s failed", failed, diag.Plural(len(results), "rule test"))
	}
	return nil
}
