//go:build system

package cli_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hurry has cron run the frequent commands every minute as well, in the shortened form.
func (d *deployed) hurry(t *testing.T) {
	t.Helper()
	if d.whole {
		return
	}
	for m := range d.nets {
		d.must(t, m, `crontab -u metrics -l | grep -E ' (measure|ingest) ' | sed -E 's#^(\S+ ){5}#* * * * * metrics #' > /etc/cron.d/hurry; test -s /etc/cron.d/hurry`)
	}
}

// mtric runs a command of mtric on a machine as cron does.
func (d *deployed) mtricOn(m, args string) (string, error) {
	return d.as(m, "cd /home/metrics && runuser -u metrics -- env HOME=/home/metrics /opt/mtric/current/mtric "+args+" --plan rssac047 --plan /opt/mtric/current/plan --vp "+m)
}

// testFlow waits for what cron does: measurements that come by SFTP into the
// lake, and DuckDB that reads it over HTTPS as anybody can.
func (d *deployed) testFlow(t *testing.T) {
	wait := 8 * time.Minute // on a machine that is busy with other tests
	if d.whole {
		wait = 12 * time.Minute
	}
	d.until(t, wait, "rows of both vantage points in the lake", func() bool {
		out, _ := d.as("c00", "grep -h rows_added /home/metrics/Logs/c00-log.txt; ls /home/metrics/Originals/*/")
		return strings.Contains(out, "-101.answers.parquet") && strings.Contains(out, "-102.answers.parquet")
	})
	got := d.overHTTPS(t, `SELECT vantage_point, count(*) % 65, count(*) >= 65, bool_and(outcome = 'answered'), bool_and(plan)
		FROM (SELECT a.*, length(r.plan_sha256) = 64 AS plan FROM answers a JOIN runs r USING (vantage_point, "interval"))
		GROUP BY 1 ORDER BY 1`)
	if want := "[('101', 0, True, True, True), ('102', 0, True, True, True)]"; got != want {
		t.Errorf("lake over HTTPS: %s, want %s", got, want)
	}
	if left := strings.TrimSpace(d.must(t, "c00", "ls /home/metrics/Quarantine")); left != "" {
		t.Errorf("quarantine: %s", left)
	}
	if d.whole {
		d.until(t, 12*time.Minute, "routes and judged answers", func() bool {
			return d.overHTTPS(t, "SELECT count(*) FILTER (verdict = 'correct') > 0, count(*) FILTER (verdict = 'incorrect') FROM answers") == "[(True, 0)]" &&
				d.overHTTPS(t, "SELECT count(DISTINCT vantage_point), bool_and(reached) FROM routes") == "[(2, True)]"
		})
	}
}

// read is an analyst's program: the lake over HTTPS, without any account.
const read = `
import sys, re, ssl, urllib.request, duckdb, duckdb_extension_httpfs, pathlib
site, certificate, query = sys.argv[1:4]
context = ssl.create_default_context(cafile=certificate)
def listing(path):
    page = urllib.request.urlopen(site + path, context=context, timeout=20).read().decode()
    return [path + n for n in re.findall(r'<a href="([^"?]+)">', page) if n != "../"]
c = duckdb.connect()
extension, = pathlib.Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
c.execute(f"LOAD '{extension}'")
c.execute(f"SET ca_cert_file = '{certificate}'")
c.execute("SET enable_server_cert_verification = true")
for folder in listing("lake/"):
    if "plans" in folder:
        continue
    files = [site + f for f in (listing(folder) if "zones" in folder or "vantage_points" in folder else [f for m in listing(folder) for f in listing(m)])]
    if files:
        c.execute(f"CREATE VIEW {folder.split('/')[1]} AS SELECT * FROM read_parquet({files})")
print(c.execute(query).fetchall())
`

func (d *deployed) overHTTPS(t *testing.T, query string) string {
	t.Helper()
	out, err := d.command("vp", filepath.Join(d.cache, "web", "bin", "python"), "-c", read, "https://"+d.address("c00")+"/", filepath.Join(d.local, "tls", "fullchain.pem"), query).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// power turns a vantage point off as a power cut does, in the whole test.
func (d *deployed) power(t *testing.T) time.Time {
	t.Helper()
	if d.whole {
		d.off(t, "102")
	}
	return time.Now().UTC()
}

func (d *deployed) off(t *testing.T, m string) {
	t.Helper()
	for _, pid := range strings.Fields(d.netns(m)) {
		_ = exec.Command("kill", "-KILL", pid).Run() // it may have ended with its parent
	}
	_ = d.runs[m].Wait()
	delete(d.runs, m)
}

// netns lists the processes of a machine.
func (d *deployed) netns(m string) string {
	out, _ := exec.Command("ip", "netns", "pids", d.prefix+m).Output() // none is no error
	return string(out)
}

// prometheus asks the collector's Prometheus, which only the collector can.
func (d *deployed) prometheus(t *testing.T, query string) string {
	t.Helper()
	return d.must(t, "c00", `python3 -c 'import sys, urllib.request, urllib.parse
print(urllib.request.urlopen("http://127.0.0.1:9090/api/v1/query?query=" + urllib.parse.quote(sys.argv[1]), timeout=10).read().decode())' '`+query+`'`)
}

// testAlerts: what mtric says, a vantage point's included, is in Prometheus, and its alerting rules fire.
func (d *deployed) testAlerts(t *testing.T) {
	if out, err := d.mtricOn("c00", "watch"); err == nil {
		t.Errorf("watch found nothing: %s", out)
	}
	for _, query := range []string{
		`mtric_alert_firing{machine="c00",rule="quarantine"} == 1`,
		`mtric_run_success{machine="c00",command="ingest"}`,
		`ALERTS{rule="quarantine"}`,
		`mtric_run_success{machine="c00",command="publish"} == 1`,
		`mtric_manifest_timestamp_seconds > 0`,
		`mtric_certificate_expiry_timestamp_seconds > time()`,
		`absent(node_textfile_scrape_error > 0)`,
	} {
		d.until(t, time.Minute, query, func() bool { return strings.Contains(d.prometheus(t, query), `"value"`) })
	}
}

// testKilled: the collector notices that a vantage point was turned off, and only that one.
func (d *deployed) testKilled(t *testing.T, at time.Time) {
	firing := func(vp string) bool {
		return strings.Contains(d.prometheus(t, `mtric_alert_firing{rule="interval-missing",vantage_point="`+vp+`"} == 1`), `"value"`)
	}
	d.until(t, 16*time.Minute, "102 is missed, 101 is not", func() bool { return firing("102") && !firing("101") })
	t.Logf("noticed after %s", time.Since(at).Round(time.Second))
}
