package originals

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
)

// packAfter is how long after its end a day is packed: nearly all of it is there.
const packAfter = 7 * 24 * time.Hour

// mostDays are packed in a run: measurements wait for it, and each takes some seconds.
const mostDays = 30

// maxPacked bounds the bytes of the members of a pack, so that it can be made and fetched
// as one: those of 56 vantage points.
const maxPacked = 256 << 20

// Fact is what the lake knows of a file and the file does not say.
type Fact struct {
	SHA256                 string
	ReceivedAt, IngestedAt *time.Time // nil where nobody noted it
}

// Packer packs the originals of the days that are old enough. The caller holds a lock: one
// runs at a time, and no ingest beside it.
type Packer struct {
	Store *Store

	// Facts are those of the answers of a day, by name. Nil knows none. A day of which
	// they cannot be read is not packed.
	Facts func(day time.Time) (map[string]Fact, error)

	Now time.Time

	// Step is called before every change to a file, named; an error ends the run
	// there, as a kill would. For tests.
	Step func(what string) error

	maxPacked int64 // 0 is that of the package; for tests
}

// Packed is what a Packer did.
type Packed struct {
	Packs   int      `json:"packs"`
	Members int      `json:"members"`
	Bytes   int64    `json:"bytes"` // of the members
	Size    int64    `json:"size"`  // of the packs
	Left    []string `json:"left"`  // as it is, with the reason, for a person to look at
	More    bool     `json:"more"`  // days wait for the next run
}

// Run packs what is due, the oldest days first. Broken off anywhere it has lost nothing,
// and the next run comes to the same. What is wrong with a file is in the result, and that
// file stays as it is.
func (p *Packer) Run(ctx context.Context) (done Packed, err error) {
	done.Left = []string{}
	defer p.Store.forgetLook()
	months, err := p.Store.months(p.Now.Add(-packAfter))
	if err != nil {
		return done, err
	}
	days := 0 // that were packed; of others a person was told, and they must not stand in the way
	for _, dir := range months {
		found, err := p.sweep(dir)
		if err != nil {
			return done, err
		}
		for _, day := range slices.SortedFunc(maps.Keys(found), time.Time.Compare) {
			if err := ctx.Err(); err != nil {
				return done, err
			}
			if days == mostDays {
				done.More = true
				return done, nil
			}
			packs := done.Packs
			if err := p.day(day, found[day], &done); err != nil {
				return done, err
			}
			if done.Packs > packs {
				days++
			}
		}
	}
	return done, nil
}

// loose is what lies of a day beside its packs.
type loose struct {
	files    []string // originals that go into packs
	sidecars []string // without their file
}

// unfinished are the files that a killed run was writing.
var unfinished = regexp.MustCompile(`^\.[0-9]{8}(-[0-9]+)?\.tar\.zst(\.sha256)?[0-9]+$`)

// sweep removes what killed runs left half written in a month's folder, and finds what of
// the days that are due is loose.
func (p *Packer) sweep(dir string) (map[time.Time]*loose, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("originals: %w", err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	days := map[time.Time]*loose{}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), sidecarSuffix)
		n, ours := ParseName(name)
		switch {
		case unfinished.MatchString(e.Name()), e.Name() != name && isPack(name) && !names[name]:
			if err := p.remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
			continue
		case !ours || !packs[n.Kind] || interval.Partition(n.Label) != filepath.Base(dir) || !p.due(n.Label):
			continue
		}
		day := interval.Day(n.Label)
		of := cmp.Or(days[day], &loose{})
		switch {
		case e.Name() == name:
			of.files = append(of.files, name)
		case !names[name]:
			of.sidecars = append(of.sidecars, name)
		default:
			continue
		}
		days[day] = of
	}
	return days, nil
}

func (p *Packer) due(label time.Time) bool {
	return !interval.Day(label).AddDate(0, 0, 1).Add(packAfter).After(p.Now)
}

func (p *Packer) remove(path string) error {
	if err := p.step("remove %s", filepath.Base(path)); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("originals: %w", err)
	}
	return nil
}

func (p *Packer) step(format string, args ...any) error {
	if p.Step == nil {
		return nil
	}
	return p.Step(fmt.Sprintf(format, args...))
}

// member is a loose file that is to be packed.
type member struct {
	Entry
	path   string
	put    time.Time // into the folder
	copied time.Time // its time of writing
}

