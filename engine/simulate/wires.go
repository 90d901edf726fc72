package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// RootZones is the folder of the zones that wires were made from, beside the
// tables of the lake: <serial>.root.txt, and anchors.ds with the trust anchor.
const RootZones = "rootzones"

// Zones makes root zones and what servers answer from them. Package lab does so;
// it is handed in because packages of one level do not import each other.
type Zones interface {
	// Start makes the first zone; every signature is valid from inception to
	// expiration. It returns the trust anchor, a DS record in master format.
	Start(seed uint64, serial uint32, inception, expiration time.Time) (Zone, string, error)
	// Next makes the zone that follows the last one made.
	Next(serial uint32) (Zone, error)
	// Software is the kind of server that an RSI runs; its answers depend on it.
	Software(rsi measurement.RSI) string
}

// Zone is one root zone. Many goroutines use it at the same time.
type Zone interface {
	TLDs() []string   // with NS, "us.", in canonical order
	Secure() []string // with DS
	WriteTo(w io.Writer) (int64, error)
	// Answer is the wire response to a wire query.
	Answer(query []byte, software, nsid string, tcp bool) ([]byte, error)
}

// wireWorld is the zones of a simulation with wires.
type wireWorld struct {
	w      *world
	source Zones
	dir    string
	next   int       // the zone to be made next
	signed time.Time // when all of them were

	mu   sync.Mutex
	sets map[int]*wireSet // those that some day at work or to come needs
	sums map[int]string   // sha256 of each file, by zone
	days map[time.Time]int
}

// wireSet is one zone and the answers made from it so far.
type wireSet struct {
	number int
	zone   Zone
	names  *names
	tlds   []string // without the last dot, in canonical order

	mu    sync.Mutex
	made  map[wireKey]*template
	equal map[equalKey]bool
}

// mostMade bounds what is remembered of a zone's answers: most are to questions that are
// seldom asked.
const mostMade = 12_000

// wireKey is all that an answer depends on but for the letters of a name that
// does not exist, its case, the id and the text of the NSID. NSID is its length.
type wireKey struct {
	name, qtype, software string
	gap                   int // after which TLD a name that does not exist sorts; -1
	tcp                   bool
	nsid                  int
}

// equalKey asks whether another zone gives the same answer.
type equalKey struct {
	wireKey
	zone int
}

// startWires begins with the oldest zone that any answer can need.
func (w *world) startWires(dir string) error {
	zones := filepath.Join(dir, RootZones)
	if err := os.MkdirAll(zones, 0o755); err != nil {
		return fmt.Errorf("root zones: %w", err)
	}
	ww := &wireWorld{w: w, source: w.Zones, dir: zones, next: w.oldest, sets: map[int]*wireSet{}, sums: map[int]string{}, days: map[time.Time]int{}}
	// One validity for all: each version then signs only what changed.
	begin := time.UnixMicro(w.published(w.oldest)).UTC()
	ww.signed = begin.AddDate(0, 0, -7).Truncate(time.Second)
	zone, anchor, err := w.Zones.Start(w.Seed, uint32(serial(ww.next)), ww.signed, w.Until.AddDate(0, 0, 30))
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(zones, "anchors.ds"), []byte(anchor+"\n"), 0o644, renameio.WithTempDir(zones)); err != nil {
		return fmt.Errorf("anchors: %w", err)
	}
	w.wires = ww
	return ww.keep(zone)
}

