package site

import (
	"context"
	"errors"
	"slices"
)

// unreadable is an error of a file of the lake: what rests on it stays as it was, and all
// else is written.
type unreadable struct{ err error }

func (u *unreadable) Error() string { return u.err.Error() }
func (u *unreadable) Unwrap() error { return u.err }

// ofLake says of an error that it is one of a file of the lake.
func ofLake(err error) error {
	if err == nil {
		return nil
	}
	return &unreadable{err}
}

// leave names a file of the lake that cannot be read in the result; any other error is
// returned. What is left out is looked at again in the next run.
func (r *job) leave(ctx context.Context, err error) error {
	var u *unreadable
	if ctx.Err() != nil || !errors.As(err, &u) {
		return err
	}
	r.lacking = true
	if text := err.Error(); !slices.Contains(r.result.Left, text) {
		r.result.Left = append(r.result.Left, text)
	}
	return nil
}
