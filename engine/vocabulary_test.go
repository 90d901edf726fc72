package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mtric.net/mtric/engine/measurement"
)

// elsewhere are words of the vocabularies that mean something else in a package.
var elsewhere = map[string][]string{
	"engine/alert":        {"answered", "correct", "incorrect", "unchecked"},                  // fields of windows
	"engine/atlas":        {"timeout"},                                                        // an error's key
	"engine/column":       {"answered"},                                                       // a column of runs
	"engine/lake":         {"answered"},                                                       // a column of runs
	"engine/dnsmsg":       {"BADVERS"},                                                        // the mnemonic that the library lacks
	"engine/plan":         {"tcp", "udp", "timeout", "tls"},                                   // methods of a trace, attributes
	"engine/cli":          {"answered", "unchecked", "ipv4", "ipv6", "tcp", "tls", "timeout"}, // keys of logs and results, flags, net.Listen
	"engine/probe":        {"tcp", "udp"},                                                     // net.Dial
	"engine/rootzone":     {"tcp", "refused"},                                                 // net.Dial; where a key was met
	"engine/lab":          {"tcp", "udp"},                                                     // net.Listen
	"engine/transfer":     {"tcp"},                                                            // net.Dial
	"metrics/correctness": {"malformed"},                                                      // a rule
}

// TestWordsAreDeclaredOnce holds that a word of a vocabulary is written as its constant: a
// copy compiles on when the vocabulary changes, and is silently wrong.
func TestWordsAreDeclaredOnce(t *testing.T) {
	words := slices.Concat(measurement.Strings(measurement.Outcomes), measurement.Strings(measurement.Verdicts), measurement.Strings(measurement.Families),
		measurement.Strings(measurement.Transports), measurement.Strings(measurement.Metrics), measurement.MetricQueries,
		[]string{measurement.NoError, measurement.FormErr, measurement.ServFail, measurement.NXDomain, measurement.NotImp, measurement.RRefused, measurement.BadVers})
	for _, p := range measurement.Paths {
		words = append(words, p.String())
	}
	seen := map[string]bool{}
	for _, root := range []string{".", "../metrics"} {
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			where := strings.TrimPrefix(filepath.ToSlash(filepath.Join("engine", filepath.Dir(file))), "../")
			if where == "engine/measurement" || where == "engine/column/sample" { // declares them; rows for tests
				return nil
			}
			for at, word := range literals(t, file) {
				switch {
				case !slices.Contains(words, word):
				case slices.Contains(elsewhere[where], word):
					seen[where+" "+word] = true
				default:
					t.Errorf("%s: %q is a word of engine/measurement: use its constant, or say in elsewhere what it means there", at, word)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) == 0 {
		t.Error("no file was read")
	}
}

// literals are the texts of a file by their place.
func literals(t *testing.T, file string) map[token.Position]string {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[token.Position]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if text, err := strconv.Unquote(l.Value); err == nil {
				all[files.Position(l.Pos())] = text
			}
		}
		return true
	})
	return all
}
