package expect_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mtric.net/mtric/engine/diag/golden"
	"mtric.net/mtric/engine/expect"
)

const languagePage = "../../docs/plan-language.md"

// part is what a page has between <!-- name --> and <!-- /name -->.
func part(t *testing.T, name string) (*regexp.Regexp, []byte) {
	t.Helper()
	data, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	between := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n(.*?)<!-- /` + name + ` -->`)
	if !between.Match(data) {
		t.Fatalf("%s has no part between <!-- %s --> and <!-- /%s -->", languagePage, name, name)
	}
	return between, data
}

func table(fields []expect.Field) string {
	var b strings.Builder
	b.WriteString("| field | type | meaning |\n|---|---|---|\n")
	for _, f := range fields {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, f.Type, f.Doc)
	}
	return b.String()
}

// TestPageListsEveryField compares the page with the code; -update writes the tables.
func TestPageListsEveryField(t *testing.T) {
	for name, fields := range map[string][]expect.Field{"fields": expect.Fields(), "record": expect.RecordFields()} {
		between, data := part(t, name)
		want := between.ReplaceAllLiteral(data, fmt.Appendf(nil, "<!-- %s -->\n\n%s\n<!-- /%s -->", name, table(fields), name))
		if *golden.Update && !bytes.Equal(data, want) {
			if err := os.WriteFile(languagePage, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		golden.Compare(t, languagePage, want)
	}
}

func TestPageListsEveryFunction(t *testing.T) {
	data, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?s)Of CEL there are: (.*?), the operators`).FindSubmatch(data)
	if line == nil {
		t.Fatal("the page does not say what of CEL there is")
	}
	var listed []string
	for _, name := range regexp.MustCompile("`([A-Za-z_]+)`").FindAllSubmatch(line[1], -1) {
		listed = append(listed, string(name[1]))
	}
	slices.Sort(listed)
	want, err := expect.Functions()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, listed); d != "" {
		t.Errorf("functions (-want +got):\n%s", d)
	}
}

// TestExamplesOfPage: each is true of one response and of no other.
func TestExamplesOfPage(t *testing.T) {
	between, data := part(t, "examples")
	text := strings.Trim(string(between.FindSubmatch(data)[1]), "`\n")
	examples := strings.Split(strings.TrimPrefix(text, "cel\n"), "\n")
	wires := [][]byte{
		message(t, dns.RcodeNameError, "\n"+negative),
		message(t, dns.RcodeSuccess, `example. 300 IN TXT "ns10" "7.fra"`+"\n"+`example. 300 IN TXT "ns1x7.fra"`),
		message(t, dns.RcodeSuccess, "example. 300 IN DNSKEY 256 3 8 AwEAAQ==\nexample. 300 IN DNSKEY 257 3 8 AwEAAQ=="),
	}
	if len(examples) != len(wires) {
		t.Fatalf("%d examples: %q", len(examples), examples)
	}
	for i, condition := range examples {
		for j, wire := range wires {
			got, err := of(t, condition).Meets(row(), wire)
			if err != nil || got.Why != "" || *got.Expected != (i == j) {
				t.Errorf("%s of response %d: %+v, %v", condition, j, got, err)
			}
		}
	}
}
