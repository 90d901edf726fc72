package cli

import (
	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/attainment"
	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/comparison"
	"mtric.net/mtric/engine/export"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/rehearse"
	"mtric.net/mtric/engine/report"
	"mtric.net/mtric/engine/survey"
	"mtric.net/mtric/plans"
)

// completeValues lets a shell complete the values of flags and arguments. What the plan
// has, its rules, RSIs and vantage points, is that of the --plan on the line so far.
func (a *app) completeValues(root *cobra.Command) {
	fixed := func(values []string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	planNames := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return plans.Names(), cobra.ShellCompDirectiveDefault // and files: a plan is a folder
	}
	vps := a.fromPlan(func(p *plan.Plan) (all []string) {
		for _, vp := range p.VantagePoints {
			all = append(all, string(vp.ID)+"\t"+vp.Metro)
		}
		return all
	})
	machines := a.fromPlan(func(p *plan.Plan) []string {
		all := []string{"c00\tthe collector"}
		for _, vp := range p.VantagePoints {
			all = append(all, string(vp.ID)+"\t"+vp.Metro)
		}
		return all
	})
	rules := a.fromPlan(func(p *plan.Plan) (all []string) {
		for _, r := range p.Rules {
			all = append(all, r.Label)
		}
		return all
	})
	for _, f := range []struct {
		command []string
		flag    string
		values  cobra.CompletionFunc
	}{
		{nil, "plan", planNames},
		{nil, "vp", machines},
		{[]string{"backtest"}, "rule", rules},
		{[]string{"export"}, "format", fixed(texts(export.Formats))},
		{[]string{"export"}, "table", fixed(texts(column.Tables))},
		{[]string{"plan", "crontab"}, "role", fixed([]string{plan.RoleVantagePoint, plan.RoleCollector})},
		{[]string{"plan", "test"}, "rule", rules},
		{[]string{"report"}, "style", fixed([]string{string(report.Monthly), string(report.Weekly), survey.Style, attainment.Style, comparison.Style})},
		{[]string{"snapshot"}, "table", fixed(texts(column.Tables))},
		{[]string{"verify"}, "without", vps},
	} {
		if err := find(root, f.command).RegisterFlagCompletionFunc(f.flag, f.values); err != nil {
			panic(err) // the flag is not there: a mistake of the program
		}
	}
	rsis := a.fromPlan(func(p *plan.Plan) (all []string) {
		for _, s := range p.Servers {
			all = append(all, string(s.RSI))
		}
		return all
	})
	find(root, []string{"query"}).ValidArgsFunction = func(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return rsis(c, args, start)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	find(root, []string{"plan", "reference"}).ValidArgsFunction = fixed(plan.Blocks())
	var scenarios []string
	for _, s := range rehearse.Scenarios() {
		scenarios = append(scenarios, s.Name)
	}
	find(root, []string{"rehearse"}).ValidArgsFunction = fixed(scenarios)
}

// find is a command by its names below the root.
func find(root *cobra.Command, names []string) *cobra.Command {
	c, _, err := root.Find(names)
	if err != nil {
		panic(err) // the command is not there: a mistake of the program
	}
	return c
}

// fromPlan completes by what the plan has, and by nothing where it does not load: a
// shell has no room for its mistakes.
func (a *app) fromPlan(values func(*plan.Plan) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		p, _, err := a.readPlan()
		if err != nil || p == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return values(p), cobra.ShellCompDirectiveNoFileComp
	}
}
