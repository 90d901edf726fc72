package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestInterrupted: a person who pressed Ctrl-C is not told of contexts.
func TestInterrupted(t *testing.T) {
	for err, want := range map[error]string{
		context.Canceled: "mtric: interrupted\n",
		fmt.Errorf("ingest: %w", context.Canceled): "mtric: ingest: interrupted\n",
	} {
		var said bytes.Buffer
		a := &app{err: &said}
		if code := a.exit(err); code != exitInterrupted || said.String() != want {
			t.Errorf("%v: exit %d, %q", err, code, said.String())
		}
	}
}

// TestFirstPlan holds the page that explains the first plan to what plan new writes.
func TestFirstPlan(t *testing.T) {
	page, err := os.ReadFile("../../docs/first-plan.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```hcl\n"+strings.Replace(firstPlan, "FROM", "2026-11-30T08:00:00Z", 1)+"```") {
		t.Error("docs/first-plan.md shows another plan than mtric plan new writes")
	}
}
