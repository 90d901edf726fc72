//go:build system

package cli_test

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What somebody can try who has taken over vantage point 101 and has its key.
// Each is run there, in the home of metrics; none may succeed. The flood comes last:
// in a full dropbox whatever is tried would fail for want of room.
var attempts = []struct{ name, command string }{
	{"a shell", "$SSH transfer-101@c00.mtric.net id"},
	{"a terminal", "$SSH -tt transfer-101@c00.mtric.net"},
	{"another subsystem", "$SSH transfer-101@c00.mtric.net -s shell"},
	{"another command of sftp-server", "$SSH transfer-101@c00.mtric.net /usr/lib/openssh/sftp-server"},
	{"the old scp", "scp -O $KEY /etc/hostname transfer-101@c00.mtric.net:incoming/scp"},
	{"a way to Prometheus", "$SSH -W 127.0.0.1:9090 transfer-101@c00.mtric.net"},
	{"a socket there", "$SSH -o ExitOnForwardFailure=yes -N -R /tmp/evil:127.0.0.1:22 transfer-101@c00.mtric.net"},
	{"a way back", "$SSH -o ExitOnForwardFailure=yes -N -R 9999:127.0.0.1:22 transfer-101@c00.mtric.net"},
	{"a tunnel", "$SSH -o ExitOnForwardFailure=yes -N -w any:any transfer-101@c00.mtric.net"},
	{"another account", "$SSH transfer-102@c00.mtric.net -s sftp < /dev/null"},
	{"the account of the data", "$SSH metrics@c00.mtric.net id"},
	{"the administrator", "$SSH root@c00.mtric.net id"},
	{"the other vantage point", "$SSH metrics@102.mtric.net id"},
	{"a password", "$SSH -o PubkeyAuthentication=no -o PreferredAuthentications=password,keyboard-interactive transfer-101@c00.mtric.net"},
	{"chmod", "echo 'chmod 777 incoming/probe' | $SFTP"},
	{"chmod of the dropbox", "echo 'chmod 777 incoming' | $SFTP"},
	{"chown", "echo 'chown 0 incoming/probe' | $SFTP"},
	{"chgrp", "echo 'chgrp 0 incoming/probe' | $SFTP"},
	{"symbolic link", "echo 'symlink /etc/passwd incoming/link' | $SFTP"},
	{"hard link", "echo 'ln incoming/probe incoming/link' | $SFTP"},
	{"folder", "echo 'mkdir incoming/folder' | $SFTP"},
	{"folder beside", "echo 'mkdir folder' | $SFTP"},
	{"dropbox away", "echo 'rmdir incoming' | $SFTP"},
	{"dropbox elsewhere", "echo 'rename incoming elsewhere' | $SFTP"},
	{"file out of the dropbox", "echo 'rename incoming/probe /probe' | $SFTP"},
	{"file beside", "echo 'put /etc/hostname /beside' | $SFTP"},
	{"file above", "echo 'put /etc/hostname ../../etc/cron.d/evil' | $SFTP"},
	{"removal", "echo 'rm incoming/probe' | $SFTP"},
	{"listing", "echo 'ls incoming' | $SFTP"},
	{"listing of the neighbours", "echo 'ls /..' | $SFTP"},
	{"neighbour's dropbox", "echo 'put /etc/hostname ../transfer-102/incoming/evil' | $SFTP"},
	{"passwd", "echo 'get /etc/passwd' | $SFTP"},
	{"passwd above", "echo 'get ../../etc/passwd' | $SFTP"},
	{"own files back", "echo 'get incoming/probe' | $SFTP"},
	{"copy on the server", "echo 'copy incoming/probe incoming/copy' | $SFTP"},
	{"free space of the machine", "echo 'df' | $SFTP"},
	{"more than the dropbox holds", "head -c 40M /dev/zero > flood; echo 'put flood incoming/flood' | $SFTP"},
}

// timedOut is the exit code of timeout: what nobody refused goes on for ever.
const timedOut = 124

