// Package atlas brings results of RIPE Atlas into a lake: what its probes asked the root
// server system, each as a vantage point of its own. It reads result files of any format
// from firmware 4400 on, and every line becomes a row or is counted with the reason why not
// (docs/second-opinion.md).
package atlas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sync/errgroup"

	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
)

// Marker lies in every lake of Atlas' results and says which set it holds.
const Marker = "_atlas.json"

// work is the folder of an import at work, in the lake.
const work = "_import"

// Set is which measurements a lake holds. An anchor is in the built-in ones and in
// DNSMON's: rows of two sets would share their keys.
type Set struct {
	Name      string             // "builtin", "dnsmon", or "file-" and a hash of its numbers
	Questions map[int64]Question // by measurement; what a question lacks is learned from answers
}

// Source is a file of results. Open is called once.
type Source struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Importer brings files of results into a lake.
type Importer struct {
	Lake     lake.Store
	Set      Set
	Servers  map[netip.Addr]measurement.RSI // addresses of the RSIs, former ones too
	Identity bool                           // take identities and versions too, one an hour
	Now      time.Time
	Zones    *Zones       // by which SOA records are judged; nil judges none
	Workers  int          // that parse; 0 is two
	Progress func(int64)  // gets the lines so far, now and then; nil tells nobody
	counts   Counts       // of the reader
	begins   []int64      // how many results were before each file
	number   int64        // of the result that is read, among all; 0 is not known
	learned  *learned     // questions that only answers tell
	repeats  repeats      // what answers repeat
	pending  *pendingFile // results whose question is not known yet
	spill    *spill
}

// ErrOtherSet says that the lake holds another set.
var ErrOtherSet = errors.New("the lake holds another set")

// Prepare makes a folder a lake of the set, or says why it is none: it must be new, empty,
// or one of the same set.
func Prepare(dir, set string) error {
	held, err := HeldSet(dir)
	switch {
	case err != nil:
		return err
	case held == set:
		return nil
	case held != "":
		return fmt.Errorf("%w, %s: give %s a lake of its own", ErrOtherSet, held, set)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(marker{set})
	if err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, Marker), append(text, '\n'), 0o644, renameio.WithTempDir(dir))
}

type marker struct {
	Set string `json:"set"`
}

// HeldSet is the set that a lake holds; empty where the folder is empty or is not there.
func HeldSet(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, Marker))
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if len(entries) > 0 {
			return "", fmt.Errorf("%s is not empty, and no lake of Atlas' results (it lacks %s)", dir, Marker)
		}
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var m marker
	if json.Unmarshal(text, &m) != nil || m.Set == "" {
		return "", fmt.Errorf("%s says no set", filepath.Join(dir, Marker))
	}
	return m.Set, nil
}

// Run imports the files. The caller holds the lake's lock and has prepared it. Whatever
// ends a run, days that are changed are changed whole; giving it again completes it.
func (m *Importer) Run(ctx context.Context, files []Source) (Counts, error) {
	dir := filepath.Join(m.Lake.Dir, work)
	err := errors.Join(os.RemoveAll(dir), m.Lake.Sweep())
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = m.run(ctx, dir, files)
	}
	m.counts.Contradicted = m.repeats.told()
	if m.counts.firstBad > 0 {
		m.counts.FirstBad = m.placeOf(m.counts.firstBad, files)
	}
	if m.Zones != nil {
		m.counts.BadZones = m.Zones.Bad()
	}
	return m.counts, errors.Join(err, os.RemoveAll(dir))
}

func (m *Importer) run(ctx context.Context, dir string, files []Source) error {
	m.counts, m.begins, m.learned, m.repeats, m.spill = Counts{}, nil, newLearned(), repeats{}, newSpill(dir)
	m.pending = &pendingFile{path: filepath.Join(dir, "pending")}
	for _, f := range files {
		if err := m.read(ctx, f); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", f.Name, err), m.pending.close())
		}
		m.counts.Files++
	}
	if err := m.second(ctx); err != nil {
		return err
	}
	if err := m.spill.flush(); err != nil {
		return err
	}
	return m.write(ctx)
}

// read reads one file: this goroutine makes blocks of results, others make rows of them,
// and one keeps the rows.
func (m *Importer) read(ctx context.Context, f Source) (err error) {
	file, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	plain, err := Decompress(file)
	if err != nil {
		return err
	}
	defer plain.Close()
	s, err := newSplitter(plain)
	if err != nil {
		return cutOff(err, 0)
	}
	if s.empty {
		m.counts.Empty = append(m.counts.Empty, f.Name)
	}
	begin, long := m.counts.Lines, int64(0)
	m.begins = append(m.begins, begin)
	return m.convertAll(ctx, func() (int64, []byte, error) {
		line, err := s.next()
		for ; long < s.long; long++ {
			m.counts.Lines++
			m.counts.bad(TooLong, m.counts.Lines)
		}
		if err != nil {
			return 0, nil, cutOff(err, m.counts.Lines-begin)
		}
		m.number = m.counts.Lines + 1
		return m.sift(line)
	})
}