// day packs what lies loose of a day. What a killed run had packed already goes.
func (p *Packer) day(day time.Time, of *loose, done *Packed) error {
	held, paths, err := p.held(day, of)
	if err != nil {
		done.Left = append(done.Left, fmt.Sprintf("%s; move it away, its day is not packed", err))
		return nil
	}
	var facts map[string]Fact
	if p.Facts != nil {
		if facts, err = p.Facts(day); err != nil {
			// Packed without them it would lack them for ever.
			done.Left = append(done.Left, fmt.Sprintf("%s waits, its originals are not packed: %s", day.Format(time.DateOnly), err))
			return nil
		}
	}
	var members []member
	var known []string
	for _, name := range of.files {
		m, err := p.member(name, facts)
		had, packed := held[name]
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("%s: has no sidecar", name)
		case err == nil && packed && had != m.SHA256:
			err = fmt.Errorf("%s: a pack of its day has another file of this name, sha256 %s", name, had)
		}
		switch {
		case err != nil:
			done.Left = append(done.Left, fmt.Sprintf("%s: %s", filepath.Dir(p.path(name)), err))
		case packed:
			known = append(known, name)
		default:
			members = append(members, m)
		}
	}
	for _, name := range of.sidecars {
		if _, packed := held[name]; packed {
			known = append(known, name)
		}
	}
	if err := p.unlink(known); err != nil {
		return err
	}
	return p.pack(day, paths, members, done)
}

// pack writes members into packs after those that the day has, and unlinks them.
func (p *Packer) pack(day time.Time, paths []string, members []member, done *Packed) error {
	slices.SortFunc(members, func(a, b member) int { return compare(a.Name, b.Name) })
	number := 0
	if len(paths) > 0 {
		number = packNumber(paths[len(paths)-1])
	}
	for part := range parts(members, cmp.Or(p.maxPacked, maxPacked)) {
		number++
		size, err := p.write(p.Store.packPath(day, number), part)
		if err != nil {
			return err
		}
		done.Packs, done.Members, done.Size = done.Packs+1, done.Members+len(part), done.Size+size
		var names []string
		for _, m := range part {
			names = append(names, m.Name)
			done.Bytes += m.Size
		}
		if err := p.unlink(names); err != nil {
			return err
		}
	}
	return nil
}

// held is what the packs of a day have, by name. Where that decides over what is loose,
// they are read to their end.
func (p *Packer) held(day time.Time, of *loose) (sums map[string]string, paths []string, err error) {
	if paths, err = p.Store.packs(day); err != nil {
		return nil, nil, err
	}
	lies := map[string]bool{}
	for _, name := range slices.Concat(of.files, of.sidecars) {
		lies[name] = true
	}
	sums = map[string]string{}
	for _, path := range paths {
		entries, err := ReadIndex(path)
		if err == nil && slices.ContainsFunc(entries, func(e Entry) bool { return lies[e.Name] }) {
			entries, err = Verify(path)
		}
		if err != nil {
			return nil, nil, err
		}
		for _, e := range entries {
			sums[e.Name] = e.SHA256
		}
	}
	return sums, paths, nil
}

func (p *Packer) path(name string) string {
	n, _ := ParseName(name)
	return p.Store.Path(n)
}

// member holds a loose file against its sidecar.
func (p *Packer) member(name string, facts map[string]Fact) (m member, err error) {
	m = member{Entry: Entry{Name: name}, path: p.path(name)}
	info, err := os.Lstat(m.path)
	if err != nil {
		return m, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxMember {
		return m, fmt.Errorf("%s: is no file of at most %d bytes", name, maxMember)
	}
	sidecar, err := os.ReadFile(files.Sidecar(m.path))
	if err != nil {
		return m, err
	}
	want, err := files.ParseSidecar(sidecar, name)
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	if m.SHA256, err = files.Sum(m.path); err != nil {
		return m, err
	}
	if m.SHA256 != want {
		return m, fmt.Errorf("%s: is damaged: sha256 is %s, its sidecar says %s", name, m.SHA256, want)
	}
	m.Size, m.put, m.copied = info.Size(), changed(info), info.ModTime().UTC()
	if f, known := facts[name]; known && f.SHA256 == m.SHA256 {
		m.ReceivedAt, m.IngestedAt = f.ReceivedAt, f.IngestedAt
	} else if n, _ := ParseName(name); n.Kind != Answers {
		m.IngestedAt = new(m.copied.Truncate(time.Microsecond)) // ingest writes it then
	}
	return m, nil
}

// unlink removes loose files that a pack has, each before its sidecar: a sidecar alone is
// known for what it is.
func (p *Packer) unlink(names []string) error {
	for _, name := range names {
		path := p.path(name)
		for _, gone := range []string{path, files.Sidecar(path)} {
			if err := p.remove(gone); err != nil {
				return err
			}
		}
	}
	return nil
}

// parts splits members so that each part is bounded: between vantage points, and within
// one where it has more than a pack may hold.
func parts(members []member, most int64) func(yield func([]member) bool) {
	return func(yield func([]member) bool) {
		for len(members) > 0 {
			n, border := 0, 0
			for size := int64(0); n < len(members) && n < maxMembers; n++ {
				if n > 0 && vantagePoint(members[n]) != vantagePoint(members[n-1]) {
					border = n
				}
				if size += members[n].Size; size > most && n > 0 {
					break
				}
			}
			if n < len(members) && border > 0 {
				n = border
			}
			if !yield(members[:n]) {
				return
			}
			members = members[n:]
		}
	}
}

func vantagePoint(m member) string {
	n, _ := ParseName(m.Name)
	return string(n.VantagePoint)
}
