package transfer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pkg/sftp"
)

// upload answers one client's requests: write, rename and stat below incoming/.
// os.Root keeps every path within the user's folder, links or not.
type upload struct {
	root  *os.Root
	quota int64
}

// place is the path of a file directly in incoming/.
func place(p string) (string, error) {
	name, inside := strings.CutPrefix(strings.TrimPrefix(p, "/"), "incoming/")
	if !inside || name == "" || strings.Contains(name, "/") {
		return "", sftp.ErrSSHFxPermissionDenied
	}
	return "incoming/" + name, nil
}

// Fileread refuses: this is a dropbox.
func (u *upload) Fileread(*sftp.Request) (io.ReaderAt, error) {
	return nil, sftp.ErrSSHFxPermissionDenied
}

// Filewrite opens a file as the client's flags say.
func (u *upload) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	name, err := place(r.Filepath)
	if err != nil {
		return nil, err
	}
	flags := os.O_WRONLY
	if r.Pflags().Creat {
		flags |= os.O_CREATE
	}
	if r.Pflags().Trunc {
		flags |= os.O_TRUNC
	}
	f, err := u.root.OpenFile(name, flags, 0o644)
	if err != nil {
		return nil, status(err)
	}
	return &limited{File: f, most: u.quota}, nil
}

// limited refuses to grow over its quota, as a full disk does.
type limited struct {
	*os.File
	most int64
}

func (l *limited) WriteAt(b []byte, at int64) (int, error) {
	if l.most > 0 && at+int64(len(b)) > l.most {
		return 0, sftp.ErrSSHFxFailure
	}
	return l.File.WriteAt(b, at)
}

// Filecmd renames; a change of attributes is let pass and does nothing.
func (u *upload) Filecmd(r *sftp.Request) error {
	switch r.Method {
	case "Setstat":
		return nil
	case "Rename", "PosixRename":
		return u.PosixRename(r)
	}
	return sftp.ErrSSHFxPermissionDenied
}

// PosixRename renames over what is there.
func (u *upload) PosixRename(r *sftp.Request) error {
	from, err := place(r.Filepath)
	if err != nil {
		return err
	}
	to, err := place(r.Target)
	if err != nil {
		return err
	}
	return status(u.root.Rename(from, to))
}

// Filelist answers stat; a folder's content is nobody's business.
func (u *upload) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method != "Stat" {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	name, err := place(r.Filepath)
	if err != nil {
		return nil, err
	}
	info, err := u.root.Lstat(name)
	if err != nil {
		return nil, status(err)
	}
	return one{info}, nil
}

// one lists a single file.
type one struct{ info os.FileInfo }

func (o one) ListAt(list []os.FileInfo, at int64) (int, error) {
	if at > 0 || len(list) == 0 {
		return 0, io.EOF
	}
	list[0] = o.info
	return 1, io.EOF
}

// status hides the server's paths from the client.
func status(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return sftp.ErrSSHFxNoSuchFile
	}
	return sftp.ErrSSHFxPermissionDenied
}
