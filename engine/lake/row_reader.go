package lake

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"mtric.net/mtric/engine/measurement"
)

// rowReader makes rows of columns: three times as fast as the library's own rows, and
// what ingest spends most of its time on.
type rowReader[T Row] struct {
	group *groupReader
	block block
}

func newRowReader[T Row](g fileGroup, columns []bound) (*rowReader[T], error) {
	group, err := newGroupReader(g, columns)
	return &rowReader[T]{group, block{columns: make([]cells, len(columns))}}, err
}

// next returns the next run of rows, the caller's to keep; none is the end. A row
// group with values left over is damaged.
func (r *rowReader[T]) next() ([]T, error) {
	if err := r.group.next(&r.block); err != nil || r.block.rows == 0 {
		return nil, err
	}
	rows := make([]T, r.block.rows)
	for i, name := range r.group.names {
		// Rows refer to what they are filled from; the block's memory is used again, and that
		// of wires given back.
		c := r.block.columns[i]
		c.Int = slices.Clone(c.Int)
		for at, b := range c.Bytes {
			c.Bytes[at] = slices.Clone(b)
		}
		if c.elements != nil {
			c.elements = slices.Clone(c.elements)
			for e := range c.elements {
				c.elements[e].Int = slices.Clone(c.elements[e].Int)
			}
		}
		if err := fillAny(rows, name, &c); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func fillAny[T Row](rows []T, name string, c *cells) error {
	switch rows := any(rows).(type) {
	case []measurement.Answer:
		return fill(rows, name, c)
	case []measurement.Route:
		return fillRoutes(rows, name, c)
	case []measurement.Run:
		return fillRuns(rows, name, c)
	default:
		return fillZones(rows.([]measurement.Zone), name, c)
	}
}

// yieldGroup yields the rows of a row group and says whether more are wanted.
func yieldGroup[T Row](g fileGroup, columns []bound, yield func([]T, error) bool) (more bool, err error) {
	r, err := newRowReader[T](g, columns)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.group.close()) }()
	for {
		rows, err := r.next()
		if err != nil || len(rows) == 0 {
			return err == nil, err
		}
		if !yield(rows, nil) {
			return false, nil
		}
	}
}

// rowsIn yields the rows of an open file from a row group on, with its metadata.
func rowsIn[T Row](f *parquet.File, from int, yield func([]T, error) bool) (Metadata, error) {
	columns, err := bind(f, tableOf[T]())
	if err != nil {
		return Metadata{}, err
	}
	meta, err := parseMetadata(f.Lookup, true)
	if err != nil {
		return meta, err
	}
	groups := groupsOf(f)
	for _, g := range groups[min(from, len(groups)):] {
		if more, err := yieldGroup(g, columns, yield); err != nil || !more {
			return meta, err
		}
	}
	return meta, nil
}

// fillRuns is fill for runs.
func fillRuns(rows []measurement.Run, name string, c *cells) error {
	type row = measurement.Run
	switch name {
	case "vantage_point":
		texts(rows, c, func(r *row, s *string) { r.VantagePoint = measurement.VantagePoint(*s) })
	case "interval":
		numbers(rows, c, func(r *row, n *int64) { r.Interval = *moment(n) })
	case "started_at":
		numbers(rows, c, func(r *row, n *int64) { r.StartedAt = *moment(n) })
	case "jitter_ms":
		numbers(rows, c, func(r *row, n *int64) { r.JitterMS = int32(*n) })
	case "elapsed_ms":
		numbers(rows, c, func(r *row, n *int64) { r.ElapsedMS = int32(*n) })
	case "planned":
		numbers(rows, c, func(r *row, n *int64) { r.Planned = int32(*n) })
	case "answered":
		numbers(rows, c, func(r *row, n *int64) { r.Answered = int32(*n) })
	case "engine_version":
		texts(rows, c, func(r *row, s *string) { r.EngineVersion = *s })
	case "plan":
		texts(rows, c, func(r *row, s *string) { r.Plan = *s })
	case "plan_sha256":
		texts(rows, c, func(r *row, s *string) { r.PlanSHA256 = *s })
	case "clock_synchronized":
		numbers(rows, c, func(r *row, n *int64) { r.ClockSynchronized = truth(*n != 0) })
	case "clock_error_us":
		numbers(rows, c, func(r *row, n *int64) { r.ClockErrorUS = n })
	case "timestamps":
		texts(rows, c, func(r *row, s *string) { r.Timestamps = *s })
	case "received_at":
		numbers(rows, c, func(r *row, n *int64) { r.ReceivedAt = *moment(n) })
	case "file":
		texts(rows, c, func(r *row, s *string) { r.File = *s })
	case "sha256":
		texts(rows, c, func(r *row, s *string) { r.SHA256 = *s })
	case "ingested_at":
		numbers(rows, c, func(r *row, n *int64) { r.IngestedAt = moment(n) })
	default:
		return fmt.Errorf("column %s is not read", name)
	}
	return nil
}

// fillZones is fill for zones.
func fillZones(rows []measurement.Zone, name string, c *cells) error {
	type row = measurement.Zone
	switch name {
	case "serial":
		numbers(rows, c, func(z *row, n *int64) { z.Serial = *n })
	case "first_seen":
		numbers(rows, c, func(z *row, n *int64) { z.FirstSeen = moment(n) })
	case "first_seen_rsi":
		texts(rows, c, func(z *row, s *string) { z.FirstSeenRSI = (*measurement.RSI)(s) })
	case "archived_at":
		numbers(rows, c, func(z *row, n *int64) { z.ArchivedAt = moment(n) })
	case "source":
		texts(rows, c, func(z *row, s *string) { z.Source = s })
	case "sha256":
		texts(rows, c, func(z *row, s *string) { z.SHA256 = s })
	case "state":
		texts(rows, c, func(z *row, s *string) { z.State = measurement.ZoneState(*s) })
	case "signed_at":
		numbers(rows, c, func(z *row, n *int64) { z.SignedAt = moment(n) })
	case "first_used":
		numbers(rows, c, func(z *row, n *int64) { z.FirstUsed = moment(n) })
	case "proof":
		texts(rows, c, func(z *row, s *string) { z.Proof = (*measurement.ZoneProof)(s) })
	default:
		return fmt.Errorf("column %s is not read", name)
	}
	return nil
}

func moment(us *int64) *time.Time {
	t := time.UnixMicro(*us).UTC()
	return &t
}
