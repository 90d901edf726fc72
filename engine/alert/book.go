package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/plan"
)

// Book is the alerts of one machine: it evaluates rules, remembers in State what is
// pending or firing, appends a line to nnn-alerts.txt when that changes, and replaces
// nnn-alerts.prom. Several processes may use it at once. Lost state costs no alert:
// what fires is told again; what ends meanwhile has no RESOLVED.
type Book struct {
	Machine string // 101 or c00
	Logs    string // folder of the alert files; where there is none, they are not written
	State   string // folder of the memory
	Now     func() time.Time
	Rules   *Rules // nil while there is no good plan: then only conditions and errors are told
}

// Result is what an evaluation came to.
type Result struct {
	Evaluated int       // intervals (window), values (report) or 1
	Checks    int       // of a window rule over one combination of labels at one end
	Events    []Event   // lines written
	Firing    []*Status // all that fire now and are not silenced, of every kind, by key
	Errors    []error   // rules whose evaluation failed; they keep their state
}

// memory is the file State/alerts.json.
type memory struct {
	Window   time.Time         `json:"window_until,omitzero"` // end of the last interval evaluated
	Alerts   []*Status         `json:"alerts"`
	Commands map[string]ran    `json:"commands,omitempty"`
	Gauges   *gauges           `json:"gauges,omitempty"`  // of the last windows that were evaluated
	Facts    map[string]string `json:"facts,omitempty"`   // that watch compares with next time
	Waiting  []Event           `json:"waiting,omitempty"` // lines that travel to the collector with the next push

	ledger ledger
	told   int // lines of the present update that are written
}

// ran is how a command that cron runs ended last.
type ran struct {
	Success bool      `json:"success"`
	At      time.Time `json:"at"`
}

// ownRules begins the names of what commands tell by themselves. No plan can have
// such a rule: labels have no dot.
const ownRules = "mtric."

// Condition is something that a command finds to be so or not: Rule ("mtric.push")
// and Labels are its identity.
type Condition struct {
	Rule     string
	Labels   []Label
	Severity Severity
	Summary  string
	Witnesses
}

// key names an alert. The order of labels is for people: to Prometheus, and to over
// when it is written in another order, the alert is the same.
func (c Condition) key() string {
	parts := []string{c.Rule}
	for _, l := range slices.SortedStableFunc(slices.Values(c.Labels), func(x, y Label) int { return strings.Compare(x.Name, y.Name) }) {
		parts = append(parts, l.Name+"="+strconv.Quote(l.Value))
	}
	return strings.Join(parts, " ")
}

// Set notes whether a condition holds; it is an alert like those of rules, firing
// at once.
func (b *Book) Set(c Condition, so bool) error {
	_, err := b.Turn(c, so)
	return err
}

// Turn is Set, and says whether a line was written: whether it begins or ends to be so.
func (b *Book) Turn(c Condition, so bool) (bool, error) {
	result, err := b.update(func(m *memory, result *Result) error {
		if !b.set(m, result, c, so) {
			return errUnchanged
		}
		return nil
	})
	return len(result.Events) > 0, err
}

// set says whether anything has changed by it.
func (b *Book) set(m *memory, result *Result, c Condition, so bool) bool {
	s := m.ledger[c.key()]
	if s == nil && !so {
		return false
	}
	if s == nil {
		s = &Status{Rule: c.Rule, Labels: c.Labels}
		m.ledger[c.key()] = s
	}
	was, found := s.Is(), fails
	s.Severity = c.Severity
	if so {
		s.Summary, found = c.Summary, holds
	}
	now := b.Now()
	state := s.step(plan.Rule{}, found, now.UTC(), b.silenced(s, now))
	if state == Resolved && (c.Summary == "" || c.Summary == s.Summary) {
		c.Summary = "no longer so" // what it said when it was
	}
	if state != "" {
		result.Events = append(result.Events, b.event(c, state))
	}
	return state != "" || s.Is() != was
}

