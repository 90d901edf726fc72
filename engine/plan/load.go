package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"mtric.net/mtric/engine/diag"
)

// Version is the version of the plan language and engine that a plan's
// requires is compared with, unless a Loader says otherwise.
const Version = "1.0.0"

// mostReports is how many mistakes are looked for; a person reads the first few,
// and a hostile plan could hold millions.
const mostReports = 300

// errEnough ends a Load from wherever it is, once mostReports were found.
var errEnough = errors.New("enough mistakes")

// Loader loads plans for an engine of one version.
type Loader struct {
	Version string // of the engine, such as "1.2.0-dev"; empty is Version

	// Later finds the mistakes of later stages, such as in CEL. It is called for a plan with
	// mistakes too, so that all are said at once; nil is none.
	Later func(*Plan) diag.List
}

// Load loads a plan with the default Loader.
func Load(dirs []Dir, vars map[string]string) (*Plan, diag.List) {
	return Loader{}.Load(dirs, vars)
}

// Load reads the plan files of dirs[0], lays those of the further directories
// over them, sets variables from vars (as given by --var) and returns the
// evaluated and checked plan, with every mistake there is. The plan is nil
// exactly when the list has errors.
//
// It goes by phases: (1) parse every file and see whether the plan asks for a
// newer engine, so that an old one says "too old" rather than "syntax error";
// (2) lay the directories over each other; (3) variables; (4) locals, in the
// order of their dependencies; (5) for_each; (6) each block on its own; (7)
// what blocks must be together.
func (ld Loader) Load(dirs []Dir, vars map[string]string) (p *Plan, list diag.List) {
	l := &loader{version: ld.Version, dirs: dirs, sources: map[string][]byte{}, budget: newBudget(),
		bad: map[hcl.Range]bool{}, decoders: map[string]*decoder{}, unmade: map[string][]string{}, faulty: map[hcl.Range]bool{}, thresholds: map[string]hcl.Range{}, plan: &Plan{}}
	if l.version == "" {
		l.version = Version
	}
	// A bug in a library must not take an interval's measurements down.
	defer func() {
		r := recover()
		if r != nil && r != errEnough {
			l.errorf(hcl.Range{}, "This is a bug in mtric; please report it with the plan.", "internal error: %v", r)
		}
		if r != nil {
			p, list = nil, l.list()
		}
	}()
	l.load(vars)
	if l.finished && ld.Later != nil {
		l.plan.Sources, l.plan.Doubtful = l.sources, l.doubtful()
		l.diags = append(l.diags, ld.Later(l.plan).Diags...)
	}
	if !l.diags.HasErrors() {
		l.checkSize()
	}
	if l.diags.HasErrors() {
		return nil, l.list()
	}
	l.plan.Sources = l.sources
	return l.plan, l.list()
}

// loader is the state of one Load.
type loader struct {
	version string
	dirs    []Dir
	sources map[string][]byte
	total   int // bytes read
	diags   hcl.Diagnostics
	syntax  hcl.Diagnostics // the parser's; dropped where the engine is too old
	budget  *budget
	spentAt hcl.Range          // the expression at which the budget ran out
	bad     map[hcl.Range]bool // expressions whose references are reported already

	functions  []map[string]function.Function // by directory
	base       map[string]cty.Value           // var and local, later the references
	names      scope                          // what references may name
	blocks     []*block                       // after overlay and for_each, by kind and label
	faulty     map[hcl.Range]bool             // blocks, by header, in which checkBody found a mistake
	unmade     map[string][]string            // by kind, labels of blocks whose for_each failed; references to them are no mistake
	decoders   map[string]*decoder            // of blocks that check looks at again, by kind and label
	servers    []named                        // where each of plan.Servers is written
	thresholds map[string]hcl.Range           // where each of plan.Thresholds is written, by key
	plan       *Plan
	finished   bool // all phases were gone through
}

