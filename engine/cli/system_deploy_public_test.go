//go:build system

package cli_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// secret stands in every file that nobody may reach.
const secret = "value-of-one-RSI"

// plant puts files of a report, public and not, where mtric report would, and
// other things that must not be served.
const plant = `
cd /home/metrics && runuser -u metrics -- bash -c '
mkdir -p Reports/` + reportFolder + `/{internal,rsi/a,revisions/1/internal} Lake/answers/yyyymm=202601
for f in report.txt report.json report.html revisions/1/report.txt; do echo public > Reports/` + reportFolder + `/$f; done
for f in internal/full.txt internal/full.json internal/report.txt rsi/a/report.txt revisions/1/internal/full.json draft.txt; do
  echo ` + secret + ` > Reports/` + reportFolder + `/$f
done
echo ` + secret + ` > Quarantine/` + secret + `
echo ` + secret + ` > Lake/answers/.being-written
echo ` + secret + ` > Output/` + secret + `
echo ` + secret + ` > State/` + secret + `
ln -sfn /home/metrics/Quarantine Lake/answers/link
ln -sf /home/metrics/State/` + secret + ` Lake/answers/file
ln -sf /home/metrics/State/` + secret + ` Reports/` + reportFolder + `/revisions/1/report.json
mkdir -p Reports/weekly-2026-01-05; ln -sfn /home/metrics/State Reports/weekly-2026-01-05/revisions
/usr/local/bin/mtric-publish /srv/mtric/public rssac047'
`

// uproot takes it all away again: an analyst would stumble over the links.
const uproot = `cd /home/metrics && rm -rf Reports/{` + reportFolder + `,weekly-2026-01-05} Lake/answers/{yyyymm=202601,.being-written,link,file} {Quarantine,Output,State}/` + secret + ` /srv/mtric/public/reports/*`

// testPublic: the public tree is served, by HTTPS and by rsync, and nothing else is.
func (d *deployed) testPublic(t *testing.T) {
	for _, edition := range []string{"public", "internal"} { // as cron does, which may be at it
		if out, err := d.mtricOn("c00", "site --edition "+edition+" --out Site/"+edition); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	d.must(t, "c00", plant)
	t.Run("HTTPS", d.testHTTPS)
	t.Run("rsync", d.testRsync)
	d.must(t, "c00", uproot)
}

// curl returns the status and the body of an answer.
func (d *deployed) curl(t *testing.T, path string, more ...string) (status, body string) {
	t.Helper()
	args := append([]string{"curl", "-sS", "--path-as-is", "--max-time", "20", "--cacert", filepath.Join(d.local, "tls", "fullchain.pem"), "-w", "\n%{http_code}"}, more...)
	out := d.in("vp", append(args, path)...)
	i := strings.LastIndexByte(out, '\n')
	return out[i+1:], out[:i]
}

func (d *deployed) testHTTPS(t *testing.T) {
	site := "https://" + d.address("c00")
	for path, want := range map[string]string{
		"/": "originals/", "/originals/": "20", "/lake/": "answers/", "/rootzones/": ".root.txt", "/manifests/": ".sha256.sig", "/plan/": "site.hcl",
		"/site/": "<title>", "/site/mtric.js": "tile", "/site/data/now.js": "mtric.tile(", "/site/data/index.js": `"edition":"public"`,
		"/docs/method.md": "| 101 | 101.mtric.net | africa | Nairobi |", "/docs/data.md": "answers",
		"/plan/plan.json": `"vantage_points"`, "/reports/" + reportFolder + "/report.txt": "public", "/reports/" + reportFolder + "/revisions/1/report.txt": "public",
	} {
		if status, body := d.curl(t, site+path); status != "200" || !strings.Contains(body, want) {
			t.Errorf("%s: %s, without %q:\n%s", path, status, want, body)
		}
	}
	// Other collectors ask for a zone by its serial.
	_, listing := d.curl(t, site+"/rootzones/")
	zone := regexp.MustCompile(`[0-9]+\.root\.txt`).FindString(listing)
	serial, _, _ := strings.Cut(zone, ".")
	if status, body := d.curl(t, site+"/rootzones/"+zone); status != "200" || !strings.HasPrefix(body, ".\t") || !strings.Contains(body, " "+serial+" ") {
		t.Errorf("zone %q: %s, %.200q", zone, status, body)
	}
	report := "/reports/" + reportFolder
	for _, path := range []string{
		report + "/internal/", report + "/internal/full.json", report + "/rsi/a/report.txt", report + "/rsi/", report + "/draft.txt", report + "/revisions/1/internal/full.json",
		report + "/revisions/1/report.json", "/reports/weekly-2026-01-05/revisions/", "/Quarantine/", "/quarantine/", "/internal/", "/lake/answers/.being-written", "/site/.made.json", "/site/data/", "/site/../internal/index.html", "/Site/internal/index.html", "/lake/answers/link/" + secret, "/lake/answers/file",
		"/lake/../Quarantine/" + secret, "/lake/%2e%2e/Quarantine/" + secret, "/lake../Quarantine/" + secret, "/lake/..%2fQuarantine/" + secret, "/originals/../../../home/metrics/State/" + secret,
		"/../../../../home/metrics/Quarantine/" + secret, "/lake//../../Quarantine/" + secret, "/rootzones/../" + secret, "/home/metrics/State/" + secret, "/etc/passwd", "//etc/passwd", "/State/", "/Logs/", "/Output/",
	} {
		if status, body := d.curl(t, site+path); status == "200" || strings.Contains(body, secret) {
			t.Errorf("%s: %s\n%s", path, status, body)
		}
	}
	for path, want := range map[string]string{"/site/": "text/html", "/site/mtric.js": "text/javascript", "/site/style.css": "text/css"} {
		_, head := d.curl(t, site+path, "-I")
		for _, want := range []string{"content-type: " + want, "content-security-policy: default-src 'none'", "nosniff"} {
			if !strings.Contains(strings.ToLower(head), want) {
				t.Errorf("%s: without %q:\n%s", path, want, head)
			}
		}
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "MKCOL", "PROPFIND"} {
		if status, _ := d.curl(t, site+"/plan/evil", "-X", method, "-d", "x"); status[0] != '4' {
			t.Errorf("%s: %s", method, status)
		}
	}
	if status, _ := d.curl(t, "http://"+d.address("c00")+"/plan/plan.json"); status != "301" {
		t.Errorf("without TLS: %s", status)
	}
	if status, body := d.curl(t, site+"/plan/plan.json", "-r", "0-0"); status != "206" || body != "{" {
		t.Errorf("range: %s %q", status, body)
	}
}

func (d *deployed) testRsync(t *testing.T) {
	from := "rsync://" + d.address("c00") + "/"
	if out := d.in("vp", "rsync", from); len(strings.Fields(out)) == 0 || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "public") {
		t.Errorf("modules: %q", out)
	}
	copied := filepath.Join(d.dir, "public")
	const partly = 23 // it names the links that the server did not follow
	out, err := d.command("vp", "rsync", "-rtL", "--timeout=30", "--safe-links", from+"public/", copied).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == partly) {
		t.Fatalf("%v\n%s", err, out)
	}
	files := 0
	must(t, filepath.WalkDir(copied, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), secret) || strings.Contains(path, "internal") || strings.Contains(path, secret) {
			t.Errorf("rsync gave %s", path)
		}
		return err
	}))
	if files < 10 {
		t.Errorf("rsync gave %d files", files)
	}
	for name, args := range map[string][]string{
		"upload":       {"/etc/hostname", from + "public/plan/"},
		"above":        {from + "public/../../../home/metrics/State/" + secret, d.dir + "/got"},
		"link":         {"-L", from + "public/lake/answers/file", d.dir + "/got"},
		"dot":          {from + "public/lake/answers/.being-written", d.dir + "/got"},
		"other module": {from + "home/", d.dir + "/got"},
	} {
		out, err := d.command("vp", append([]string{"rsync", "--timeout=20"}, args...)...).CombinedOutput()
		text, _ := os.ReadFile(d.dir + "/got")
		if err == nil || strings.Contains(string(text), secret) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	d.verifyManifests(t, copied)
	d.doItAgain(t, copied)
}