// Tell writes the line of something that happened and has no end: nothing is
// remembered, and nothing resolves it.
func (b *Book) Tell(c Condition) error {
	_, err := b.update(func(_ *memory, result *Result) error {
		result.Events = append(result.Events, b.event(c, Firing))
		return nil
	})
	return err
}

// Fatal writes that the command of that name ended with err, and that its last run
// failed. Where the Logs folder does not exist nothing is written and nothing is
// wrong: the command was run by hand. The line comes first: it must be told even if
// the memory cannot be written.
func (b *Book) Fatal(command string, err error) error {
	if !b.kept() {
		return nil
	}
	e := b.event(Condition{Rule: ownRules + command, Severity: Critical, Summary: err.Error()}, Fatal)
	told := b.append(e)
	_, err = b.update(func(m *memory, _ *Result) error {
		m.Commands[command] = ran{false, b.Now().UTC().Truncate(time.Second)}
		b.wait(m, e)
		return nil
	})
	return errors.Join(told, err)
}

// Ran notes that a command that cron runs ended well or not, for the text file
// metrics.
func (b *Book) Ran(command string, success bool) error {
	_, err := b.update(func(m *memory, _ *Result) error {
		m.Commands[command] = ran{success, b.Now().UTC().Truncate(time.Second)}
		return nil
	})
	return err
}

// kept says whether alert files are kept on this machine.
func (b *Book) kept() bool {
	_, err := os.Stat(b.Logs)
	return !errors.Is(err, fs.ErrNotExist)
}

func (b *Book) event(c Condition, s State) Event {
	return Event{Time: b.Now(), Machine: b.Machine, Severity: c.Severity, State: s,
		Rule: c.Rule, Labels: c.Labels, Summary: c.Summary, Witnesses: c.Witnesses}
}

// wait lets lines travel to the collector with the next push.
func (b *Book) wait(m *memory, events ...Event) {
	if b.Machine != collector {
		m.Waiting = append(m.Waiting, events...)
		m.Waiting = m.Waiting[max(0, len(m.Waiting)-maxWaiting):]
	}
}

// silenced says whether the plan mutes an alert. While there is no good plan, what
// was told goes on as it was.
func (b *Book) silenced(s *Status, at time.Time) bool {
	if b.Rules == nil {
		return !s.Told && !strings.HasPrefix(s.Rule, ownRules)
	}
	return silenced(b.Rules.Plan, b.Machine, s.Rule, s.Labels, at)
}

// shown says whether an alert fires and is not silenced.
func (b *Book) shown(s *Status) bool {
	return s.Firing != nil && !s.Crowded && !s.Once && !b.silenced(s, b.Now())
}

// File is the path of the alert file.
func (b *Book) File() string { return filepath.Join(b.Logs, b.Machine+"-alerts.txt") }