// load runs the phases; see Loader.Load. A phase sees what the ones before it
// put into l, and reports into l.diags without stopping.
func (l *loader) load(vars map[string]string) {
	if len(l.dirs) == 0 {
		l.errorf(hcl.Range{}, "Name a directory with plan files.", "no plan directory")
		return
	}
	plans, settings := l.readAll()
	if !l.requirement(plans) {
		return
	}
	l.diags = append(l.diags, l.syntax...)
	if l.syntax.HasErrors() {
		return // what the parser left out would look like further mistakes
	}
	for _, f := range slices.Concat(plans, settings) {
		meterBody(f.body)
	}
	top := l.overlay(plans)

	l.base, l.names = map[string]cty.Value{}, scope{}
	for _, phase := range []func(){
		func() { l.variables(top.variables, settings, vars) },
		func() { l.locals(top.locals) },
		func() { l.expand(top.blocks) },
		l.references,
		func() { l.decode(top) },
		l.check,
		l.finish,
	} {
		if phase(); l.budget.spent() {
			l.exhausted() // what comes next would only see values missing
			return
		}
	}
	l.finished = true
}

// checkSize refuses a plan that would not be read again: vantage points send its canonical
// form, and the lake keeps it.
func (l *loader) checkSize() {
	if n := len(l.plan.JSON()); n > MaxJSON {
		l.errorf(hcl.Range{Filename: l.dirs[0].Name}, "Keep data out of plans; mtric plan show --json prints what a for_each made of them.",
			"evaluated, the plan has %d bytes, more than %d", n, MaxJSON)
	}
}

// readAll reads every directory; one without any plan file was named by mistake.
func (l *loader) readAll() (plans, settings []file) {
	for n, d := range l.dirs {
		l.functions = append(l.functions, functions(d.FS, l.budget))
		before := len(l.diags) + len(l.syntax)
		p, v := l.readDir(n)
		plans, settings = append(plans, p...), append(settings, v...)
		if len(p)+len(v) == 0 && len(l.diags)+len(l.syntax) == before {
			l.errorf(hcl.Range{Filename: d.Name}, "A plan is every *.hcl file of one directory; *.test.hcl files do not count.",
				"no plan files here")
		}
	}
	return plans, settings
}

// doubtful lists the kinds of blocks that have mistakes, and all kinds where one is
// outside of any block but plan.
func (l *loader) doubtful() map[string]bool {
	kinds := map[string]bool{}
	for _, d := range l.diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		i := slices.IndexFunc(l.blocks, func(b *block) bool { return d.Subject != nil && b.Range().Overlaps(*d.Subject) })
		if i >= 0 {
			kinds[l.blocks[i].Type] = true
			continue
		}
		for _, t := range language {
			kinds[t.kind] = true
		}
	}
	return kinds
}

// errorf reports a mistake: the format says what is wrong, the remedy how to mend it.
func (l *loader) errorf(at hcl.Range, remedy, format string, args ...any) {
	l.report(hcl.DiagError, at, remedy, format, args...)
}

// warnf reports what looks wrong but fails nothing.
func (l *loader) warnf(at hcl.Range, remedy, format string, args ...any) {
	l.report(hcl.DiagWarning, at, remedy, format, args...)
}

func (l *loader) report(s hcl.DiagnosticSeverity, at hcl.Range, remedy, format string, args ...any) {
	if len(l.diags) == mostReports {
		panic(errEnough)
	}
	d := &hcl.Diagnostic{Severity: s, Summary: fmt.Sprintf(format, args...), Detail: remedy}
	if at.Filename != "" {
		d.Subject = &at
	}
	l.diags = append(l.diags, d)
}

// exhausted reports that the budget is spent, at the expression that spent it.
func (l *loader) exhausted() {
	l.errorf(l.spentAt, "Its for expressions and templates make more than any plan needs.", "the plan is too large to evaluate")
}

// list returns what there is to say, sorted, each thing once, in one voice:
// hcl begins its summaries with a capital.
func (l *loader) list() diag.List {
	out := diag.List{Diags: l.diags, Sources: l.sources}
	out.Diags = out.Sorted()
	for i, d := range out.Diags {
		r, n := utf8.DecodeRuneInString(d.Summary)
		if second, _ := utf8.DecodeRuneInString(d.Summary[n:]); unicode.IsUpper(r) && unicode.IsLower(second) && !strings.HasPrefix(d.Summary, "CEL") {
			c := *d
			c.Summary = string(unicode.ToLower(r)) + d.Summary[n:]
			out.Diags[i] = &c
		}
	}
	return out
}
