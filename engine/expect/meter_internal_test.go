package expect

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/cel-go/common/types"
)

// TestMatchesIsRefusedBefore: a match that is metered when it is done may have taken a minute.
func TestMatchesIsRefusedBefore(t *testing.T) {
	v, failed := matches(strings.Repeat("a", 1<<16), "(.*a){200}z").(*types.Err)
	if !failed || !errors.Is(v, errTooDear) {
		t.Errorf("%v", v)
	}
	if v := matches("aab", "^a+b$"); v != types.True {
		t.Errorf("%v", v)
	}
}