// keep saves a zone and takes it into use.
func (ww *wireWorld) keep(zone Zone) error {
	var text bytes.Buffer
	if _, err := zone.WriteTo(&text); err != nil {
		return err
	}
	path := filepath.Join(ww.dir, fmt.Sprintf("%d.root.txt", serial(ww.next)))
	if err := renameio.WriteFile(path, text.Bytes(), 0o644, renameio.WithTempDir(ww.dir)); err != nil {
		return fmt.Errorf("root zone: %w", err)
	}
	sum := sha256.Sum256(text.Bytes())
	set := &wireSet{number: ww.next, zone: zone, names: newNames(ww.w.asks, zone.TLDs(), zone.Secure()),
		made: map[wireKey]*template{}, equal: map[equalKey]bool{}}
	for _, tld := range zone.TLDs() {
		set.tlds = append(set.tlds, strings.TrimSuffix(tld, "."))
	}
	ww.mu.Lock()
	defer ww.mu.Unlock()
	ww.sets[ww.next], ww.sums[ww.next] = set, hex.EncodeToString(sum[:])
	ww.next++
	return nil
}

// open makes the zones of a day; close lets go of those that no day needs any
// more. Days are opened in order.
func (ww *wireWorld) open(day time.Time) error {
	ww.mu.Lock()
	ww.days[day] = ww.need(day)
	ww.mu.Unlock()
	end := earlier(day.AddDate(0, 0, 1).Add(ww.w.slow()), ww.w.Until).UnixMicro()
	for ww.w.archived(ww.next) < end {
		zone, err := ww.source.Next(uint32(serial(ww.next)))
		if err != nil {
			return err
		}
		if err := ww.keep(zone); err != nil {
			return err
		}
	}
	return nil
}

func (ww *wireWorld) close(day time.Time) {
	ww.mu.Lock()
	defer ww.mu.Unlock()
	delete(ww.days, day)
	needed := ww.need(day.AddDate(0, 0, 1))
	for _, n := range ww.days {
		needed = min(needed, n)
	}
	for z := range ww.sets {
		if z < needed && !ww.frozen(z, day) {
			delete(ww.sets, z)
		}
	}
}

// need is the oldest zone that a day's answers can be made from or judged by, but for
// those of frozen servers: that of 48 hours before, or of a fault that goes on then or
// later.
func (ww *wireWorld) need(day time.Time) int {
	return max(ww.w.zoneAt(day.Add(-72*time.Hour-ww.late(day)).UnixMicro()), ww.w.oldest)
}

// late is how far back faults that go on then or later put a query.
func (ww *wireWorld) late(day time.Time) (late time.Duration) {
	for i := range ww.w.faults {
		f := &ww.w.faults[i]
		if f.until.After(day) && (f.Kind == plan.FaultStale || f.Kind == plan.FaultFastClock) {
			late += time.Duration(f.By)
		}
	}
	return late
}

// frozen reports whether a server that is frozen on that day or later can serve a zone:
// one of the day before it froze. All that came since are for the others alone.
func (ww *wireWorld) frozen(zone int, day time.Time) bool {
	for i := range ww.w.faults {
		f := &ww.w.faults[i]
		if f.Kind == plan.FaultFrozen && f.until.After(day) &&
			zone >= ww.w.zoneAt(f.from.Add(-24*time.Hour-ww.late(day)).UnixMicro()) && zone <= ww.w.zoneAt(f.from.UnixMicro()) {
			return true
		}
	}
	return false
}

// slow is how far the slowest clock can be behind.
func (w *world) slow() (behind time.Duration) {
	for i := range w.faults {
		if w.faults[i].Kind == plan.FaultSlowClock {
			behind += time.Duration(w.faults[i].By)
		}
	}
	return behind
}

// set is a zone in use. That it is there is for need to see to.
func (ww *wireWorld) set(zone int) *wireSet {
	ww.mu.Lock()
	defer ww.mu.Unlock()
	return ww.sets[zone]
}

// namesAt are the questions of an interval: those of the newest zone archived
// when it begins [mow].
func (w *world) namesAt(label time.Time) *names {
	if w.wires == nil {
		return w.names
	}
	z := w.zoneAt(label.UnixMicro())
	for w.archived(z) > label.UnixMicro() {
		z--
	}
	return w.wires.set(z).names
}

