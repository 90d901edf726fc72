package cli_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/kinds"
)

// kind gives a script root zones of some kinds of the lab, signed a day ago: kind
// NAME…. Each has a folder of its name: zone.txt, plan/ with its anchors, anchor.txt,
// and in soa.hex what a server answers.
func kind(ts *testscript.TestScript, neg bool, names []string) {
	if neg || len(names) == 0 {
		ts.Fatalf("usage: kind NAME…")
	}
	inception := time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, -1)
	known := map[string]kinds.Kind{}
	for _, k := range kinds.All(inception) {
		known[k.Name] = k
	}
	for _, name := range names {
		k, found := known[name]
		if !found {
			ts.Fatalf("no kind %s", name)
		}
		z, err := k.Last(12, inception)
		ts.Check(err)
		write := func(file, text string) {
			ts.Check(os.MkdirAll(ts.MkAbs(name+"/plan"), 0o755))
			ts.Check(os.WriteFile(ts.MkAbs(name+"/"+file), []byte(text), 0o644))
		}
		var text bytes.Buffer
		_, err = z.WriteTo(&text)
		ts.Check(err)
		write("zone.txt", text.String())
		var plan, anchors strings.Builder
		for _, key := range k.Anchors {
			fmt.Fprintf(&plan, "anchor \"%d\" {\n  ds = %q\n}\n", key.Tag(), key.Anchor())
			fmt.Fprintln(&anchors, key.DS())
		}
		fmt.Fprintf(&plan, "zone_source \"file\" {\n  file = %q\n}\n", ts.MkAbs(name+"/zone.txt"))
		write("plan/site.hcl", plan.String())
		write("anchor.txt", anchors.String())
		query := new(dns.Msg)
		query.SetQuestion(".", dns.TypeSOA)
		query.SetEdns0(1220, true)
		asked, err := query.Pack()
		ts.Check(err)
		wire, err := z.Answer(asked, lab.NSD, "lab", true)
		ts.Check(err)
		write("soa.hex", hex.EncodeToString(wire))
	}
}
