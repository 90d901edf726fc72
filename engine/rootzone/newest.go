package rootzone

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// ErrNone says that a folder holds no good root zone; what was found and
// refused is joined to it.
var ErrNone = errors.New("no root zone at hand")

// suffix ends the name of a zone file, after the serial.
const suffix = ".root.txt"

var fileName = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})\.root\.txt$`)

// FileName returns the name of the file that keeps the zone with this serial,
// "2026112200.root.txt".
func FileName(serial uint32) string { return strconv.FormatUint(uint64(serial), 10) + suffix }

// Compare orders two serials as RFC 1982 does: negative where a is older than
// b, zero where they are equal, positive where a is newer. Two serials exactly
// 2^31 apart have no order there; here the smaller number is the older.
func Compare(a, b uint32) int {
	const half = 1 << 31
	if a == b || a-b == half {
		return cmp.Compare(a, b)
	}
	if a-b < half {
		return 1
	}
	return -1
}

// Newest reads the newest good zone of a folder, by RFC 1982 order of the
// serials in the file names. A file that Read refuses, or that holds another
// serial than its name says, is passed over and named in Zone.Skipped. The
// error wraps ErrNone and the reasons where no file is good or the
// folder does not exist.
func Newest(dir string) (*Zone, error) {
	serials, err := Serials(dir)
	if err != nil {
		return nil, err
	}
	var skipped []error
	for len(serials) > 0 {
		newest := serials[len(serials)-1]
		serials = serials[:len(serials)-1]
		zone, err := open(filepath.Join(dir, FileName(newest)), false)
		if err == nil {
			zone.Skipped = skipped
			return zone, nil
		}
		skipped = append(skipped, err)
	}
	none := fmt.Errorf("%w in %s", ErrNone, dir)
	for _, err := range skipped {
		none = fmt.Errorf("%w; %w", none, err)
	}
	return nil, none
}

// open reads a zone file. The serial in its name, where it is of the archive's
// form, must be the zone's.
func open(path string, whole bool) (*Zone, error) {
	name := filepath.Base(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("zone %s: not a regular file", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", name, err)
	}
	defer f.Close()
	zone, err := read(f, name, whole)
	if err != nil {
		return nil, err
	}
	if fileName.MatchString(name) && name != FileName(zone.Serial) {
		return nil, fmt.Errorf("zone %s: holds serial %d", name, zone.Serial)
	}
	return zone, nil
}
