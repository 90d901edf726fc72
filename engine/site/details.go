package site

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// MaxDetails is how many answers the details of an RSI and day have at most.
const MaxDetails = 500

// Why an answer is among the details.
const (
	whyIncorrect = string(measurement.Incorrect)
	whyFailed    = "failed"
	whyExtra     = "extra"
	whyChanged   = "changed"
)

// ranks are the details by what a reader wants first; what failed or was incorrect in a
// vantage point's own trouble comes last.
var ranks = []string{whyIncorrect, whyFailed, whyExtra, whyChanged, "own"}

// The columns that details have beside those of tiles.
const (
	errorColumn    column.Name = "error"
	failuresColumn column.Name = "failures"
	extraColumn    column.Name = "extra"
)

var detailColumns = append(slices.Clone(columns), column.SentAt, column.QName, column.QType, column.Response, errorColumn, failuresColumn, extraColumn)

// hit is an answer that is among the details.
type hit struct {
	rank             int
	vp, server, path int
	sent             time.Time
	Detail
}

func (h *hit) place() string { return h.VantagePoint + " " + h.Path }

// details are gathered while a day is read.
type details struct {
	changes map[place][]time.Time // when other servers began to answer, the first last
	label   []hit                 // of the label
	kept    [][]hit               // by server
	counts  []map[int]int         // by server: hits of each rank
	left    []map[string]int64    // by server: those that are not kept
}

// place is a vantage point, server and path.
type place struct{ vp, server, path int }

func newDetails(servers int) *details {
	d := &details{changes: map[place][]time.Time{}, kept: make([][]hit, servers)}
	for range servers {
		d.counts, d.left = append(d.counts, map[int]int{}), append(d.left, map[string]int64{})
	}
	return d
}

// newDetails begins those of a day; its events tell when other servers began to answer.
func (r *job) newDetails(f *fold, day time.Time) (*details, error) {
	d := newDetails(len(r.servers))
	rows, _, err := column.Read[measurement.Event](r.Lake.Path(column.Events, day))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, ofLake(fmt.Errorf("site: %w", err))
	}
	for _, e := range rows {
		if e.Kind != measurement.EventInstance || e.SupersededBy != nil || e.VantagePoint == nil || e.RSI == nil || e.Family == nil {
			continue
		}
		vp, server := slices.Index(f.vps, measurement.VantagePoint(*e.VantagePoint)), slices.Index(r.rsis, *e.RSI)
		family := slices.Index(measurement.Families, measurement.Family(*e.Family))
		for transport := range measurement.Transports {
			at := place{vp, server, family*len(measurement.Transports) + transport}
			d.changes[at] = append([]time.Time{e.From}, d.changes[at]...)
		}
	}
	return d, nil
}

// look keeps a row that a reader may ask about.
func (d *fold) look(w *words, i, query, vp, server, path int, failed, incorrect bool) {
	at := d.at(d.next)
	why := ""
	extra := w.cells(extraColumn)
	switch changes := d.details.changes[place{vp, server, path}]; {
	case incorrect:
		why = whyIncorrect
	case failed:
		why = whyFailed
	case extra.Offsets[i+1] > extra.Offsets[i]:
		why = whyExtra
	case len(changes) > 0 && !at.Before(changes[len(changes)-1]) && w.NSID.Has(i):
		why = whyChanged
		d.details.changes[place{vp, server, path}] = changes[:len(changes)-1]
	default:
		return
	}
	rank := slices.Index(ranks, why)
	h := hit{rank: rank, vp: vp, server: server, path: path, sent: at, Detail: Detail{Interval: at, VantagePoint: string(d.vps[vp]), Path: pathName(path), Why: why}}
	if d.details.counts[server][rank] < MaxDetails { // what is beyond is counted only
		d.describe(w, i, &h)
	}
	h.Query = d.queries[query].Label
	d.details.counts[server][rank]++
	d.details.label = append(d.details.label, h)
}

// describe tells of a row what is not told by its place.
func (d *fold) describe(w *words, i int, h *hit) {
	row := w.Answer(i)
	h.Outcome, h.Error, h.LatencyUS, h.Serial = string(row.Outcome), short(w.cells(errorColumn).Text(i)), clone(row.LatencyUS), clone(row.Serial)
	if row.RCode != nil {
		h.Rcode = *row.RCode
	}
	if row.NSID != nil {
		nsid := short(*row.NSID)
		h.NSID = &nsid
	}
	if row.Verdict != nil {
		h.Verdict = string(*row.Verdict)
	}
	if row.SentAt != nil {
		h.sent = *row.SentAt
	}
	failures, _ := w.cells(failuresColumn).Texts(i)
	for _, f := range failures {
		h.Failures = append(h.Failures, short(f))
	}
	extra := w.cells(extraColumn)
	for e := extra.Offsets[i]; e < extra.Offsets[i+1]; e++ {
		h.Extra = append(h.Extra, fmt.Sprintf("%s after %.1f ms", short(extra.Elements[0].Text(int(e))), float64(extra.Elements[1].Int[e])/1000))
	}
	if wire := w.Response.Bytes[i]; wire != nil {
		h.Wire = hex.EncodeToString(wire)
		h.Check = fmt.Sprintf("--hex --response - --at %s --qname %s --qtype %s", h.sent.UTC().Format("2006-01-02T15:04:05.000000Z"), word(row.QName), word(row.QType))
	}
}