// A vantage point that was broken into fills its own dropbox and lies about its
// own measurements, and that is all.
func (d *deployed) testBrokenInto(t *testing.T) {
	const setting = `cd /home/metrics; KEY="-q -o BatchMode=yes -o ConnectTimeout=10"; SSH="ssh $KEY"; SFTP="sftp $KEY -b - transfer-101@c00.mtric.net"; `
	try := func(command string) (string, error) {
		return d.as("101", "timeout 30 runuser -u metrics -- env HOME=/home/metrics bash -c '"+strings.ReplaceAll(setting+command, "'", `'\''`)+"'")
	}
	if out, err := try("echo 'put /etc/hostname incoming/probe' | $SFTP"); err != nil {
		t.Fatalf("what is allowed fails, so that the rest proves nothing: %v\n%s", err, out)
	}
	before := d.must(t, "c00", "find /sftp -xdev -printf '%p %u %g %m\n' | sort; ls -A /sftp/*; ls /etc/cron.d")
	for _, a := range attempts {
		name, command := a.name, a.command
		out, err := try(command)
		if exit := (*exec.ExitError)(nil); err == nil || errors.As(err, &exit) && exit.ExitCode() == timedOut {
			t.Errorf("%s succeeded, or was not refused: %s\n%s", name, command, out)
		} else if strings.Contains(out, "uid=") || strings.Contains(out, "root:x:") {
			t.Errorf("%s: %s\n%s", name, command, out)
		}
	}
	after := d.must(t, "c00", "find /sftp -xdev -printf '%p %u %g %m\n' | sort; ls -A /sftp/*; ls /etc/cron.d")
	if before != after {
		t.Errorf("outside of incoming, before\n%s\nand after\n%s", before, after)
	}
	t.Run("a crowd of sessions", func(t *testing.T) { testCrowd(t, try) })
	t.Run("a full dropbox is nobody else's", func(t *testing.T) {
		// What filled it before may be gone: cron's ingest makes room.
		d.must(t, "c00", `box=/sftp/transfer-101/incoming; runuser -u transfer-101 -- dd if=/dev/zero of=$box/full bs=64k 2> /dev/null
			test "$(df --output=avail -k $box | tail -1)" -lt 100 &&
			runuser -u transfer-102 -- touch /sftp/transfer-102/incoming/room && rm /sftp/transfer-102/incoming/room; code=$?; rm -f $box/full; exit $code`)
	})
	t.Run("outside of the chroot too", func(t *testing.T) {
		for _, path := range []string{"/sftp/transfer-102/incoming", "/home/metrics/Reports", "/home/metrics/Quarantine", "/home/metrics/.ssh", "/etc/nginx/tls", "/var/lib/mtric/dropboxes"} {
			if out, err := d.as("c00", "runuser -u transfer-101 -- ls "+path); err == nil {
				t.Errorf("transfer-101 reads %s: %s", path, out)
			}
		}
	})
	d.must(t, "c00", "rm -f /sftp/transfer-101/incoming/{flood,probe}")
	t.Run("rows of others", func(t *testing.T) { d.testRowsOfOthers(t, try) })
}

// testCrowd: sessions that idle cost the collector's memory, so there are few.
func testCrowd(t *testing.T, try func(string) (string, error)) {
	out, _ := try(`for i in $(seq 30); do sftp $KEY transfer-101@c00.mtric.net < <(sleep 15) > /dev/null 2>&1 & done
		sleep 8; ss -Htn state established '( dport = 22 )' | wc -l; kill $(jobs -p) 2> /dev/null`)
	if n, err := strconv.Atoi(strings.TrimSpace(out)); err != nil || n < 1 || n > 12 {
		t.Errorf("%q sessions, want 1 to 12: %v", out, err)
	}
}

// testRowsOfOthers: what 101 sends in the name of 102 comes into no table.
func (d *deployed) testRowsOfOthers(t *testing.T, try func(string) (string, error)) {
	const count = "SELECT count(*), count(*) FILTER (vantage_point = '102') FROM answers WHERE \"interval\" < '2026-01-01'"
	_, _ = d.mtricOn("c00", "ingest") // what is on its way; findings are looked at below
	// A genuine file of 102 twice: under its own name, and under one of 101.
	theirs := strings.TrimSpace(d.must(t, "c00", "ls /home/metrics/Originals/*/*-102.answers.parquet | head -1"))
	data := d.must(t, "c00", "base64 -w0 "+theirs)
	if _, err := base64.StdEncoding.DecodeString(strings.TrimSpace(data)); err != nil {
		t.Fatal(err)
	}
	must(t, os.WriteFile(filepath.Join(d.dir, "run/101/root/home/metrics/theirs.b64"), []byte(data), 0o644))
	label := strings.Split(filepath.Base(theirs), "-")[0]
	for _, name := range []string{label + "-102.answers.parquet", label + "-101.answers.parquet"} {
		out, err := try(`base64 -d theirs.b64 > ` + name + `; sha256sum ` + name + ` > ` + name + `.sha256; printf "put ` + name + ` incoming/` + name + `\nput ` + name + `.sha256 incoming/` + name + `.sha256\n" | $SFTP`)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	sums := func() string {
		return d.must(t, "c00", "sha256sum /home/metrics/Originals/*/*-102.answers.parquet | sort | head -n 1")
	}
	before := sums()
	_, _ = d.mtricOn("c00", "ingest") // or that of cron, which may have come first
	reasons := d.must(t, "c00", "sleep 2; cd /home/metrics/Quarantine && grep -r . --include=*.reason.txt .")
	for _, name := range []string{label + "-102.answers.parquet", label + "-101.answers.parquet"} {
		if !strings.Contains(reasons, name) {
			t.Errorf("%s is not in quarantine:\n%s", name, reasons)
		}
	}
	if after := sums(); after != before {
		t.Errorf("the original of 102 changed: %s, then %s", before, after)
	}
	if got := d.overHTTPS(t, count); got != "[(0, 0)]" {
		t.Errorf("rows of other times: %s", got)
	}
}
