package scamper

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// grace is how long scamper has to end after it was told to.
const grace = 2 * time.Second

// NotTraced is the stop reason of a route that scamper never came to.
const NotTraced = "NONE"

// Target is an address to trace to.
type Target struct {
	RSI     measurement.RSI
	Family  measurement.Family
	Address netip.Addr
}

// Options say how to trace; a plan's traceroute block has them.
type Options struct {
	Method   string        // icmp-paris, udp-paris, tcp, …
	Limit    time.Duration // for all traces together
	Attempts int           // probes for each TTL
	Wait     time.Duration // for a reply, whole seconds
	GapLimit int           // silent hops before a trace ends
	PPS      int           // packets a second
}

// Tracer runs scamper. The zero value works.
type Tracer struct {
	Command string           // name or path; scamper by default
	Now     func() time.Time // time.Now by default
	Log     *slog.Logger     // silent by default
}

// Trace traces to all targets with one process, no longer than the limit
// and ctx allow, and returns one route for each target in their order, also for
// those that scamper did not come to. An error says why some are missing and how
// to mend it; the routes are good all the same.
func (t *Tracer) Trace(ctx context.Context, o Options, vp measurement.VantagePoint, label time.Time, targets []Target) ([]measurement.Route, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	started := t.now()
	output, err := t.run(ctx, o, targets)
	routes := make([]measurement.Route, 0, len(targets))
	byAddress := map[netip.Addr]Trace{}
	for _, trace := range output.Traces {
		if _, twice := byAddress[trace.Target]; !twice {
			byAddress[trace.Target] = trace
		}
	}
	missing := 0
	for _, target := range targets {
		r := measurement.Route{VantagePoint: vp, Interval: label, StartedAt: started, RSI: target.RSI, Family: target.Family,
			Address: target.Address.String(), Method: o.Method, StopReason: NotTraced, Hops: []measurement.Hop{}}
		trace, done := byAddress[target.Address]
		if done {
			fill(&r, trace)
		}
		if !r.Complete {
			missing++
		}
		routes = append(routes, r)
	}
	if err != nil {
		return routes, fmt.Errorf("%d of %d routes not traced: %w", missing, len(targets), err)
	}
	if missing > 0 {
		return routes, fmt.Errorf("%d of %d routes not traced: %s ended without them (%d lines of its output do not parse)",
			missing, len(targets), t.command(), output.Bad)
	}
	return routes, nil
}

// fill copies a trace into its row. The time is scamper's only where it is
// plausible: a clock that was stepped meanwhile must not move a row.
func fill(r *measurement.Route, t Trace) {
	r.StopReason, r.Reached, r.Complete, r.HopCount, r.Hops = t.StopReason, t.Reached(), t.Complete, int32(t.HopCount), t.Hops
	r.HopReplies = t.Replies
	if t.Source.IsValid() {
		r.Source = new(t.Source.String())
	}
	if t.Method != "" {
		r.Method = t.Method
	}
	if d := t.Started.Sub(r.StartedAt); d >= 0 && d < time.Hour {
		r.StartedAt = t.Started
	}
}

// arguments is the command line: addresses come typed from the plan, and no
// shell is between.
func arguments(o Options, targets []Target) []string {
	trace := fmt.Sprintf("trace -P %s -q %d -w %d -g %d", o.Method, o.Attempts, int(o.Wait/time.Second), o.GapLimit)
	args := []string{"-O", "json", "-o", "-", "-p", strconv.Itoa(o.PPS), "-c", trace, "-i"}
	for _, target := range targets {
		args = append(args, target.Address.String())
	}
	return args
}

// run starts scamper and reads what it prints until it ends or its time is up;
// then the whole process group is told to end, and after a grace killed.
func (t *Tracer) run(ctx context.Context, o Options, targets []Target) (Output, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.command(), arguments(o, targets)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace // then the pipes are closed: scamper's part that runs as another user cannot be killed by us
	stdout, stderr := &bounded{most: maxOutput}, &bounded{most: 4 << 10}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	if cmd.Process != nil && ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // gone already, as a rule
	}
	output, parseErr := Parse(&stdout.buffer)
	if t.Log != nil {
		t.Log.Info("routes traced", "tool", t.command(), "traces", len(output.Traces), "targets", len(targets), "whole", output.Whole, "bad_lines", output.Bad)
	}
	return output, errors.Join(explain(ctx, t.command(), err, stderr.buffer.String()), parseErr)
}

// explain turns the end of the process into an error that says what to do.
func explain(ctx context.Context, command string, err error, stderr string) error {
	said := strings.ToValidUTF8(strings.TrimSpace(stderr), "?")
	if said != "" {
		said = "; it said: " + said
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%w; install the package scamper", err)
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: interrupted%s: %w", command, said, ctx.Err())
	case ctx.Err() != nil:
		return fmt.Errorf("%s: stopped at its time limit%s: %w", command, said, ctx.Err())
	default:
		return fmt.Errorf("%s: %w%s; it must be setuid root, as Debian's is", command, err, said)
	}
}

func (t *Tracer) command() string { return cmp.Or(t.Command, "scamper") }

func (t *Tracer) now() time.Time {
	if t.Now != nil {
		return t.Now().UTC().Truncate(time.Microsecond)
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

// bounded keeps the first bytes written to it and lets the rest go, so that a
// program that prints without end ends by its own time limit.
type bounded struct {
	buffer bytes.Buffer
	most   int
}

var _ io.Writer = (*bounded)(nil)

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.most - b.buffer.Len(); room > 0 {
		b.buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
