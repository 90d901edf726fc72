package cli_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// serveZones gives a script places to fetch root zones from: $HTTPS with
// /zone, /next and what is wrong with them, whose certificate its programs
// believe, and $AXFR.
func (w *world) serveZones(env *testscript.Env, atEnd func(func())) error {
	next, err := w.zone.NextVersion(lab.Revision{})
	if err != nil {
		return err
	}
	other, err := w.zone.NextVersion(lab.Revision{Serial: w.zone.Serial})
	if err != nil {
		return err
	}
	stranger, err := lab.Generate(lab.Options{Seed: 2, Serial: w.zone.Serial, TLDs: 12, Inception: w.zone.Inception, Expiration: w.zone.Expiration})
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for name, z := range map[string]*lab.Zone{"/zone": w.zone, "/next": next, "/other": other, "/stranger": stranger} {
		var b bytes.Buffer
		if _, err := z.WriteTo(&b); err != nil {
			return err
		}
		texts[name] = b.String()
	}
	texts["/cut"] = texts["/next"][:20_000]
	texts["/page"] = "<html><body>503 Service Unavailable</body></html>\n"
	texts["/tampered"] = strings.Replace(texts["/next"], "IN\tA\t", "IN\tA\t1", 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := texts[r.URL.Path]
		tag := strconv.Quote(r.URL.Path)
		w.Header().Set("ETag", tag)
		switch {
		case !known:
			http.NotFound(w, r)
		case r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
		default:
			fmt.Fprint(w, text)
		}
	}))
	atEnd(s.Close)
	ca := filepath.Join(env.WorkDir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o644); err != nil {
		return err
	}
	env.Setenv("SSL_CERT_FILE", ca)
	env.Setenv("HTTPS", s.URL)
	env.Setenv("AXFR", w.good.Addr("b", measurement.IPv4).String())
	return nil
}

// sighting writes a lake whose table zones has these serials, as answers show
// them: sighting HOME STATE SERIAL….
func sighting(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sighting LAKE STATE SERIAL…")
	}
	var rows []measurement.Zone
	for _, text := range args[2:] {
		serial, err := strconv.ParseUint(text, 10, 32)
		ts.Check(err)
		rows = append(rows, measurement.Zone{Serial: int64(serial), State: measurement.ZoneState(args[1])})
	}
	ts.Check(lake.Store{Dir: ts.MkAbs(args[0]), Version: "test"}.SaveZones(rows))
}
