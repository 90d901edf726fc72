package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/expect"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/plans"
)

// defaultPlan is the embedded plan that is used when no --plan is given.
const defaultPlan = "rssac047"

// flags are the flags that every command shares.
type flags struct {
	plans  []string
	vars   []string
	home   string
	lake   string
	vp     string
	json   bool
	now    string
	quiet  bool
	dryRun bool

	embedded bool // plans are the embedded ones, whatever folders there are: the demo's
}

func (f *flags) add(set *pflag.FlagSet) {
	set.StringArrayVar(&f.plans, "plan", nil, "plan `DIR`, repeatable, later ones laid over earlier ones; or the name of an embedded plan: "+
		strings.Join(plans.Names(), ", ")+" (default \""+defaultPlan+"\")")
	set.StringArrayVar(&f.vars, "var", nil, "set a variable of the plan, `NAME=VALUE`, repeatable")
	set.StringVar(&f.home, "home", "", "folder of Output, Logs and State (default: the home directory)")
	set.StringVar(&f.lake, "lake", "", "folder that holds answers/ (default: Lake below --home)")
	set.StringVar(&f.vp, "vp", "", "this machine: `NNN` a vantage point, c00 the collector (default: first label of the host name)")
	set.BoolVar(&f.json, "json", false, "print JSON")
	set.StringVar(&f.now, "now", "", "act as if it were this `TIME` (RFC 3339)")
	set.BoolVar(&f.quiet, "quiet", false, "no progress and no summary")
	set.BoolVar(&f.dryRun, "dry-run", false, "say what would be done, write and send nothing")
}

// loadPlan reads the plan of --plan and --var and prints its mistakes.
//
// Warnings are for whoever writes the plan: plan check shows them always, other
// commands on a terminal only. Cron would mail them every five minutes, and with
// --json they would stand before what was asked for.
func (a *app) loadPlan() (*plan.Plan, error) {
	p, mistakes, err := a.readPlan()
	if err != nil {
		return nil, err
	}
	if !mistakes.HasErrors() && (a.flags.json || a.flags.quiet || !isTerminal(a.err)) {
		return p, nil
	}
	if err := a.printMistakes(mistakes); err != nil {
		return nil, err
	}
	return p, nil
}

// readPlan loads the plan and tells nobody.
func (a *app) readPlan() (*plan.Plan, diag.List, error) {
	dirs, err := planDirs(a.flags)
	if err != nil {
		return nil, diag.List{}, err
	}
	vars := map[string]string{}
	for _, v := range a.flags.vars {
		name, value, found := strings.Cut(v, "=")
		if !found || name == "" {
			return nil, diag.List{}, usagef("--var %q: want NAME=VALUE", v)
		}
		vars[name] = value
	}
	p, mistakes := plan.Loader{Version: Version, Later: func(p *plan.Plan) diag.List {
		rules, wrong := alert.Compile(p)
		expected, unlike := expect.Compile(p)
		a.rules, a.expected = rules, expected
		wrong.Diags = append(wrong.Diags, unlike.Diags...)
		return wrong
	}}.Load(dirs, vars)
	return p, mistakes, nil
}

// planDirs opens the folders of --plan. A folder of that name wins over an
// embedded plan of the same name, so that a copy that is being edited is used; one
// without plan files (of mtric demo --keep demo) is no copy.
func planDirs(f flags) ([]plan.Dir, error) {
	names, builtin := f.plans, f.embedded
	if len(names) == 0 {
		names, builtin = []string{defaultPlan}, true
	}
	var dirs []plan.Dir
	for _, name := range names {
		_, err := os.Stat(name)
		embedded, known := plans.Dir(name)
		switch {
		case isPlanDir(name) && !builtin:
			dirs = append(dirs, plan.Dir{Name: name, FS: os.DirFS(name)})
		case known:
			dirs = append(dirs, plan.Dir{Name: "plans/" + name, FS: embedded})
		case err == nil:
			return nil, usagef("--plan %s: is a file; a plan is every *.hcl file of a directory, give that directory", name)
		default:
			return nil, usagef("--plan %s: neither a directory (%w) nor an embedded plan (%s)", name, err, strings.Join(plans.Names(), ", "))
		}
	}
	return dirs, nil
}

// isPlanDir says whether a name of --plan means a folder.
func isPlanDir(name string) bool {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return false
	}
	_, embedded := plans.Dir(name)
	files, err := filepath.Glob(filepath.Join(name, "*.hcl"))
	return !embedded || err == nil && len(files) > 0
}

// printMistakes prints errors and warnings of a plan; errors end with exit 2.
func (a *app) printMistakes(l diag.List) error {
	if len(l.Diags) > 0 {
		var err error
		if a.flags.json {
			err = l.WriteJSON(a.out)
		} else {
			err = l.WriteText(a.err, isTerminal(a.err))
		}
		if err != nil {
			return err
		}
	}
	if l.HasErrors() {
		return &exitError{code: exitUsage}
	}
	return nil
}

// now is the time the command acts at: the clock, or a clock that started at
// --now when the command did.
func (a *app) now() (func() time.Time, error) {
	if a.flags.now == "" {
		return func() time.Time { return a.clock().UTC() }, nil
	}
	base, err := time.Parse(time.RFC3339, a.flags.now)
	if err != nil {
		return nil, usagef("--now %q: want a time as RFC 3339 writes it, such as 2026-11-22T22:40:00Z", a.flags.now)
	}
	started := a.clock()
	return func() time.Time { return base.UTC().Add(a.clock().Sub(started)) }, nil
}

var machineName = regexp.MustCompile(`^([0-9]{3}|c00)$`)

// vantagePoint is the VP this machine is: --vp or the host name.
func (a *app) vantagePoint() (measurement.VantagePoint, error) {
	name, err := a.machine()
	if err != nil {
		return "", err
	}
	if name == "c00" {
		return "", usagef("vantage point %s: this is the collector; measurements are made on a vantage point, --vp NNN", name)
	}
	return measurement.VantagePoint(name), nil
}

// machine is --vp or the first label of the host name: nnn or c00.
func (a *app) machine() (string, error) {
	name, source := a.flags.vp, "--vp"
	if name == "" {
		host, err := a.hostname()
		if err != nil {
			return "", fmt.Errorf("host name: %w", err)
		}
		name, _, _ = strings.Cut(host, ".")
		source = "host name"
	}
	if !machineName.MatchString(name) {
		return "", usagef("%s %q: want three digits for a vantage point or c00 for the collector; set it with --vp NNN", source, name)
	}
	return name, nil
}

// home is the folder that the plan's paths are relative to.
func (a *app) home() (string, error) {
	if a.flags.home != "" {
		return filepath.Abs(a.flags.home)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usagef("home directory: %w; set it with --home DIR", err)
	}
	return home, nil
}

// under places a path of the plan under the home.
func under(home, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(home, path)
}

// openLog appends to Logs/nnn-log.txt, one line an event, UTC.
func openLog(dir, machine string) (*slog.Logger, func() error, error) {
	f, err := os.OpenFile(filepath.Join(dir, machine+"-log.txt"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("log file: %w", err)
	}
	return newLogger(f), f.Close, nil
}

func newLogger(w io.Writer) *slog.Logger {
	utc := func(_ []string, at slog.Attr) slog.Attr {
		if at.Key == slog.TimeKey && at.Value.Kind() == slog.KindTime {
			at.Value = slog.StringValue(at.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		return at
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: utc}))
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// isTerminal says whether w is a terminal: colour and progress only there.
func isTerminal(w io.Writer) bool {
	if o, ours := w.(*output); ours {
		w = o.Writer
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
