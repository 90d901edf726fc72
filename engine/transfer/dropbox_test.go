package transfer_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// client speaks SFTP with the dropbox as its owner would who means harm.
func (s *site) client() *sftp.Client {
	text, err := os.ReadFile(s.pusher.Target.KeyFile)
	s.check(err)
	signer, err := ssh.ParsePrivateKey(text)
	s.check(err)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(s.pusher.Target.Port)))
	conn, err := ssh.Dial("tcp", address, &ssh.ClientConfig{User: "transfer-101",
		Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(s.dropbox.HostKey())})
	s.check(err)
	c, err := sftp.NewClient(conn)
	s.check(err)
	s.t.Cleanup(func() {
		_ = c.Close()
		_ = conn.Close()
	})
	return c
}

// A dropbox takes files into incoming/ and does nothing else for its user.
func TestDropboxIsUploadOnly(t *testing.T) {
	s := newSite(t)
	secret := filepath.Join(filepath.Dir(filepath.Dir(s.box)), "secret")
	s.check(os.WriteFile(secret, []byte("another's"), 0o644))
	s.check(os.WriteFile(filepath.Join(s.box, "own"), []byte("mine"), 0o644))
	s.check(os.Symlink(secret, filepath.Join(s.box, "link")))
	c := s.client()
	write := func(name string) error {
		f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte("harm"))
		return errors.Join(err, f.Close())
	}
	read := func(name string) error { _, err := c.Open(name); return err }
	list := func(name string) error { _, err := c.ReadDir(name); return err }
	for what, err := range map[string]error{
		"write above":         write("../secret"),
		"write above again":   write("incoming/../../secret"),
		"write absolute":      write("/etc/mtric-harm"),
		"write beside":        write("file"),
		"write below":         write("incoming/deep/file"),
		"write through link":  write("incoming/link"),
		"read":                read("incoming/own"),
		"list":                list("incoming"),
		"list all":            list("/"),
		"make folder":         c.Mkdir("incoming/folder"),
		"remove":              c.Remove("incoming/own"),
		"link":                c.Symlink("/etc/passwd", "incoming/l"),
		"rename out":          c.PosixRename("incoming/own", "../own"),
		"rename another's in": c.PosixRename("../secret", "incoming/secret"),
	} {
		if err == nil {
			t.Errorf("%s: allowed", what)
		}
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "another's" {
		t.Errorf("the secret is now %q, %v", text, err)
	}
	s.check(write("incoming/new"))
	s.check(c.PosixRename("incoming/new", "incoming/own"))
}
