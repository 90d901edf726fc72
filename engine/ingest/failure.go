package ingest

import (
	"context"
	"errors"
	"slices"

	"mtric.net/mtric/engine/column"
)

// DaysError says that a run came to its end, but not with every day: what is wrong
// with one, such as a damaged file of the lake, must not stop the others. Files that
// could not be ingested are still in their dropboxes.
type DaysError struct{ Errs []error }

func (e *DaysError) Error() string { return errors.Join(e.Errs...).Error() }

// Unwrap returns what was wrong.
func (e *DaysError) Unwrap() []error { return e.Errs }

// mostFailures ends a run: then it is not a day that is wrong, but the machine.
const mostFailures = 10

// pass notes what was wrong with a day, for the end of the run, and returns what ends
// the run at once.
func (r *run) pass(ctx context.Context, err error) error {
	if err == nil || r.broken || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	if errors.Is(err, column.ErrNewer) { // a later program's to change
		r.left(r.Lake.Dir, "has what stays as it is until mtric is updated here, on the collector: "+err.Error())
		return nil
	}
	r.log.Error("a day failed", "error", err)
	if !slices.ContainsFunc(r.failures, func(f error) bool { return f.Error() == err.Error() }) {
		r.failures = append(r.failures, err)
	}
	if len(r.failures) >= mostFailures {
		return errors.Join(r.failures...)
	}
	return nil
}

func (r *run) failed() error {
	if len(r.failures) == 0 {
		return nil
	}
	return &DaysError{r.failures}
}
