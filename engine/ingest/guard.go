package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

const (
	filesAReader    = 4096
	worthAReader    = 512 // starting one for less costs more than it saves
	defaultMemory   = 256 << 20
	defaultPatience = 30 * time.Second
	maxReport       = 1 << 20 // a line of the reader's

	// Files of one dropbox that may end their readers in one run: each can cost the
	// other vantage points all of Patience.
	mostDeaths = 3
)

var errDeadly = fmt.Errorf("%d files of this dropbox ended their readers: the rest of its files wait for the next run", mostDeaths)

// read has the files read by readers, and returns what these made of them. A file
// that a reader does not survive is rejected, and none suffers for another.
func (r *run) read(ctx context.Context, files []*taken) (spooled, error) {
	var good []*taken
	for _, t := range files {
		if t.reason == "" && t.table != alerts {
			good = append(good, t)
		}
	}
	var mu sync.Mutex
	var all spooled
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.readers)
	each := min(filesAReader, max(worthAReader, (len(good)+r.readers-1)/r.readers))
	for batch := range slices.Chunk(good, each) {
		group.Go(func() error {
			made, err := r.batch(ctx, batch)
			mu.Lock()
			defer mu.Unlock()
			all.answers = append(all.answers, made.answers...)
			all.routes = append(all.routes, made.routes...)
			return err
		})
	}
	err := group.Wait()
	slices.Sort(all.answers)
	slices.Sort(all.routes)
	return all, err
}

// batch reads files with one reader. When it dies over one of them, what it made
// is of no use: those before that file and those after it are read again, by
// readers of their own, so a file is read twice for each that kills, at most.
func (r *run) batch(ctx context.Context, files []*taken) (spooled, error) {
	files = r.spare(files)
	if len(files) == 0 {
		return spooled{}, nil
	}
	made, at, err := r.reader(ctx, files)
	if err == nil || at < 0 && !died(err) {
		return made, err
	}
	if at < 0 && len(files) > 1 {
		// It died over what it had gathered of several: fewer at a time.
		head, err := r.batch(ctx, files[:len(files)/2])
		if err != nil {
			return head, err
		}
		rest, err := r.batch(ctx, files[len(files)/2:])
		return spooled{append(head.answers, rest.answers...), append(head.routes, rest.routes...)}, err
	}
	at = max(at, 0)
	files[at].reason = err.Error()
	r.counting.Lock()
	r.deaths[files[at].box]++
	r.counting.Unlock()
	r.log.Warn("a file ended its reader", "vantage_point", files[at].box.vp, "file", files[at].name, "error", err)
	head, err := r.batch(ctx, files[:at])
	if err != nil {
		return head, err
	}
	rest, err := r.batch(ctx, files[at+1:])
	return spooled{append(head.answers, rest.answers...), append(head.routes, rest.routes...)}, err
}

// spare leaves out, and in their dropbox, the files of those whose files have ended
// too many readers.
func (r *run) spare(files []*taken) []*taken {
	r.counting.Lock()
	defer r.counting.Unlock()
	return slices.DeleteFunc(slices.Clone(files), func(t *taken) bool {
		if r.deaths[t.box] >= mostDeaths {
			t.aside = errShut{errDeadly}
		}
		return t.aside != nil
	})
}

// died reports whether a reader was ended by its runtime or a signal.
func died(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && !ours(err)
}

// ours reports whether a reader ended over our own disk: it says so and exits with 1.
func ours(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1
}

