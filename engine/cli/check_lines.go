package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/metrics/correctness"
)

const (
	maxLine    = 1 << 20 // of JSON lines, in bytes: a message in hex has 131,070
	batchLines = 64      // go to one goroutine at a time
	batchBytes = 1 << 20
)

// verdictLine is one verdict as JSON.
type verdictLine struct {
	ID       json.RawMessage       `json:"id,omitempty"`
	Verdict  measurement.Verdict   `json:"verdict"`
	Serial   *uint32               `json:"serial"` // of the zone that it was judged by
	Failures []correctness.Finding `json:"failures"`
	Notes    []correctness.Finding `json:"notes,omitempty"`
}

func newVerdict(id json.RawMessage, r correctness.Result) verdictLine {
	return verdictLine{id, r.Verdict, r.Serial, append([]correctness.Finding{}, r.Failures...), r.Notes}
}

// numbered is a line of the input; one that was too long has no text.
type numbered struct {
	number int
	text   []byte
}

// batch is some lines on their way; done is closed when the rest is filled in.
type batch struct {
	lines []numbered
	done  chan struct{}

	output   []byte
	mistakes []error
	verdicts map[measurement.Verdict]int
}

// checkLines judges lines on all cores and prints in the order of the input, so
// that input and output may be pipes of any length.
func (a *app) checkLines(ctx context.Context, judge *checkJudge, file string) error {
	from := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return usagef("check: %w", err)
		}
		defer f.Close()
		from = f
	}
	workers := runtime.GOMAXPROCS(0)
	todo, inOrder := make(chan *batch), make(chan *batch, 2*workers)
	read := make(chan error, 1)
	group, ctx := errgroup.WithContext(ctx)
	// Outside the group: nothing ends a read from a terminal or an idle pipe.
	go func() {
		defer close(inOrder)
		defer close(todo)
		read <- readBatches(from, func(b *batch) error {
			return errors.Join(hand(ctx, inOrder, b), hand(ctx, todo, b))
		})
	}()
	for range workers {
		group.Go(func() error {
			return each(ctx, todo, func(b *batch) error {
				b.judge(judge)
				close(b.done)
				return nil
			})
		})
	}
	t := tally{verdicts: make(map[measurement.Verdict]int)}
	group.Go(func() error {
		return each(ctx, inOrder, func(b *batch) error { return a.printBatch(ctx, file, b, &t) })
	})
	err := group.Wait()
	if err == nil {
		err = <-read
	}
	if err != nil {
		return fmt.Errorf("check: %s: %w", file, err)
	}
	switch {
	case t.verdicts[measurement.Incorrect] > 0:
		return verdictError(measurement.Incorrect)
	case t.verdicts[measurement.Unchecked] > 0 || t.bad > 0:
		return verdictError(measurement.Unchecked)
	}
	return nil
}

// hand gives a batch to whoever takes it first.
func hand(ctx context.Context, to chan<- *batch, b *batch) error {
	select {
	case to <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// each takes batches until there are no more.
func each(ctx context.Context, from <-chan *batch, do func(*batch) error) error {
	for {
		select {
		case b, more := <-from:
			if !more {
				return nil
			}
			if err := do(b); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tally is what came of all lines.
type tally struct {
	verdicts map[measurement.Verdict]int
	bad      int
}

// printBatch waits for a batch and prints it.
func (a *app) printBatch(ctx context.Context, file string, b *batch, t *tally) error {
	select {
	case <-b.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, err := a.out.Write(b.output); err != nil {
		return err
	}
	for _, err := range b.mistakes {
		t.bad++
		if _, err := fmt.Fprintf(a.err, "mtric: check: %s:%v\n", file, err); err != nil {
			return err
		}
	}
	for v, n := range b.verdicts {
		t.verdicts[v] += n
	}
	return nil
}

// readBatches cuts the input into batches. A line beyond the bound is read past,
// not kept.
func readBatches(from io.Reader, hand func(*batch) error) error {
	r := bufio.NewReaderSize(from, 1<<16)
	b, size := newBatch(), 0
	for number := 1; ; number++ {
		line, tooLong, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		switch {
		case tooLong:
			b.lines = append(b.lines, numbered{number, nil})
		case len(bytes.TrimSpace(line)) > 0:
			b.lines = append(b.lines, numbered{number, line})
		}
		last := err != nil
		size += len(line)
		idle := r.Buffered() == 0 // whoever feeds a pipe by hand is not kept waiting
		if len(b.lines) > 0 && (last || idle || len(b.lines) >= batchLines || size >= batchBytes) {
			if err := hand(b); err != nil {
				return err
			}
			b, size = newBatch(), 0
		}
		if last {
			return nil
		}
	}
}

func newBatch() *batch {
	return &batch{done: make(chan struct{}), verdicts: make(map[measurement.Verdict]int)}
}

// readLine reads to the end of the line or, with io.EOF, of the input.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		piece, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(piece) > maxLine; tooLong {
			line = nil
		} else {
			line = append(line, piece...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// judge fills in the batch's output.
func (b *batch) judge(judge *checkJudge) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	for _, l := range b.lines {
		v, err := judgeLine(judge, l.text)
		if err == nil {
			err = e.Encode(v)
		}
		if err != nil {
			b.mistakes = append(b.mistakes, fmt.Errorf("%d: %w", l.number, err))
			continue
		}
		b.verdicts[v.Verdict]++
	}
	b.output = out.Bytes()
}

func judgeLine(judge *checkJudge, text []byte) (verdictLine, error) {
	if text == nil {
		return verdictLine{}, fmt.Errorf("the line is longer than %d bytes", maxLine)
	}
	var line struct {
		ID       json.RawMessage `json:"id"`
		Response *string         `json:"response_hex"`
		At       string          `json:"at"`
		Name     string          `json:"qname"`
		Type     string          `json:"qtype"`
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return verdictLine{}, fmt.Errorf("no JSON object of the kind wanted: %w", err)
	}
	switch {
	case line.ID == nil:
		return verdictLine{}, errors.New(`no "id"`)
	case line.Response == nil:
		return verdictLine{}, errors.New(`no "response_hex"`)
	}
	q, err := questionOf(line.Name, line.Type, "at", line.At)
	if err != nil {
		return verdictLine{}, err
	}
	wire, err := unhex(*line.Response)
	if err != nil {
		return verdictLine{}, fmt.Errorf(`"response_hex": %w`, err)
	}
	return newVerdict(line.ID, judge.verdict(q, wire)), nil
}