// doItAgain makes a report of the copied tree, as docs/method.md says.
func (d *deployed) doItAgain(t *testing.T, copied string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(copied, "docs", "method.md"))
	must(t, err)
	if strings.Contains(string(page), "Johannesburg") {
		t.Error("docs/method.md has the places of the example")
	}
	now := d.began
	must(t, os.Mkdir(filepath.Join(copied, "bin"), 0o755))
	must(t, os.Symlink(d.bin, filepath.Join(copied, "bin", "mtric")))
	for line := range strings.Lines(string(page)) {
		command, _, _ := strings.Cut(strings.TrimSpace(line), "  #")
		if !strings.HasPrefix(command, "bin/mtric ") {
			continue
		}
		// The page's month is an example; the public report of a month that is not over is the test's own.
		command = strings.NewReplacer("2026-11 ", now.Format("2006-01 "), " report.json", " Reports/monthly-"+now.Format("2006-01")+"/report.json").Replace(command)
		cmd := exec.Command("bash", "-c", command+" --now "+now.AddDate(0, 2, 0).Format("2006-01-02T15:04:05Z"))
		cmd.Dir = copied
		out, err := cmd.CombinedOutput()
		exit := (*exec.ExitError)(nil)
		if errors.As(err, &exit) && (exit.ExitCode() == 3 || exit.ExitCode() == 4) {
			err = nil // one interval of a month misses thresholds
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}

// verifyManifests does what anybody can who copied the public tree.
func (d *deployed) verifyManifests(t *testing.T, copied string) {
	t.Helper()
	manifests, err := filepath.Glob(filepath.Join(copied, "manifests", "*.sha256"))
	must(t, err)
	if len(manifests) == 0 {
		t.Fatal("no manifest")
	}
	for _, m := range manifests {
		shell(t, "bash", "-c", `cd "$1/manifests" && ssh-keygen -q -Y verify -f allowed_signers -I manifest@c00.mtric.net -n mtric-manifest -s "$2.sig" < "$2"`, "-", copied, filepath.Base(m))
		text, err := os.ReadFile(m)
		must(t, err)
		if !strings.Contains(string(text), "  plan/plan.json\n") {
			t.Errorf("%s lacks the plan:\n%s", m, text)
		}
	}
}
