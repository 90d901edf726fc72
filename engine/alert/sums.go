package alert

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/plan"
)

// Windows of more than a day look at the same days at every end of an interval: with twenty
// vantage points at 750,000 rows. Of each day that is over, a file in State has what such
// windows are made of, its sums. It is made of the day's rows when it is missing, damaged,
// or of anything else than these are now, and nothing but time is lost with it.

// summable are the fields of a window that sums have.
var summable = []string{"sent", "answered", "has_data", "availability", "unexpected", "median_latency", "p95_latency", "outcomes.", "rcodes."}

// summable says whether a group can be tallied by sums, and is worth it. Its combinations
// must be those of the plan, not of the rows.
func (g *group) summable(p *plan.Plan) bool {
	for _, r := range g.rules {
		for _, name := range r.names() {
			root, field, _ := strings.Cut(name, ".")
			if (root == "window" || root == "previous") && !slices.ContainsFunc(summable, func(s string) bool {
				return field == s || strings.HasSuffix(s, ".") && strings.HasPrefix(field, s)
			}) {
				return false
			}
		}
	}
	return g.reach() > 24*time.Hour && len(p.VantagePoints) > 0
}

// sums is where those of days that are over are kept.
type sums struct {
	dir   string
	plan  *plan.Plan
	store lake.Store
	today time.Time // the day of the end, which is not over
	of    string    // what all of them depend on
}

// sumsForm changes whenever other sums are made of the same rows.
const sumsForm = 3

