package atlas_test

import (
	"bytes"
	"context"
	"net/netip"
	"path/filepath"
	"testing"

	"mtric.net/mtric/engine/atlas"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
)

// contradicted holds a row against its own response, as ingest does with rows of strangers.
func contradicted(t *testing.T, a *measurement.Answer) {
	t.Helper()
	if !a.VantagePoint.Valid() || a.VantagePoint.Machine() {
		t.Errorf("vantage point %q", a.VantagePoint)
	}
	if (a.SentAt == nil) != (a.Outcome == measurement.LocalError) || (a.LatencyUS == nil) != (a.Outcome != measurement.Answered) {
		t.Errorf("%+v", a)
	}
	if a.Address != "" {
		if _, err := netip.ParseAddr(a.Address); err != nil {
			t.Errorf("address %q", a.Address)
		}
	}
	if err := probe.Contradicted(a); err != nil && a.Outcome == measurement.Answered {
		t.Errorf("%v: %+v", err, a)
	}
}

// FuzzImport: no file makes the import panic, and every result is a
// row that can be believed, or is counted.
func FuzzImport(f *testing.F) {
	soa := wire(f, ".", "SOA", nil)
	for _, seed := range []string{
		line(f, answer(soa, nil)), "[" + line(f, answer(soa, nil)) + "]", line(f, with(answer(soa, nil), map[string]any{"msm_id": 900001})),
		line(f, map[string]any{"resultset": []any{answer(soa, nil), map[string]any{"error": map[string]any{"timeout": 5000}, "time": noon}}}),
		line(f, map[string]any{"error": map[string]any{"TUCONNECT": "Connection refused"}, "msm_id": 10101, "proto": "TCP"}),
		"\x1f\x8b", "BZh9", "\x28\xb5\x2f\xfd", `{"msm_id":10001}`, "null", "[[", `{"msm_id":10001,"type":"dns","result":{"abuf":"","rt":1e300}}`,
	} {
		f.Add([]byte(seed))
	}
	set := builtIn()
	set.Questions[900001] = atlas.Question{}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := filepath.Join(t.TempDir(), "lake")
		if err := atlas.Prepare(dir, "builtin"); err != nil {
			t.Fatal(err)
		}
		m := atlas.Importer{Lake: lake.Store{Dir: dir}, Set: set, Servers: servers, Identity: true, Now: now}
		counts, err := m.Run(context.Background(), []atlas.Source{source(bytes.Clone(text))})
		if err != nil {
			if n := len(rows[measurement.Answer](t, dir)); n > 0 {
				t.Errorf("%d rows of a file that breaks off", n)
			}
			return
		}
		accounted(t, counts)
		for _, a := range rows[measurement.Answer](t, dir) {
			contradicted(t, &a)
		}
	})
}

func FuzzMeasurements(f *testing.F) {
	f.Add([]byte(`{"count":1,"results":[{"id":900001,"type":"dns","af":6,"target":"k.root-servers.net","protocol":"TCP","query_class":"IN","query_type":"SOA","query_argument":"."}]}`))
	f.Add([]byte(`[{"id":1,"type":{"name":"dns"}}] {"objects":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := atlas.Measurements(bytes.NewReader(text), servers)
		if err == nil && len(all) == 0 {
			t.Error("nothing, and no error")
		}
	})
}