// reader runs one reader over files. When it dies over one, at is its place and
// the error says how; an error with at -1 is of this machine.
func (r *run) reader(ctx context.Context, files []*taken) (made spooled, at int, err error) {
	dir, err := os.MkdirTemp(r.intake, "spool-")
	if err != nil {
		return spooled{}, -1, fmt.Errorf("ingest: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	s := &session{files: files}
	if err = s.run(ctx, r, dir); err != nil {
		if ctx.Err() != nil {
			return spooled{}, -1, ctx.Err()
		}
		if s.inHand >= 0 && !ours(err) {
			return spooled{}, s.inHand, err
		}
		return spooled{}, -1, fmt.Errorf("ingest: reader: %w", err)
	}
	for i, t := range files {
		t.reason, t.run, t.sightings = s.reports[i].Reason, s.reports[i].Run, s.reports[i].Sightings
	}
	return s.made, -1, nil
}

// session is one reader at work.
type session struct {
	files   []*taken
	reports []report
	made    spooled
	inHand  int // place of the file being read, -1 for none
}

func (s *session) run(ctx context.Context, r *run, dir string) error {
	s.inHand, s.reports = -1, make([]report, len(s.files))
	order, err := json.Marshal(r.order(dir, s.files))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := r.command(ctx)
	cmd.Stdin = bytes.NewReader(order)
	last := &tail{}
	cmd.Stderr = last
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // a child of its own may hold its streams open
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	patience := r.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	var stalled atomic.Bool
	watch := time.AfterFunc(patience, func() { stalled.Store(true); cancel() })
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 0, 64<<10), maxReport)
	for lines.Scan() && err == nil {
		watch.Reset(patience)
		err = s.take(lines.Bytes(), dir)
	}
	if err = errors.Join(err, lines.Err()); err != nil {
		watch.Stop()
		cancel()
	}
	waitErr := cmd.Wait()
	watch.Stop()
	switch {
	case stalled.Load():
		return fmt.Errorf("reading it took longer than %s", patience)
	case err != nil:
		return err
	case waitErr != nil:
		return fmt.Errorf("reading it ended the reader: %w%s", waitErr, last)
	}
	return nil
}

// take notes a line of the reader's.
func (s *session) take(line []byte, dir string) error {
	var rep report
	if err := json.Unmarshal(line, &rep); err != nil {
		return fmt.Errorf("the reader said %.100q: %w", line, err)
	}
	switch {
	case rep.Begin != nil && *rep.Begin >= 0 && *rep.Begin < len(s.files):
		s.inHand = *rep.Begin
	case rep.Done != nil && *rep.Done == s.inHand && s.inHand >= 0:
		s.reports[s.inHand] = rep
		s.inHand = -1
	case rep.Spool != "" && filepath.Dir(rep.Spool) == dir && rep.Table == lake.Answers:
		s.made.answers = append(s.made.answers, rep.Spool)
	case rep.Spool != "" && filepath.Dir(rep.Spool) == dir && rep.Table == lake.Routes:
		s.made.routes = append(s.made.routes, rep.Spool)
	default:
		return fmt.Errorf("the reader said %.100q", line)
	}
	return nil
}

// order is what a reader is asked.
func (r *run) order(dir string, files []*taken) order {
	o := order{Spool: dir, Memory: r.Memory, Version: r.Lake.Version, Timeouts: timeouts(r.Plan)}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	for _, t := range files {
		o.Files = append(o.Files, orderFile{t.copy, t.vp, t.label, t.table})
	}
	return o
}

// timeouts are those of the plan's queries, in µs. A reply that came in time may
// have been read a little later.
func timeouts(p *plan.Plan) map[string]int64 {
	m := map[string]int64{}
	for _, q := range p.Queries {
		m[q.Label] = time.Duration(q.Timeout).Microseconds()
	}
	return m
}

func (r *run) command(ctx context.Context) *exec.Cmd {
	if r.Reader != nil {
		return r.Reader(ctx)
	}
	self, err := os.Executable()
	if err != nil {
		self = "mtric"
	}
	cmd := exec.CommandContext(ctx, self, ReaderCommand)
	cmd.Args[0] = "mtric"
	return cmd
}

// tail keeps the beginning of what a dying reader says.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if left := 400 - t.Len(); left > 0 {
		t.Buffer.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}

// String is the first line, which names the cause.
func (t *tail) String() string {
	line, _, _ := strings.Cut(t.Buffer.String(), "\n")
	if line == "" {
		return ""
	}
	return ": " + line
}