// newSums makes them for one end, and removes those that are older than its windows.
func newSums(dir string, p *plan.Plan, store lake.Store, end time.Time, reach time.Duration) sums {
	s := sums{dir: dir, plan: p, store: store, today: interval.Day(end)}
	s.of = fmt.Sprint(sumsForm, " ", store.Version, " ", p.SHA256())
	oldest := end.Add(-reach).Format("20060102")
	files, _ := os.ReadDir(dir) // what stays takes room, and nothing else
	for _, f := range files {
		if f.Name() < oldest {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
	return s
}

// tally fills the tallies of a group that is new for the windows that end at end, by the
// sums of days and by the rows of today, which r has.
func (s *sums) tally(ctx context.Context, g *group, r *rows, end time.Time) error {
	files, err := s.store.Days(column.Answers, end.Add(-g.reach()), s.today)
	if err != nil {
		return fmt.Errorf("window rules: %w", err)
	}
	until, length := slotOf(end), int32(g.window/interval.Length)
	add := func(day time.Time, sums []byte) error {
		return g.addSums(sums, slotOf(day), func(c *combo, slot int32) *tally {
			switch {
			case slot >= until || slot < until-2*length:
				return nil
			case slot >= until-length:
				return c.now
			}
			return c.before // nil where it is not read
		})
	}
	for _, f := range files {
		sums, err := s.day(ctx, g, f)
		if err != nil {
			return err
		}
		if err := add(f.Day, sums); err != nil {
			return fmt.Errorf("window rules: sums of %s: %w", f.Path, err)
		}
	}
	return add(s.today, g.sum(r, slotOf(s.today)))
}

// day is the sums of a day that is over.
func (s *sums) day(ctx context.Context, g *group, f lake.DayFile) ([]byte, error) {
	of := sha256.Sum256(fmt.Appendf(nil, "%q %q", g.over, g.queries)) // labels may be many, and long
	path := filepath.Join(s.dir, fmt.Sprintf("%s-%x", f.Day.Format("20060102"), of[:8]))
	before, err := s.key(g, f)
	if err != nil {
		return nil, err
	}
	if sums, ok := load(path, before); ok {
		return sums, nil
	}
	rows, err := s.read(ctx, f.Day, f.Day.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	sums := g.sum(rows, slotOf(f.Day))
	after, err := s.key(g, f)
	if err == nil && before == after {
		keepSums(path, after, sums)
	}
	return sums, err
}

// read reads rows, numbered as the plan has them.
func (s *sums) read(ctx context.Context, from, until time.Time) (*rows, error) {
	slide, err := newSlide(ctx, s.plan, s.store, from, until)
	if err != nil {
		return nil, err
	}
	defer slide.stop()
	if err := slide.meet(ctx, 0); err != nil {
		return nil, err
	}
	return slide.rows, slide.hold(ctx, from, until)
}

// key is all that the sums of a day depend on.
func (s *sums) key(g *group, f lake.DayFile) (string, error) {
	answers, err := files.Identity(f.Path)
	if err != nil {
		return "", fmt.Errorf("window rules: %w", err)
	}
	runs, err := files.Identity(s.store.Path(column.Runs, f.Day)) // they tell whose clock was wrong
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("window rules: %w", err)
	}
	key := fmt.Sprint(s.of, " ", answers, " ", runs, " ", g.over, g.queries)
	for _, c := range g.combos {
		key += fmt.Sprint(" ", c.labels)
	}
	return key, nil
}

// load reads a file of sums: the hash of key and sums, and the sums.
func load(path, key string) ([]byte, bool) {
	data, err := os.ReadFile(path)
	if err != nil || len(data) < sha256.Size {
		return nil, false
	}
	is, sums := data[:sha256.Size], data[sha256.Size:]
	return sums, [sha256.Size]byte(is) == hashOf(key, sums)
}

// keepSums writes a file of sums. Where that is not possible they are made again.
func keepSums(path, key string, sums []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return
	}
	is := hashOf(key, sums)
	_ = renameio.WriteFile(path, append(is[:], sums...), 0o644, renameio.WithTempDir(filepath.Dir(path)))
}

func hashOf(key string, sums []byte) (is [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintln(h, key)
	h.Write(sums)
	h.Sum(is[:0])
	return is
}

// cell is what one combination has of one interval.
type cell struct {
	counts    [len(outcomeCounts{})][len(rcodeCounts{})]int32 // by outcome and, of answers, rcode
	latencies []int32
	good      uint64
	unlike    uint64 // not as expected
}

// sum makes the sums of the rows from the first slot of a day on. For each interval that has
// rows: its number in the day; for each combination of the group how many pairs of outcome
// and rcode there are and, of each, the pair and how many rows have it; how many latencies
// there are, and these; how many rows are good, and how many not as expected. All are varints but the latencies, of four bytes each.
func (g *group) sum(r *rows, day int32) (out []byte) {
	cells, slot := make([]cell, len(g.combos)), int32(-1)
	end := func() {
		if slot >= 0 {
			out = binary.AppendUvarint(out, uint64(slot-day))
			for i := range cells {
				out = cells[i].append(out)
			}
		}
	}
	from := cursor{}
	from.skip(r, day)
	from.upTo(r, math.MaxInt32, func(row *row) {
		if !g.feeds[row.tuple].asked {
			return
		}
		if row.slot != slot {
			end()
			slot = row.slot
		}
		c := &cells[g.of[row.tuple]]
		if row.outcome == outcomeAnswered {
			c.counts[row.outcome][row.rcode]++
		} else {
			c.counts[row.outcome][0]++
		}
		if row.outcome == outcomeLocal {
			return
		}
		if row.latency >= 0 {
			c.latencies = append(c.latencies, row.latency)
		}
		if row.met&asExpected != 0 {
			c.good++
		}
		if row.met&unexpected != 0 {
			c.unlike++
		}
	})
	end()
	return out
}

// append writes a cell and empties it.
func (c *cell) append(out []byte) []byte {
	pairs := 0
	for _, of := range c.counts {
		for _, n := range of {
			if n > 0 {
				pairs++
			}
		}
	}
	out = binary.AppendUvarint(out, uint64(pairs))
	for outcome, of := range c.counts {
		for rcode, n := range of {
			if n > 0 {
				out = binary.AppendUvarint(out, uint64(outcome*len(of)+rcode))
				out = binary.AppendUvarint(out, uint64(n))
			}
		}
	}
	out = binary.AppendUvarint(out, uint64(len(c.latencies)))
	for _, l := range c.latencies {
		out = binary.LittleEndian.AppendUint32(out, uint32(l))
	}
	out = binary.AppendUvarint(binary.AppendUvarint(out, c.good), c.unlike)
	*c = cell{latencies: c.latencies[:0]}
	return out
}

// reader reads sums.
type reader struct {
	data []byte
	bad  bool
}

func (r *reader) next() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

// addSums adds the sums of a day to tallies: those that to names for a combination and an
// interval, which may be none.
func (g *group) addSums(sums []byte, day int32, to func(*combo, int32) *tally) error {
	in, nowhere := reader{data: sums}, &tally{}
	for len(in.data) > 0 {
		slot := day + int32(in.next())
		for _, c := range g.combos {
			t := to(c, slot)
			if t == nil {
				t = nowhere
			}
			t.addCell(&in)
		}
		if in.bad {
			return errors.New("damaged")
		}
	}
	return nil
}

// addCell adds what a cell wrote.
func (t *tally) addCell(in *reader) {
	for pairs := in.next(); pairs > 0 && !in.bad; pairs-- {
		pair, n := in.next(), int64(in.next())
		outcome, rcode := int(pair)/len(t.rcodes), int(pair)%len(t.rcodes)
		if outcome >= len(t.outcomes) {
			in.bad = true
			return
		}
		if t.outcomes[outcome] += n; outcome == int(outcomeAnswered) {
			t.rcodes[rcode] += n
		}
	}
	latencies := in.next()
	if latencies > uint64(len(in.data)/4) {
		in.bad = true
		return
	}
	if t.latency != nil {
		t.latency.add(in.data, int(latencies))
	}
	in.data = in.data[4*latencies:]
	t.good += int64(in.next())
	t.unlike += int64(in.next())
}