// cutOff says what to do with a file that ends in an error.
func cutOff(err error, results int64) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("it is cut off or damaged after %d results, and nothing was changed; get it again: %w", results, err)
}

// placeOf says where a result is, by its number among all.
func (m *Importer) placeOf(number int64, files []Source) string {
	for i := len(m.begins) - 1; i >= 0; i-- {
		if number > m.begins[i] {
			return fmt.Sprintf("result %d of %s", number-m.begins[i], files[i].Name)
		}
	}
	return ""
}

// sift looks at a result before its JSON is read: its measurement, where it is one of the
// set and its question is known; 0 where it is done with.
func (m *Importer) sift(line []byte) (int64, []byte, error) {
	const tell = 1 << 16
	m.counts.Lines++
	m.counts.Bytes += int64(len(line)) + 1
	if m.Progress != nil && m.counts.Lines%tell == 0 {
		m.Progress(m.counts.Lines)
	}
	id, found := measurementID(line)
	asked, ours := m.Set.Questions[id]
	switch {
	case len(line) == 0, line[0] != '{', line[len(line)-1] != '}', !found && !otherType(line): // cut off
		m.counts.bad(NoResult, m.number)
	case !found, !ours && !isDNS(line):
		m.counts.left(OtherType)
	case !ours:
		m.counts.left(OtherSet)
	case asked.Identity() && !m.Identity:
		m.counts.left(IdentityLeft)
	case !asked.known():
		m.learned.look(id, line)
		return 0, nil, m.pending.add(id, line)
	default:
		return id, line, nil
	}
	return 0, nil, nil
}

// block is some results and where each ends in the text.
type block struct {
	text    []byte
	ids     []int64
	numbers []int64 // among all results
	ends    []int
}

const blockBytes = 1 << 18

// convertAll makes rows of results until next ends. It must not be called by two.
func (m *Importer) convertAll(ctx context.Context, next func() (int64, []byte, error)) error {
	workers := m.Workers
	if workers <= 0 {
		workers = 2
	}
	blocks, rows := make(chan block, workers), make(chan []entry, workers)
	counts, said := make([]Counts, workers), make([]repeats, workers)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(blocks)
		return m.feed(ctx, next, blocks)
	})
	parsing, _ := errgroup.WithContext(ctx)
	for w := range workers {
		said[w] = repeats{}
		parsing.Go(func() error {
			c := &converter{repeats: said[w], servers: m.Servers, identity: m.Identity, now: m.Now.Unix(), counts: &counts[w], contents: contents{zones: m.Zones}}
			for b := range blocks {
				select {
				case rows <- m.parse(c, b):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(rows)
		return parsing.Wait()
	})
	group.Go(func() error {
		for some := range rows {
			for _, e := range some {
				if err := m.spill.add(e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	err := group.Wait()
	for i := range counts {
		m.counts.add(&counts[i])
		m.repeats.add(said[i])
	}
	return err
}

func (m *Importer) feed(ctx context.Context, next func() (int64, []byte, error), blocks chan<- block) error {
	var b block
	send := func() error {
		select {
		case blocks <- b:
			b = block{}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for n := 0; ; n++ {
		id, line, err := next()
		if errors.Is(err, io.EOF) {
			return send()
		}
		if err == nil && n%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if id == 0 {
			continue
		}
		if b.text == nil {
			b.text = make([]byte, 0, blockBytes+blockBytes/8)
		}
		b.text = append(b.text, line...)
		b.ids, b.ends = append(b.ids, id), append(b.ends, len(b.text))
		b.numbers = append(b.numbers, m.number)
		if len(b.text) >= blockBytes {
			if err := send(); err != nil {
				return err
			}
		}
	}
}

func (m *Importer) parse(c *converter, b block) (rows []entry) {
	from := 0
	for i, id := range b.ids {
		c.number = b.numbers[i]
		rows = append(rows, c.convert(b.text[from:b.ends[i]], m.question(id), id)...)
		from = b.ends[i]
	}
	return rows
}

// question is what a measurement asks, as far as anybody knows by now.
func (m *Importer) question(id int64) Question {
	q := m.Set.Questions[id]
	if !q.known() {
		q = m.learned.complete(q, id)
	}
	return q
}

// second goes through the results whose question was not known, now that all answers of
// their measurements were looked at.
func (m *Importer) second(ctx context.Context) (err error) {
	again, err := m.pending.reread()
	if err != nil || again == nil {
		return err
	}
	defer func() { err = errors.Join(err, m.pending.close()) }()
	m.number = 0
	var line []byte
	return m.convertAll(ctx, func() (id int64, _ []byte, err error) {
		id, line, err = again(line)
		return id, line, err
	})
}

// write merges all rows into the lake, a day at a time.
func (m *Importer) write(ctx context.Context) error {
	entries, err := newEntryCursor(m.repeats.without(m.spill.sorted(), &m.counts))
	if err != nil {
		return err
	}
	defer entries.stop()
	w := &dayWriter{store: m.Lake, set: m.Set.Name, counts: &m.counts, hours: &hours{}}
	for entries.head != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.writeDay(entries.day(), entries); err != nil {
			return err
		}
	}
	return nil
}
