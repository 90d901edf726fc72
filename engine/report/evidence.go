package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/edition"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// Evidence is the name of the file with the wire of an incorrect answer, in the
// folder evidence/ of a dossier.
func Evidence(r *measurement.Answer) string { return evidenceOf(r) + ".dns" }

func evidenceOf(r *measurement.Answer) string {
	return fmt.Sprintf("%s-%s-%s-%s", interval.Format(r.Interval), r.VantagePoint, r.Family, r.Transport)
}

// evidence writes an incorrect answer as it came, and beside it what is wrong with
// it and how anyone can judge it again.
func evidence(dir string, r *measurement.Answer, uses []correctness.Known) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sent, candidates := sentAt(r), candidates(uses, r)
	var b strings.Builder
	fmt.Fprintf(&b, "question %s %s\nasked    %s of %s over %s/%s from VP %s\nNSID     %s\nzones    %s\njudged   by zone %s\nbroken rules\n",
		diag.Printable(r.QName), diag.Printable(r.QType), micro(sent), diag.Printable(r.Address), r.Family, r.Transport, r.VantagePoint, edition.Dash(diag.Printable(text(r.NSID))),
		edition.Dash(strings.Trim(fmt.Sprint(candidates), "[]")), edition.Dash(integer(r.VerdictSerial)))
	for _, f := range r.Failures {
		b.WriteString("  " + diag.Printable(f) + "\n")
	}
	if len(r.Response) > 0 && len(candidates) > 0 {
		fmt.Fprintf(&b, "judge it again in this folder, by the zones that it may be of; mtric dispute .. also asks whether it may be of no other\n  mtric check --anchor ../%s", anchorsFile)
		for _, serial := range candidates {
			fmt.Fprintf(&b, " --zone ../%s/%s", DossierZones, rootzone.FileName(serial))
		}
		fmt.Fprintf(&b, " --response %s --at %s --qname %s --qtype %s\n", Evidence(r), micro(sent), quoted(r.QName), quoted(r.QType))
	}
	if len(r.Response) > 0 {
		if err := os.WriteFile(filepath.Join(dir, Evidence(r)), r.Response, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, evidenceOf(r)+".txt"), []byte(b.String()), 0o644)
}

// micro is a time as precise as the lake has it, in RFC 3339.
func micro(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// quoted makes one word for a shell of what a vantage point sent.
func quoted(s string) string {
	plain := strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789.-")
	if plain == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(diag.Printable(s), "'", `'\''`) + "'"
}
