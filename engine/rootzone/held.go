package rootzone

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// maxLine bounds a record in the archive's text: those of the apex are below 2 KB.
const maxLine = 64 << 10

// ApexKeys reads the keys of a zone of the archive that may sign, without the rest of
// it: its file has the apex at its beginning. The file is believed as it is.
func ApexKeys(path string) ([]Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	defer f.Close()
	var keys []Key
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if line == "" || line[0] == ';' { // of a file that was put there by hand
			continue
		}
		if !strings.HasPrefix(line, ".\t") && !strings.HasPrefix(line, ". ") {
			break
		}
		if !strings.Contains(line, "DNSKEY") || strings.Contains(line, "RRSIG") {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			return nil, fmt.Errorf("zone %s: %w", path, err)
		}
		if k, ok := rr.(*dns.DNSKEY); ok && SigningKey(k) {
			keys = append(keys, NewKey(k))
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("zone %s: %w", path, err)
	}
	return keys, nil
}