// key names the template of a question's answer.
func (s *wireSet) key(name, qtype, software string, k kind, tcp bool, nsid int) wireKey {
	key := wireKey{name: strings.ToLower(name), qtype: qtype, software: software, gap: -1, tcp: tcp, nsid: nsid}
	if k != negative {
		return key
	}
	labels := strings.Split(strings.TrimSuffix(key.name, "."), ".")
	last := labels[len(labels)-1]
	at := sort.SearchStrings(s.tlds, last)
	if at == len(s.tlds) || s.tlds[at] != last {
		key.name, key.gap = fmt.Sprint(len(key.name)), at // any name of that length in that gap has the same answer
	}
	return key
}

// template finds or makes an answer.
func (s *wireSet) template(key wireKey, name string, q *ask) (*template, error) {
	s.mu.Lock()
	t := s.made[key]
	s.mu.Unlock()
	if t != nil {
		return t, nil
	}
	placeholder := strings.Repeat("~", key.nsid)
	query, err := wireQuery(strings.ToLower(name), key.qtype, q)
	if err != nil {
		return nil, err
	}
	wire, err := s.zone.Answer(query, key.software, placeholder, key.tcp)
	if err != nil {
		return nil, err
	}
	if t, err = newTemplate(wire, placeholder); err != nil {
		return nil, fmt.Errorf("zone %d: answer to %s/%s: %w", serial(s.number), name, key.qtype, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.made) >= mostMade {
		clear(s.made)
	}
	s.made[key] = t
	return t, nil
}

// wire makes the answer to a correctness query and finds the zone that it is
// judged by.
func (d *dayWork) wire(v int, q *query, o *observation, served int, tcp bool) error {
	w := d.w
	x := q.ask.servers[q.server]
	nsid := ""
	if q.ask.NSID {
		_, site := d.roundTripOf(v, x, familyOf(q.path))
		nsid = *site
	}
	set := w.wires.set(served)
	key := set.key(q.name, q.asked.qtype, w.wires.source.Software(w.rsis[x]), q.asked.kind, tcp, len(nsid))
	t, err := set.template(key, q.name, q.ask)
	if err != nil {
		return err
	}
	o.reply = reply{rcode: noError, aa: t.aa, tc: t.tc, zone: served, serial: t.serial,
		wire: t.fill(q.name, nsid, uint16(mix(uint64(o.sent), uint64(x)))), verdict: noZone}
	if t.rcode != measurement.NoError {
		o.reply.rcode = nxDomain
	}
	o.reply.size = int32(len(o.reply.wire))
	return d.match(q, o, set, key, t)
}

// match finds the newest zone of the window that explains an answer; where there
// is none the reply's verdict stays as it is.
func (d *dayWork) match(q *query, o *observation, served *wireSet, key wireKey, t *template) error {
	oldest, newest := d.newest-1, d.newest
	if served.number < oldest {
		oldest, newest = d.w.window(o.sent, d.ends)
	}
	newest = max(newest, served.number) // by a slow clock; all are signed at the same time
	for z := newest; z >= oldest; z-- { // mostly the first is the one served
		same := z == served.number
		if !same && !t.serial {
			var err error
			if same, err = served.sameIn(d.w.wires.set(z), key, q, t); err != nil {
				return err
			}
		}
		if same {
			o.reply.verdict = z
			return nil
		}
	}
	return nil
}

// sameIn reports whether the zone other gives the same answer.
func (s *wireSet) sameIn(other *wireSet, key wireKey, q *query, t *template) (bool, error) {
	memo := equalKey{key, other.number}
	s.mu.Lock()
	same, known := s.equal[memo]
	s.mu.Unlock()
	if known {
		return same, nil
	}
	theirs, err := other.template(other.key(q.name, key.qtype, key.software, q.asked.kind, key.tcp, key.nsid), q.name, q.ask)
	if err != nil {
		return false, err
	}
	same = t.matches(theirs)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.equal) >= mostMade {
		clear(s.equal)
	}
	s.equal[memo] = same
	return same, nil
}
