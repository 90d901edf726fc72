package judge

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
)

// archived brings the table up to what is in the archive, with the record of how it
// came there.
func (j *Judge) archived(rows map[int64]*measurement.Zone) error {
	serials, err := rootzone.Serials(j.RootZones)
	if err != nil {
		return err
	}
	j.tellGone(rows, serials)
	// After the zones, or the record of one that comes now would be missing.
	j.fetches, err = rootzone.Records(j.RootZones)
	if err != nil {
		// Answers must not wait for it, and a zone's origin is noted only once.
		j.Left(rootzone.RecordsFile(j.RootZones), err.Error())
		return nil
	}
	for _, serial := range serials {
		var z measurement.Zone
		if had := rows[int64(serial)]; had != nil {
			z = *had
		}
		if z.State == measurement.ZoneArchived {
			if z.SignedAt == nil { // written before it was noted, or it could not be read then
				z.SignedAt, _ = signedAt(filepath.Join(j.RootZones, rootzone.FileName(serial)), false)
				rows[z.Serial] = &z
			}
			continue
		}
		z.Serial = int64(serial)
		var bad errBadZone
		switch err := j.archive(&z); {
		case errors.Is(err, fs.ErrNotExist): // removed since the folder was read
		case errors.As(err, &bad):
			j.Left(filepath.Join(j.RootZones, rootzone.FileName(serial)), "is no good root zone, move it away: "+bad.Error())
		case err != nil:
			return fmt.Errorf("root zones: %w", err)
		default:
			rows[z.Serial] = &z
		}
	}
	return nil
}

// tellGone tells of archived zones whose files are gone. They stay archived: they were
// proved and in use, and an answer that only they explain must accuse nobody.
func (j *Judge) tellGone(rows map[int64]*measurement.Zone, serials []uint32) {
	var gone []int64
	for serial, z := range rows {
		switch {
		case z.State != measurement.ZoneArchived || slices.Contains(serials, uint32(serial)):
		case j.withdrawn(uint32(serial)):
			rows[serial] = &measurement.Zone{Serial: serial, FirstSeen: z.FirstSeen, FirstSeenRSI: z.FirstSeenRSI, State: measurement.ZoneBogus}
		default:
			gone = append(gone, serial)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		j.Left(j.RootZones, fmt.Sprintf("lacks %d zones that were archived there, put them back; answers of them wait: %d", len(gone), gone[:min(len(gone), mostNamed)]))
	}
}

// Withdrawn is the folder of the archive that zones are moved to which turned out not
// to be genuine, such as those signed by a key in wrong hands. They count as if they
// had never been archived.
const Withdrawn = "withdrawn"

func (j *Judge) withdrawn(serial uint32) bool {
	_, err := os.Stat(filepath.Join(j.RootZones, Withdrawn, rootzone.FileName(serial)))
	return err == nil
}

// mostNamed bounds a list of serials in a message.
const mostNamed = 20

// errBadZone is a file that has the name of a zone and proves nothing.
type errBadZone struct{ error }

// archive fills in the archive's columns of a zone that has come to it: one that is on
// record as proved, or that proves itself now. One on record whose file was damaged
// since is a zone that was in use and cannot be read: it must accuse nobody.
func (j *Judge) archive(z *measurement.Zone) error {
	path := filepath.Join(j.RootZones, rootzone.FileName(uint32(z.Serial)))
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	sum, err := files.Sum(path)
	if err != nil {
		return err
	}
	at, source, added, recorded := info.ModTime(), "unknown", false, ""
	for _, rec := range j.recordsOf(uint32(z.Serial)) {
		if rec.SHA256 == sum {
			recorded = sum
		}
		if rec.Added && !added {
			at, source, added, recorded = rec.At, rec.Source, true, cmp.Or(rec.SHA256, recorded)
		}
	}
	if recorded == "" { // nothing says that this text is what was proved
		_, err := rootzone.Proved(path, j.Anchors)
		if err != nil && !added {
			return errBadZone{err}
		}
		if err == nil {
			recorded = sum
		}
	}
	at = at.UTC().Truncate(time.Microsecond)
	z.SignedAt, _ = signedAt(path, recorded == sum) // a zone that cannot be read is told of where it is needed
	z.State, z.ArchivedAt, z.Source, z.SHA256 = measurement.ZoneArchived, &at, &source, nil
	if recorded != "" {
		z.SHA256 = &recorded // by which the zone is believed
	}
	return nil
}

// signedAt is when a zone of the archive was signed. Of what is as it was proved to be, the
// apex says it.
func signedAt(path string, proved bool) (*time.Time, error) {
	if proved {
		if at, err := rootzone.ApexSignedAt(path); err == nil {
			return &at, nil
		}
	}
	zone, err := rootzone.Open(path)
	if err != nil {
		return nil, err
	}
	at, err := zone.SignedAt()
	if err != nil {
		return nil, err
	}
	return &at, nil
}

// recordsOf are the records of a zone. Those of long ago are read, once a run, for a
// zone that the latest do not name: one that was put there by hand, mostly.
func (j *Judge) recordsOf(serial uint32) []rootzone.Record {
	others := func(rec rootzone.Record) bool { return rec.Serial != serial }
	if of := slices.DeleteFunc(slices.Clone(j.fetches), others); len(of) > 0 {
		return of
	}
	return slices.DeleteFunc(slices.Clone(j.oldRecords()), others)
}

// oldRecords are the records of long ago, read once a run.
func (j *Judge) oldRecords() []rootzone.Record {
	if j.history == nil {
		var err error
		if j.history, err = rootzone.OldRecords(j.RootZones); err != nil {
			j.Left(j.RootZones, err.Error())
			j.history = []rootzone.Record{}
		}
	}
	return j.history
}
