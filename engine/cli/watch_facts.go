package cli

import (
	"context"
	"time"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

// inspector looks at this machine for watch.
func (a *app) inspector(home string, p *plan.Plan, machine string, before map[string]string, now time.Time) (*alert.Inspector, error) {
	dir := a.lakeDir(home, p)
	if err := ownLake(dir); err != nil {
		return nil, err
	}
	return &alert.Inspector{
		Plan: p, Machine: machine, Now: now, Before: before, Clock: a.adjtimex,
		Store:     lake.Store{Dir: dir, Version: Version},
		Home:      home,
		Output:    under(home, p.Paths.Output),
		Logs:      under(home, p.Paths.Logs),
		State:     under(home, p.Paths.State),
		Originals: under(home, p.Paths.Originals), Quarantine: under(home, p.Paths.Quarantine),
	}, nil
}

// printFacts is the dry run: what rules would see.
func (a *app) printFacts(ctx context.Context, p *plan.Plan, machine string) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	book := &alert.Book{Machine: machine, State: bookState(under(home, p.Paths.State), p, machine), Now: now}
	before, err := book.Facts()
	if err != nil {
		return err
	}
	in, err := a.inspector(home, p, machine, before, now())
	if err != nil {
		return err
	}
	facts, err := in.Inspect(ctx)
	if err != nil {
		return err
	}
	values := alert.Describe(facts)
	if a.flags.json {
		return a.printJSON(values)
	}
	return writeTable(a.out, "FIELD VALUE", values, func(v alert.Described) []string { return []string{v.Field, v.Value} })
}
