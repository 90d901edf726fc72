package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

// A report says before its numbers why answers have no verdict, which zone is missing,
// who shows it and what proves it; and verify comes to the same.
func TestReportSaysWhatIsLacking(t *testing.T) {
	store, p := shortWeek(t)
	day := monday
	missing := int64(0)
	err := lake.Amend(store, day, func(_ int64, a *measurement.Answer) {
		if a.Query == "soa" && a.Serial != nil {
			missing = max(missing, *a.Serial)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	err = lake.Amend(store, day, func(_ int64, a *measurement.Answer) {
		if a.Verdict != nil && held < 7 {
			held++
			unchecked := measurement.Unchecked
			a.Verdict, a.VerdictSerial, a.Failures = &unchecked, nil, []string{"hold: zone " + fmt.Sprint(missing) + " is not archived"}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	zones, err := store.Zones()
	if err != nil {
		t.Fatal(err)
	}
	for i := range zones {
		if z := &zones[i]; z.Serial == missing {
			z.State, z.Proof, z.ArchivedAt, z.Source, z.SHA256 = measurement.ZoneSeen, new(measurement.ProofWitnesses), nil, nil, nil
		}
	}
	if err := store.SaveZones(zones); err != nil {
		t.Fatal(err)
	}
	d := frame(t, p, day.AddDate(0, 0, 14))
	if _, err := d.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if d.Archive.Begins == nil || len(d.Archive.Missing) != 1 || d.Archive.Missing[0].Serial != missing || d.Archive.Missing[0].Held != 7 ||
		len(d.Archive.Missing[0].RSIs) == 0 || len(d.Archive.Missing[0].VantagePoints) == 0 {
		t.Errorf("%+v", d.Archive)
	}
	if want := []report.Held{{Reason: "zone " + fmt.Sprint(missing) + " is not archived", Answers: 7}}; !slices.Equal(d.Held, want) {
		t.Errorf("%+v", d.Held)
	}
	notes := strings.Join(d.Notes, "\n")
	for _, want := range []string{"7 correctness answers without a verdict, which count neither for nor against anybody: zone " + fmt.Sprint(missing) + " is not archived.",
		"Root zone " + fmt.Sprint(missing) + " is missing in the archive: shown by RSIs a", "proven by these witnesses"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is missing in\n%s", want, notes)
		}
	}
	same(t, d, store)
}
