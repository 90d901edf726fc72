package probe

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestGenuineReplies: replies of real root servers match their own question and
// none is malformed, however strictly we read.
func TestGenuineReplies(t *testing.T) {
	data := os.Getenv("MTRIC_REAL_DATA")
	if data == "" {
		t.Skip("set MTRIC_REAL_DATA to a folder with responses/*.jsonl, genuine replies of root servers, to read them")
	}
	wires := genuine(t, filepath.Join(data, "responses"))
	if len(wires) < 700 {
		t.Fatalf("%d replies", len(wires))
	}
	read, nsids, serials := 0, 0, 0
	for i, wire := range wires {
		message, asked := requestOf(wire)
		if !asked {
			continue
		}
		if why := message.mismatch(wire); why != "" {
			t.Errorf("reply %d: %s", i, why)
			continue
		}
		reply, err := message.parse(wire)
		if err != nil {
			t.Errorf("reply %d: %v: %x", i, err, wire)
			continue
		}
		read++
		if reply.NSID != nil {
			nsids++
		}
		if reply.Serial != nil {
			serials++
		}
	}
	t.Logf("%d of %d replies have a question and were read: %d serials, %d NSIDs", read, len(wires), serials, nsids)
	if read < 600 || serials == 0 || nsids == 0 {
		t.Error("too few of them")
	}
}

// requestOf is the request that a reply answers.
func requestOf(wire []byte) (request, bool) {
	if len(wire) < headerSize || wire[5] != 1 {
		return request{}, false
	}
	_, end, err := dns.UnpackDomainName(wire, headerSize)
	if err != nil || end+4 > len(wire) {
		return request{}, false
	}
	return request{wire: wire[:end+4], question: wire[headerSize : end+4]}, true
}

func genuine(t *testing.T, dir string) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s/*.jsonl (%v)", dir, err)
	}
	var wires [][]byte
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line struct {
				Wire string `json:"wire_b64"`
				Abuf string `json:"abuf"`
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			// RIPE Atlas escapes the slash once more than JSON does.
			text := strings.ReplaceAll(line.Wire+line.Abuf, `\`, "")
			wire, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			wires = append(wires, wire)
		}
		if err := lines.Err(); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return wires
}
