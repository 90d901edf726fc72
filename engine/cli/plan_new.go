package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mtric.net/mtric/engine/interval"
)

// firstPlan is what plan new writes: a plan for one's own servers, measured, ingested and
// reported on one machine, and FROM the interval in which it is written.
// docs/first-plan.md goes on from here.
const firstPlan = `plan "mine" {
  paths = { dropboxes = "Dropboxes/{vantage_point}" } # one machine: what is measured is ingested here
}

vantage_point "101" {
  region = "europe"
  metro  = "Frankfurt"
  from   = "FROM" # what was measured before does not count
}

server "mine" { # a block for each name server
  rsi  = "ns1"
  name = "ns1.example."
  ipv4 = "192.0.2.1" # and ipv6, where it has one
}

zone "example" { # a block for each zone: its serials are followed
  name    = "example."
  servers = server.mine
}

schedule "interval" {
  every = "5m"
}

query "apex" { # a block for each question
  schedule = schedule.interval
  servers  = server.mine
  qname    = "example."
  qtype    = "SOA"
}
`

func (a *app) planNewCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new DIR",
		Short: "Write a first plan for your own name servers",
		Long: `New writes plan.hcl into a folder: one vantage point that asks one server for one SOA
record every five minutes, on one machine, which ingests and reports too. Put in your
own server and zone, and go on from there: docs/first-plan.md.`,
		Example: "  mtric plan new my-plan && mtric plan check --plan my-plan",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.planNew(args[0]) },
	}
}

// planNew writes the plan where none is.
func (a *app) planNew(dir string) error {
	file := filepath.Join(dir, "plan.hcl")
	if isPlanDir(dir) {
		if there, err := planFiles([]string{dir}); err == nil {
			return usagef("%s: holds a plan already, %s; name a new folder", dir, filepath.Base(there[0]))
		}
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would write %s\n", file)
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s: is there already; name a new folder", file)
	}
	if err != nil {
		return fmt.Errorf("first plan: %w", err)
	}
	_, err = f.WriteString(strings.Replace(firstPlan, "FROM", interval.Of(now()).Format(time.RFC3339), 1))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("first plan: %w", err)
	}
	if a.flags.json {
		return a.printJSON(map[string]string{"file": file})
	}
	if a.flags.quiet {
		return nil
	}
	_, err = fmt.Fprintf(a.out, `%s is written. Put your server and your zone into it, then:

  %[2]s plan check --plan %[3]s
  %[2]s query ns1 --query apex --plan %[3]s
  %[2]s measure --plan %[3]s --home home --vp 101 --no-wait
  %[2]s ingest  --plan %[3]s --home home --vp c00
  %[2]s show home/Lake/answers/*/*.parquet
`, file, a.self, dir)
	return err
}
