package cli

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

// TestInterrupted: a person who pressed Ctrl-C is not told of contexts.
func TestInterrupted(t *testing.T) {
	for _, err := range []error{context.Canceled, fmt.Errorf("ingest: %w", context.Canceled)} {
		var said bytes.Buffer
		a := &app{err: &said}
		if code := a.exit(err); code != exitInterrupted || said.String() != "mtric: interrupted\n" {
			t.Errorf("%v: exit %d, %q", err, code, said.String())
		}
	}
}
