package files_test

import (
	"strings"
	"testing"

	"mtric.net/mtric/engine/files"
)

// The forms of sha256sum -t, -b, of a list of ./ names, of Windows, and of the BSDs.
func TestSidecarForms(t *testing.T) {
	const name = "202611220000-101.answers.parquet"
	sum := strings.Repeat("0aF", 21) + "b"
	for _, good := range []string{
		sum + "  " + name + "\n", sum + "  " + name, sum + " *" + name + "\n", sum + "  ./" + name + "\n", sum + " *./" + name + "\r\n",
		sum + "  " + name + "\r\n", "SHA256 (" + name + ") = " + sum + "\n", "SHA256 (./" + name + ") = " + sum + "\r\n",
	} {
		if got, err := files.ParseSidecar([]byte(good), name); err != nil || got != strings.ToLower(sum) {
			t.Errorf("%q: %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"", sum, sum + " " + name + "\n", sum + "   " + name + "\n", sum + " **" + name + "\n", sum + "  x" + name + "\n", sum[1:] + "  " + name + "\n",
		sum + "  " + name + "\n" + sum + "  other\n", sum + "  ../" + name + "\n", "MD5 (" + name + ") = " + sum, "SHA256 (" + name + ") =" + sum, "SHA256 (x) = " + sum, `\` + sum + "  " + name,
	} {
		if got, err := files.ParseSidecar([]byte(bad), name); err == nil {
			t.Errorf("%q is taken for %s", bad, got)
		}
	}
}
