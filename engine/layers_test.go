package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "mtric.net/mtric"

// level is the height of each package; it may import only from a smaller one.
// An import that goes up or sideways makes two stages one, and neither can then
// be read, tested or replaced alone.
var level = map[string]int{
	"engine/measurement": 0, "engine/interval": 0, "engine/clock": 0, "engine/dnsmsg": 0, "engine/diag": 0, "engine/files": 0, "engine/column/thrift": 0, "plans": 0,
	"engine/atlas/identity": 1, "engine/column": 1, "engine/edition": 1, "engine/expr": 1, "engine/plan": 1, "engine/rootzone": 1, "engine/scamper": 1, "engine/transfer": 1,
	"engine/expect": 2, "engine/spool": 2, "engine/lake": 2, "engine/lab": 2, "metrics/correctness": 2,
	"engine/comparison": 3, "engine/judge": 3, "engine/originals": 3, "engine/probe": 3, "engine/export": 3, "engine/simulate": 3, "engine/lab/kinds": 3, "metrics": 3,
	"engine/serials": 3, "engine/atlas": 4, "engine/atlas/crowd": 4, "engine/derive": 4, "engine/ingest": 4, "engine/alert": 4, "engine/report": 4, "engine/survey": 4, "metrics/objectives": 4,
	"engine/rebuild": 5, "engine/attainment": 5, "engine/site": 5, "engine/dispute": 5,
	"engine/rehearse":      6,
	"engine/cli":           7,
	"engine":               0, // the map
	"":                     8, // main
	"engine/column/sample": forTests, "engine/diag/golden": forTests, "engine/edition/hostile": forTests, "engine/lab/small": forTests,
}

// forTests is the level of packages that only tests import: nothing is above it.
const forTests = 9

// homes says which packages may import a library that has one role: a second
// place would give it a second.
var homes = map[string][]string{
	"github.com/hashicorp/hcl/v2":      {"engine/diag", "engine/plan"},
	"github.com/google/cel-go":         {"engine/expr", "engine/expect", "engine/alert"},
	"github.com/miekg/dns":             {"engine/atlas", "engine/atlas/crowd", "engine/dnsmsg", "engine/rootzone", "engine/serials", "engine/probe", "engine/lab", "engine/lab/small", "engine/simulate", "metrics/correctness"},
	"github.com/parquet-go/parquet-go": {"engine/column", "engine/spool", "engine/lake"},
	"github.com/apache/arrow":          {"engine/export"},
	"github.com/pkg/sftp":              {"engine/transfer"},
}

// processWide are functions that set or read what the whole process shares: a library
// that called one would do it to whoever calls it, so only commands do.
var processWide = map[string][]string{
	"flag":                  {"Parse", "Bool", "Duration", "Int", "String"},
	"log":                   {"SetFlags", "SetOutput", "SetPrefix"},
	"log/slog":              {"SetDefault", "SetLogLoggerLevel"},
	"math/rand":             {"Seed"},
	"net/http":              {"Handle", "HandleFunc"},
	"os":                    {"Chdir", "Clearenv", "Environ", "Exit", "ExpandEnv", "Getenv", "LookupEnv", "Setenv", "Stderr", "Stdin", "Stdout", "Unsetenv"},
	"os/signal":             {"Ignore", "Notify", "NotifyContext", "Reset", "Stop"},
	"runtime":               {"GC", "SetBlockProfileRate", "SetMutexProfileFraction"}, // and GOMAXPROCS but for asking it
	"runtime/debug":         {"FreeOSMemory", "SetGCPercent", "SetMaxStack", "SetMaxThreads", "SetMemoryLimit", "SetPanicOnFault", "SetTraceback"},
	"syscall":               {"Chdir", "Chroot", "Setenv", "Setrlimit", "Setpriority", "Umask"},
	"golang.org/x/sys/unix": {"Chdir", "Chroot", "Prctl", "Setenv", "Setpriority", "Setrlimit", "Umask"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Dir        string
	GoFiles    []string
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		own, known := level[name]
		if !known {
			t.Errorf("%s has no level: put it into the table here and into docs/architecture.md", name)
			continue
		}
		for _, imported := range p.Imports {
			if reason := refuse(name, own, imported); reason != "" {
				t.Error(reason)
			}
		}
	}
}

