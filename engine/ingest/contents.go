package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
	"unique"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/judge"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
	"mtric.net/mtric/engine/spool"
)

// contents is what a file that was sent holds, once every row was held against the
// contract.
type contents struct {
	answers   *lake.Group[measurement.Answer] // of such a file; its rows are read again from the copy
	routes    *lake.Group[measurement.Route]
	run       *measurement.Run // of its metadata
	sightings []judge.Sighting // serials that its answers show
	keys      []judge.KeySighting
}

// read reads a file that was taken. What is wrong with it is the reason why it is
// rejected; such a file leaves nothing behind. One that a newer mtric wrote is aside: it
// waits for the update of this one.
func (r *run) read(t *taken, data []byte) (c contents, reason string, aside error) {
	check := r.checker
	check.vp, check.label = t.vp, t.label.UTC()
	var err error
	if t.table == column.Answers {
		c, err = answersOf(t, data, check)
	} else {
		c.routes, err = routesOf(t, data, check)
	}
	switch {
	case errors.Is(err, column.ErrNewer):
		return contents{}, "", err
	case err != nil:
		return contents{}, oneLine(err.Error()), nil
	}
	return c, "", nil
}

// hopContent is the memory of a hop.
const hopContent = 64

func answersOf(t *taken, data []byte, check checker) (c contents, err error) {
	rows, meta, file, err := spool.Read[measurement.Answer](data, MaxRows)
	if err != nil {
		return c, err
	}
	check.schema = meta.Schema
	content := 0 // before what is read of it
	for i := range rows {
		if content += rows[i].Content(); content > MaxContent {
			return c, fmt.Errorf("row %d: more than %d bytes of responses and texts", i+1, MaxContent)
		}
	}
	for i := range rows {
		if err := check.answer(&rows[i]); err != nil {
			return c, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	labels := func(i int) (string, measurement.RSI) { return rows[i].Query, rows[i].RSI }
	if err := errors.Join(check.foreign(len(rows), labels), distinct(rows), extras(rows), check.metadata(meta), counted(meta.Run, rows)); err != nil {
		return c, err
	}
	seen, err := sightingsOf(rows)
	return contents{answers: groupOf(t, rows, file), run: meta.Run, sightings: seen, keys: judge.KeysShown(rows)}, err
}

func routesOf(t *taken, data []byte, check checker) (*lake.Group[measurement.Route], error) {
	rows, meta, file, err := spool.Read[measurement.Route](data, MaxRows)
	if err != nil {
		return nil, err
	}
	if err := check.metadata(meta); err != nil {
		return nil, err
	}
	content := 0
	for i := range rows {
		if err := check.route(&rows[i]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		if content += (len(rows[i].Hops) + len(rows[i].HopReplies)) * hopContent; content > MaxContent {
			return nil, fmt.Errorf("row %d: more than %d hops in all", i+1, MaxContent/hopContent)
		}
	}
	labels := func(i int) (string, measurement.RSI) { return "", rows[i].RSI }
	return groupOf(t, rows, file), errors.Join(check.foreign(len(rows), labels), distinct(rows))
}

// groupOf is the rows of a file as a group. A day of rows is more than we hold: they are
// read again, from the copy, when it is their turn.
func groupOf[T spool.Sent](t *taken, rows []T, file spool.File[T]) *lake.Group[T] {
	g, path := lake.Group[T]{}, t.copy
	if len(rows) > 0 {
		g = lake.GroupOf(rows)
	}
	g.Interval, g.VantagePoint = t.label, t.vp
	g.Rows = func() ([]T, error) {
		memory := copying.Get().(*[]byte)
		defer copying.Put(memory)
		data, err := readCopy(path, *memory)
		if err != nil {
			return nil, err
		}
		return file.Rows(data)
	}
	return &g
}

// readCopy reads a copy into memory that is as large as any.
func readCopy(path string, memory []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := io.ReadFull(f, memory)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return memory[:n], err
}

// distinct refuses rows that share a key; they come in its order or not at all.
func distinct[T lake.Measured](rows []T) error {
	if i := column.Disorder(rows); i > 0 {
		return fmt.Errorf("row %d: has the key of an earlier row, or is out of order", i+1)
	}
	return nil
}

// mostSightings bounds the serials of one file: an RSI shows one or two.
const mostSightings = 1000

// sightingsOf finds the serials that valid replies show, the earliest of each RSI
// (A13, first part: answered, NOERROR, one SOA of the root).
func sightingsOf(rows []measurement.Answer) (found []judge.Sighting, err error) {
	of := 0 // where those of the RSI begin, whose rows lie beside each other
	for i := range rows {
		a := &rows[i]
		if a.Query != measurement.QuerySOA || a.Outcome != measurement.Answered || *a.RCode != measurement.NoError || a.Serial == nil {
			continue
		}
		if of < len(found) && found[of].RSI != a.RSI {
			of = len(found)
		}
		s := judge.Sighting{Serial: *a.Serial, RSI: a.RSI, Address: a.Address, At: a.SentAt.UnixMicro()}
		known := slices.IndexFunc(found[of:], func(f judge.Sighting) bool { return f.Serial == s.Serial && f.Address == s.Address })
		if known >= 0 {
			f := &found[of+known]
			f.At = min(f.At, s.At)
			continue
		}
		// Its texts are parts of the file's, which must not stay in memory for them; nearly
		// all files have the same.
		s.RSI, s.Address = unique.Make(s.RSI).Value(), unique.Make(s.Address).Value()
		if found = append(found, s); len(found) > mostSightings {
			return nil, fmt.Errorf("shows more than %d serials", mostSightings)
		}
	}
	return slices.Clip(found), nil
}

// known is what plans have: their RSIs, nil for none; and the timeouts of their queries, in
// µs, the longest of each. A reply that came in time may have been read a little later.
func known(plans []*plan.Plan) (rsis map[string]bool, timeouts map[string]int64) {
	timeouts = map[string]int64{}
	for _, p := range plans {
		for _, s := range p.Servers {
			if rsis == nil {
				rsis = map[string]bool{}
			}
			rsis[string(s.RSI)] = true
		}
		for _, q := range p.Queries {
			timeouts[q.Label] = max(timeouts[q.Label], time.Duration(q.Timeout).Microseconds())
		}
	}
	return rsis, timeouts
}
