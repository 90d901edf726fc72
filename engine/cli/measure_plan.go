package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/alert"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/plan"
)

// leavePlan leaves the plan in Output for the next push where it is not the one that
// was left last: whoever reads runs.plan_sha256 must be able to look it up. What goes
// wrong costs no measurement; the next interval tries again.
func (m *measuring) leavePlan() {
	err := m.writePlan()
	if err != nil {
		err = fmt.Errorf("plan for the collector: %w", err)
	}
	m.condition("measure", "plan", alert.Warning, err)
}

func (m *measuring) writePlan() error {
	memory := filepath.Join(m.state, "last-plan")
	last, err := os.ReadFile(memory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sum := m.facts.PlanSHA256
	if strings.TrimSpace(string(last)) == sum {
		return nil
	}
	text := m.plan.JSON()
	if len(text) > plan.MaxJSON {
		return fmt.Errorf("it has %d bytes, and the collector takes %d", len(text), plan.MaxJSON)
	}
	path := filepath.Join(m.output, interval.Format(m.label)+"-"+string(m.vp)+".plan.json")
	// The sidecar goes first: alone it is nothing to anybody, while a file alone would
	// wait for it for ever. The plan's hash is that of its file.
	for _, f := range []struct{ path, text string }{
		{files.Sidecar(path), sum + "  " + filepath.Base(path) + "\n"}, {path, string(text)}, {memory, sum + "\n"},
	} {
		if err := renameio.WriteFile(f.path, []byte(f.text), 0o644, renameio.WithTempDir(filepath.Dir(f.path))); err != nil {
			return err
		}
	}
	return nil
}