func clone(n *int64) *int64 {
	if n == nil {
		return nil
	}
	return new(*n)
}

// word is one word for a shell of what a vantage point sent.
func word(text string) string {
	return "'" + strings.ReplaceAll(short(text), "'", `'\''`) + "'"
}

// labelDone keeps what the label had, now that it is known whether it was a vantage point's
// own trouble.
func (d *details) labelDone(own func(hit) bool) {
	for _, h := range d.label {
		if (h.Why == whyFailed || h.Why == whyIncorrect) && own(h) {
			d.counts[h.server][h.rank]--
			h.rank = len(ranks) - 1
			d.counts[h.server][h.rank]++
		}
		if h.Outcome == "" || d.counts[h.server][h.rank] > MaxDetails {
			d.left[h.server][h.place()]++
			continue
		}
		d.kept[h.server] = append(d.kept[h.server], h)
	}
	d.label = d.label[:0]
}

// chosen are the hits of a server that are told, in order of time; the others are counted.
func (d *details) chosen(server, n int) ([]hit, map[string]int64) {
	all, left := slices.Clone(d.kept[server]), map[string]int64{}
	for place, n := range d.left[server] {
		left[place] = n
	}
	slices.SortStableFunc(all, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	for _, h := range all[min(n, len(all)):] {
		left[h.place()]++
	}
	all = all[:min(n, len(all))]
	slices.SortStableFunc(all, func(a, b hit) int { return a.Interval.Compare(b.Interval) })
	return all, left
}

// details writes those of a day.
func (r *job) details(f *fold, routes map[routeKey]string) error {
	dir := "details/" + dayKey(f.start) + "/"
	for server, rsi := range r.rsis {
		for n := MaxDetails; ; n -= n/4 + 1 {
			hits, left := f.details.chosen(server, n)
			out := Details{Rows: []Detail{}, LeftOff: left}
			for _, h := range hits {
				h.Show = r.showCommand(f.start, rsi, &h)
				if h.Check != "" && h.Query == measurement.QueryCorrectness && h.Verdict != "" {
					h.Check = r.checkCommand(&h)
				} else {
					h.Check = ""
				}
				h.Route = routes[routeKey{h.Interval, h.vp, h.server, h.path / len(measurement.Transports)}]
				out.Rows = append(out.Rows, h.Detail)
			}
			err := r.data(dir+rsi, out)
			if errors.Is(err, errLarge) && n > 0 {
				continue
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// showCommand shows the row; it is called where the lake is.
func (r *job) showCommand(day time.Time, rsi string, h *hit) string {
	family, transport := allPaths[h.path].Family, allPaths[h.path].Transport
	return fmt.Sprintf("mtric show --json --where interval=%s --where vantage_point=%s --where query=%s --where rsi=%s --where family=%s --where transport=%s %s",
		h.Interval.Format(time.RFC3339), h.VantagePoint, h.Query, rsi, family, transport,
		path.Join(r.plan.Paths.Lake, string(column.Answers), "yyyymm="+interval.Partition(day), string(column.Answers)+"-"+dayKey(day)+".parquet"))
}

// checkCommand judges the wire again, which it reads from its standard input; empty where a
// zone that it takes is not there.
func (r *job) checkCommand(h *hit) string {
	var serials []uint32
	for _, k := range correctness.Candidates(r.known, h.sent, h.Interval) {
		switch {
		case k.Archived:
			serials = append(serials, k.Serial)
		case h.Verdict == string(measurement.Unchecked):
			return "" // it is held for want of this one
		}
	}
	for _, folder := range r.Zones {
		if files, all := folder.zones(serials); all {
			return "mtric check" + files + " " + h.Check
		}
	}
	return ""
}

// zones are the arguments for zones, and the trust anchor where it lies beside them; false
// where one is not there.
func (f Folder) zones(serials []uint32) (args string, all bool) {
	has := func(name string) bool {
		info, err := os.Stat(filepath.Join(f.Dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	if anchors := "anchors.ds"; has(anchors) {
		args = " --anchor " + quoted(path.Join(f.Name, anchors))
	}
	for _, serial := range serials {
		name := rootzone.FileName(serial)
		if !has(name) {
			return "", false
		}
		args += " --zone " + quoted(path.Join(f.Name, name))
	}
	return args, len(serials) > 0
}

// quoted makes one word for a shell of a path.
func quoted(path string) string {
	if strings.Trim(strings.ToLower(path), "abcdefghijklmnopqrstuvwxyz0123456789._-/") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
