package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const exitHelp = `Every command ends with one of these:

  0    done
  1    failed
  2    plan or usage wrong
  3    done, with findings (alert firing, threshold missed, rule test failed,
       answer incorrect, verify differs, verdict not confirmed, fmt --check differs)
  4    partly done (some unchecked)
  5    another run holds the lock, or it is done already
  130  interrupted
  141  output closed early (broken pipe)`

// usageTemplate is cobra's without the flags that all commands share, which are a topic
// of their own here: twenty equal lines below each help hide what differs.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{$all := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $all}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableSubCommands}}

{{if .Groups}}Further commands:{{else}}Commands:{{end}}{{range $all}}{{if and (eq .GroupID "") .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if and .HasParent .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

"{{.CommandPath}} COMMAND --help" explains a command.{{end}}

The flags of every command: mtric help flags. What an exit code says: mtric help exit-codes.
`

// The groups of commands in the program's own help.
var commandGroups = []struct {
	title    string
	commands []string
}{
	{"Start here:", []string{"demo", "plan", "query"}},
	{"On a vantage point:", []string{"measure", "push", "watch"}},
	{"On the collector:", []string{"zone", "ingest", "report", "rebuild"}},
	{"With the data:", []string{"show", "export", "import", "snapshot", "check", "verify", "dispute", "backtest"}},
	{"Without a network:", []string{"simulate", "rehearse"}},
}

// arrangeHelp puts the commands into their groups and makes topics of what all of them share.
func arrangeHelp(root *cobra.Command) {
	root.SetUsageTemplate(usageTemplate)
	for _, g := range commandGroups {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, name := range g.commands {
			c, _, err := root.Find([]string{name})
			if err != nil {
				panic(err) // the command is not there: a mistake of the program
			}
			c.GroupID = g.title
		}
	}
	flags := "Every command takes these flags; one that has no use for a flag says so or passes it over.\n\n" +
		root.PersistentFlags().FlagUsages()
	for _, topic := range []*cobra.Command{
		{Use: "flags", Short: "The flags that every command takes", Long: flags},
		{Use: "exit-codes", Short: "What the exit code of a command says", Long: exitHelp},
	} {
		topic.SetUsageTemplate("")
		root.AddCommand(topic)
	}
}

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages into a folder",
		Long: `Man writes a manual page of section 1 for each command into a folder: mtric.1,
mtric-measure.1 and so on. Their date is that of SOURCE_DATE_EPOCH, else today's.`,
		Example: "  mtric man man1 && man -l man1/mtric-measure.1",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.man(c.Root(), args[0]) },
	}
}

func (a *app) man(root *cobra.Command, dir string) error {
	if a.flags.dryRun {
		_, err := fmt.Fprintf(a.out, "would write the man pages into %s\n", dir)
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("man pages: %w", err)
	}
	root.DisableAutoGenTag = true // the header has the date
	root.Long += "\n\n" + exitHelp
	keepTables(root)
	header := &doc.GenManHeader{Section: "1", Source: "mtric " + Version, Manual: "mtric"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fmt.Errorf("man pages: %w", err)
	}
	return nil
}

// keepTables makes what is indented in help texts blocks of code in Markdown, of which man pages are
// made: else the lines of a table run together.
func keepTables(c *cobra.Command) {
	var text strings.Builder
	before := ""
	for line := range strings.Lines(c.Long) {
		if strings.HasPrefix(line, "  ") {
			if before != "\n" && !strings.HasPrefix(before, "  ") {
				text.WriteString("\n")
			}
			text.WriteString("  ")
		}
		text.WriteString(line)
		before = line
	}
	c.Long = text.String()
	for _, sub := range c.Commands() {
		keepTables(sub)
	}
}
