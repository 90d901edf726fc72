// Package lake keeps the rows of all vantage points: a file of Parquet a day and table,
// which grows by merges and is replaced whole.
package lake

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Store is a lake: <Dir>/<table>/yyyymm=YYYYMM/<table>-YYYYMMDD.parquet, one file
// a day and table, and <Dir>/zones/zones.parquet. Files change only by being
// replaced whole, so who opens each once never sees a row twice or misses one.
type Store struct {
	Dir     string // the folder that holds answers/
	Version string // of the engine, goes into what is written

	RowGroup      int // rows of a row group of a day, at most; 0 is 524,288
	RowGroupBytes int // bytes of its wires and texts, about; 0 is 64 MiB
}

// Path is the file of a table for the day (UTC) that t lies in; the tables zones,
// vantage_points and zone_serials have one file for all time.
func (s Store) Path(table column.Table, t time.Time) string {
	if !table.Daily() {
		return filepath.Join(s.Dir, string(table), string(table)+".parquet")
	}
	day := interval.Day(t)
	return filepath.Join(s.Dir, string(table), "yyyymm="+interval.Partition(day), fmt.Sprintf("%s-%s.parquet", table, day.Format("20060102")))
}

// limits are those of a row group.
type limits struct{ rows, bytes int }

func (s Store) limits() limits {
	return limits{cmp.Or(s.RowGroup, column.GroupRows), cmp.Or(s.RowGroupBytes, groupBytes)}
}

// DayFile is one day of a table.
type DayFile struct {
	Day  time.Time // 00:00 UTC
	Path string
}

var month = regexp.MustCompile(`^yyyymm=[0-9]{6}$`)

// Days lists the files of a table that can hold intervals of [from, until), by
// day; a zero time is no bound. A lake without the table has none. A *.parquet
// file that is not named as the lake names its own is an error, since a glob of
// an analyst's would read it.
func (s Store) Days(table column.Table, from, until time.Time) ([]DayFile, error) {
	root := filepath.Join(s.Dir, string(table))
	partitions, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lake: %w", err)
	}
	var days []DayFile
	for _, p := range partitions {
		if !p.IsDir() || !month.MatchString(p.Name()) {
			if strings.HasSuffix(p.Name(), ".parquet") {
				return nil, foreignFile(filepath.Join(root, p.Name()))
			}
			continue
		}
		files, err := os.ReadDir(filepath.Join(root, p.Name()))
		if err != nil {
			return nil, fmt.Errorf("lake: %w", err)
		}
		for _, f := range files {
			path := filepath.Join(root, p.Name(), f.Name())
			if !strings.HasSuffix(f.Name(), ".parquet") || strings.HasPrefix(f.Name(), ".") || strings.HasPrefix(f.Name(), "_") {
				continue // being written, or no data
			}
			day, err := time.Parse(string(table)+"-20060102.parquet", f.Name())
			if err != nil || s.Path(table, day) != path {
				return nil, foreignFile(path)
			}
			if (until.IsZero() || day.Before(until)) && (from.IsZero() || day.AddDate(0, 0, 1).After(from)) {
				days = append(days, DayFile{day, path})
			}
		}
	}
	slices.SortFunc(days, func(a, b DayFile) int { return a.Day.Compare(b.Day) })
	return days, nil
}

// Sweep removes what writers that were killed left half made. The caller is the
// lake's only writer.
func (s Store) Sweep() error {
	var errs []error
	for _, pattern := range []string{filepath.Join("*", "yyyymm=*", ".*"), filepath.Join(string(column.Zones), ".*"), filepath.Join(string(column.VantagePoints), ".*"), filepath.Join(string(column.ZoneSerials), ".*"), filepath.Join("plans", ".*")} {
		left, err := fs.Glob(os.DirFS(s.Dir), filepath.ToSlash(pattern))
		errs = append(errs, err)
		for _, name := range left {
			errs = append(errs, os.Remove(filepath.Join(s.Dir, filepath.FromSlash(name))))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("lake: %w", err)
	}
	return nil
}

func foreignFile(path string) error {
	return fmt.Errorf("lake: %s is not a file of the lake; move it away", path)
}

// Zones reads the table zones, by serial; a lake without it has none.
func (s Store) Zones() ([]measurement.Zone, error) { return whole[measurement.Zone](s) }

// SaveZones replaces the table zones.
func (s Store) SaveZones(rows []measurement.Zone) error { return save(s, rows) }

// Sites reads the table vantage_points, by vantage point and time; a lake without it has
// none.
func (s Store) Sites() ([]measurement.Site, error) { return whole[measurement.Site](s) }

// SaveSites replaces the table vantage_points.
func (s Store) SaveSites(rows []measurement.Site) error { return save(s, rows) }

// Serials reads the table zone_serials, by zone and serial; a lake without it has none.
func (s Store) Serials() ([]measurement.ZoneSerial, error) { return whole[measurement.ZoneSerial](s) }

// SaveSerials replaces the table zone_serials.
func (s Store) SaveSerials(rows []measurement.ZoneSerial) error { return save(s, rows) }

// Older reports whether a table's file, of the day where it has one a day, is of an older
// schema than this program writes. The error is column.ErrNewer where it is of a newer one.
func (s Store) Older(table column.Table, day time.Time) (older bool, err error) {
	err = column.Open(s.Path(table, day), table, func(f *column.File) error {
		older = !f.Current()
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return older, err
}

// whole reads a table that has one file.
func whole[T column.Row](s Store) ([]T, error) {
	rows, _, err := column.Read[T](s.Path(column.TableOf[T](), time.Time{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return rows, err
}

// save replaces the file of a table that has one.
func save[T column.Row](s Store, rows []T) error {
	path := s.Path(column.TableOf[T](), time.Time{})
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("lake: %w", err)
	}
	return column.Write(path, rows, column.Metadata{Version: s.Version})
}