// append writes the line with one write call, so that lines of several
// processes never mix, and opens the file anew each time, so that rotation
// needs no signal. A new file is for others to read, whatever the umask.
func (b *Book) append(e Event) error {
	f, err := os.OpenFile(b.File(), os.O_WRONLY|os.O_APPEND, 0)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		f, err = os.OpenFile(b.File(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	}
	if err != nil {
		return fmt.Errorf("alert file: %w", err)
	}
	n, err := f.WriteString(e.String() + "\n")
	if err != nil {
		err = errors.Join(err, b.takeBack(f, e.String()[:min(n, len(e.String()))]))
	} else if created {
		err = f.Chmod(0o644)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("alert file: %w", err)
	}
	return nil
}

// takeBack removes what came into the file of a line that a full disk cut short, so that
// whoever reads the file reads whole lines. A file without any is none. Where another
// process has written behind it, it stays.
func (b *Book) takeBack(f *os.File, part string) error {
	text, err := os.ReadFile(b.File())
	if err != nil {
		return err
	}
	whole, cut := strings.CutSuffix(string(text), part)
	switch {
	case !cut:
		return nil
	case whole == "":
		return os.Remove(b.File())
	}
	return f.Truncate(int64(len(whole)))
}

// errUnchanged ends an update that has nothing to write.
var errUnchanged = errors.New("nothing has changed")

// update changes the memory under the lock. Lines are written before the memory:
// a kill between repeats a line and loses none.
func (b *Book) update(change func(*memory, *Result) error) (result Result, err error) {
	if err := os.MkdirAll(b.State, 0o755); err != nil {
		return result, fmt.Errorf("alert state: %w", err)
	}
	lock := flock.New(filepath.Join(b.State, "alerts.lock"))
	if err := lock.Lock(); err != nil {
		return result, fmt.Errorf("alert state: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	m, err := b.recall()
	if err != nil {
		return result, err
	}
	err = change(m, &result)
	if errors.Is(err, errUnchanged) {
		return result, nil
	}
	if err != nil {
		return result, err
	}
	b.retire(m, &result)
	if err := b.tell(m, &result); err != nil {
		m.Alerts = m.ledger.sorted()
		return result, errors.Join(err, b.metrics(m)) // not remembered: it is told again
	}
	for _, s := range m.Alerts {
		if b.shown(s) {
			result.Firing = append(result.Firing, s)
		}
	}
	if err := b.remember(m); err != nil {
		return result, err
	}
	return result, b.metrics(m)
}

// tell writes the lines that are new, those that say how many more there are, and makes the memory ready to be written.
func (b *Book) tell(m *memory, result *Result) error {
	b.crowds(m, result)
	fresh := result.Events[m.told:]
	if b.kept() {
		for _, e := range fresh {
			if err := b.append(e); err != nil {
				return err
			}
		}
	}
	m.told = len(result.Events)
	b.wait(m, fresh...)
	maps.DeleteFunc(m.ledger, func(_ string, s *Status) bool { return s.over(b.Now()) })
	m.Alerts = m.ledger.sorted()
	return nil
}

// checkpoint saves an update on its way. The end of the update brings it onto the disk:
// a loss of power may cost the memory, which costs no alert.
func (b *Book) checkpoint(m *memory, result *Result) error {
	if err := b.tell(m, result); err != nil {
		return err
	}
	data, err := json.Marshal(m)
	part := b.stateFile() + ".part"
	if err == nil {
		err = os.WriteFile(part, append(data, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(part, b.stateFile())
	}
	if err != nil {
		return fmt.Errorf("alert state: %w", err)
	}
	return nil
}

func (b *Book) stateFile() string { return filepath.Join(b.State, "alerts.json") }

// recall reads the memory; a damaged one counts as lost.
func (b *Book) recall() (*memory, error) {
	m := &memory{}
	data, err := os.ReadFile(b.stateFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("alert state: %w", err)
	}
	if err == nil && json.Unmarshal(data, m) != nil {
		m = &memory{}
	}
	m.ledger = ledger{}
	for _, s := range m.Alerts {
		if s != nil {
			m.ledger[keyOf(s.Rule, s.Labels)] = s
		}
	}
	if m.Commands == nil {
		m.Commands = map[string]ran{}
	}
	if m.Facts == nil {
		m.Facts = map[string]string{}
	}
	return m, nil
}

func (b *Book) remember(m *memory) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err == nil {
		err = renameio.WriteFile(b.stateFile(), append(data, '\n'), 0o644, renameio.WithTempDir(b.State))
	}
	if err != nil {
		return fmt.Errorf("alert state: %w", err)
	}
	return nil
}

// Facts returns what the last watch remembered, and Remember what the next one
// is to find: numbers that only mean something beside the former ones.
func (b *Book) Facts() (map[string]string, error) {
	m, err := b.recall()
	if err != nil {
		return nil, err
	}
	return m.Facts, nil
}

// Remember keeps facts for the next watch.
func (b *Book) Remember(facts map[string]string) error {
	_, err := b.update(func(m *memory, _ *Result) error {
		maps.Copy(m.Facts, facts)
		return nil
	})
	return err
}