// refuse says why the package may not import that path; empty when it may.
func refuse(name string, own int, imported string) string {
	if rest, ours := strings.CutPrefix(imported, module+"/"); ours {
		if theirs := level[rest]; theirs >= own {
			return fmt.Sprintf("%s (level %d) imports %s (level %d): a package imports only from a smaller level, "+
				"so that each stage can be read and tested without those after it; move what both need down", name, own, rest, theirs)
		}
		return ""
	}
	for library, places := range homes {
		if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(places, name) {
			return fmt.Sprintf("%s imports %s, which has its role in %s only: go through that package", name, imported, strings.Join(places, ", "))
		}
	}
	return ""
}

func TestProcessWideSettingsAreTheCommands(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if name == module || name == "engine/cli" || level[name] == forTests {
			continue
		}
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, use := range processWideIn(t, text) {
				t.Errorf("%s/%s: %s is of the whole process: only engine/cli uses it; make it a field that the command fills", p.ImportPath, file, use)
			}
		}
	}
}

// processWideIn names what the source of a file uses of processWide.
func processWideIn(t *testing.T, source []byte) (uses []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]string{} // path by local name
	for _, i := range f.Imports {
		of, _ := strconv.Unquote(i.Path.Value)
		name := path.Base(of)
		if i.Name != nil {
			name = i.Name.Name
		}
		imported[name] = of
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
			number, ok := call.Args[0].(*ast.BasicLit)
			if s, is := call.Fun.(*ast.SelectorExpr); is && s.Sel.Name == "GOMAXPROCS" && !(ok && number.Value == "0") {
				uses = append(uses, "runtime.GOMAXPROCS")
			}
		}
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && slices.Contains(processWide[imported[x.Name]], s.Sel.Name) {
			uses = append(uses, x.Name+"."+s.Sel.Name)
		}
		return true
	})
	return uses
}

func TestProcessWideIsSeen(t *testing.T) {
	const source = `package p
import ("os"; d "runtime/debug"; "runtime"; "golang.org/x/sys/unix")
func f() { defer d.SetGCPercent(d.SetGCPercent(20)); _ = os.Getenv("X"); unix.Umask(0); runtime.GOMAXPROCS(2)
 _ = runtime.GOMAXPROCS(0); _, _ = os.Open("x"); var os struct{ X int }; _ = os.X }`
	want := []string{"d.SetGCPercent", "d.SetGCPercent", "os.Getenv", "unix.Umask", "runtime.GOMAXPROCS"}
	if got := processWideIn(t, []byte(source)); !slices.Equal(got, want) {
		t.Errorf("seen: %v, want %v", got, want)
	}
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Dir,GoFiles", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var ours []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			ours = append(ours, p)
		}
	}
	if len(ours) < 5 {
		t.Fatalf("go list names only %d packages of ours", len(ours))
	}
	return ours
}

func TestLayersRefuse(t *testing.T) {
	for _, c := range []struct {
		name, imported string
		refused        bool
	}{
		{"engine/plan", module + "/engine/measurement", false},
		{"engine/plan", module + "/engine/probe", true},
		{"engine/plan", module + "/engine/lake", true},
		{"engine/plan", "github.com/hashicorp/hcl/v2/hclsyntax", false},
		{"engine/cli", "github.com/miekg/dns", true},
		{"engine/cli", "github.com/spf13/cobra", false},
	} {
		if got := refuse(c.name, level[c.name], c.imported); (got != "") != c.refused {
			t.Errorf("%s imports %s: %q", c.name, c.imported, got)
		}
	}
}
