package lake

import (
	"crypto/sha256"
	"io"
	"time"

	"mtric.net/mtric/engine/column"
)

// Print tells what a row group holds from anything else: a hash of its bytes, and its
// first and last interval. Known is false where the file does not say which these are.
type Print struct {
	First, Last time.Time
	Known       bool
	Sum         [sha256.Size]byte
}

// Prints are those of a day's file, in the order of its row groups; what a merge takes over
// as it is keeps its own. The error is fs.ErrNotExist where there is no file.
func (s Store) Prints(table column.Table, day time.Time) (all []Print, err error) {
	err = column.Open(s.Path(table, day), table, func(f *column.File) error {
		for i, g := range f.Groups() {
			p := Print{}
			var first, last int64
			if first, last, p.Known = g.Intervals(); p.Known {
				p.First, p.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
			}
			h := sha256.New()
			for _, c := range f.File.Metadata().RowGroups[i].Columns {
				from := c.MetaData.DataPageOffset
				if d := c.MetaData.DictionaryPageOffset; d > 0 {
					from = min(from, d)
				}
				if _, err := io.Copy(h, io.NewSectionReader(f.File, from, c.MetaData.TotalCompressedSize)); err != nil {
					return err
				}
			}
			h.Sum(p.Sum[:0])
			all = append(all, p)
		}
		return nil
	})
	return all, err
}
