package rehearse

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
	"mtric.net/mtric/engine/spool"
)

// soaKey is all that a plain answer to ./SOA depends on but for times.
type soaKey struct {
	zone      *lab.Zone
	rsi       measurement.RSI
	family    measurement.Family
	transport measurement.Transport
	address   string
}

// measure lets a vantage point measure the interval that begins now, and puts its file
// into its dropbox.
func (p *player) measure(vp measurement.VantagePoint) error {
	c, site := p.clockOf(vp), p.siteOf(vp)
	h := &hour{vp: vp, at: p.now, label: interval.Of(p.now.Add(c.ahead))}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", seed, vp, h.at))
	source := rand.NewChaCha8(sum)
	random := rand.New(source)
	zone, err := p.root.read(p.root.published(h.at.Add(-time.Hour), true).zone)
	if err != nil {
		return err
	}
	var rows []measurement.Answer
	run := &measurement.Run{VantagePoint: vp, Interval: h.label, StartedAt: h.label.Add(2 * time.Second), EngineVersion: p.o.Version,
		Plan: site.plan.Name, PlanSHA256: site.sum, Timestamps: "kernel", ClockSynchronized: c.synchronized(p.now)}
	for i, q := range probe.Draw(site.plan, h.label, zone, random) {
		a, err := p.ask(h, q, time.Duration(2000+2*i)*time.Millisecond, source)
		if err != nil {
			return err
		}
		rows = append(rows, a)
	}
	if vp == p.script.liar {
		return p.lieFor(h, rows, run)
	}
	return p.deliver(h, rows, run)
}

// synchronized is what the machine says of its clock.
func (c wrongClock) synchronized(now time.Time) *bool {
	switch {
	case c.known != span{} && c.known.holds(now):
		return new(false)
	case c.unknown != span{} && c.unknown.holds(now):
		return nil
	}
	return new(true)
}

// ask asks one query. What it is in truth is noted.
func (p *player) ask(h *hour, q measurement.Query, after time.Duration, source *rand.ChaCha8) (measurement.Answer, error) {
	s := p.serviceOf(q.RSI, h.vp, h.at)
	soa := q.Label == measurement.QuerySOA
	if soa && s != nil && !s.soa {
		s = nil
	}
	zone := p.zoneOf(q.RSI, s, h.at)
	silent := p.silent(q.Address, h.at)
	plain := soa && (s == nil || s.spoil == nil) && !silent
	key := soaKey{zone, q.RSI, q.Family, q.Transport, q.Address.String()}
	sent := h.label.Add(after)
	if a, known := p.soa[key]; plain && known {
		a.VantagePoint, a.Interval, a.SentAt = h.vp, h.label, &sent
		return a, nil
	}
	a, err := probe.Play(h.vp, h.label, q, sent, 20*time.Millisecond, source, func(query []byte, tcp bool) ([]byte, error) {
		if silent {
			return nil, nil
		}
		wire, err := zone.Answer(query, flavourOf(q.RSI), "rehearsal-"+string(q.RSI), tcp)
		if err == nil && wire != nil && s != nil && s.spoil != nil {
			wire, err = s.spoil(wire)
		}
		return wire, err
	}, nil) // it plays the reserved queries alone
	if err != nil {
		return a, fmt.Errorf("%s asks %s: %w", h.vp, q.RSI, err)
	}
	if soa {
		if plain {
			p.soa[key] = a
		}
		return a, nil
	}
	played := played{a, honest}
	if s != nil && s.fault != "" {
		played.kind = p.truth.plant(s.fault, s.rsi)
	}
	if p.o.twist != nil {
		p.o.twist(h, &played)
	}
	p.truth.note(&played, p.mayHold(h, q.RSI))
	return played.Answer, nil
}

// flavourOf is the kind of server an RSI has.
func flavourOf(rsi measurement.RSI) lab.Flavour {
	if f := lab.FlavourOf(rsi); f != "" {
		return f
	}
	return lab.NSD
}

// silent says whether an address does not answer.
func (p *player) silent(address netip.Addr, t time.Time) bool {
	return slices.ContainsFunc(p.script.silent, func(s silence) bool { return s.address == address && s.span.holds(t) })
}

// mayHold says whether the script lets the answer be held.
func (p *player) mayHold(h *hour, rsi measurement.RSI) bool {
	return anyScope(p.script.holds, h.vp, rsi, h.at)
}

// deliver puts the file of a run with its sidecar into the dropbox, where it arrives two
// minutes after the interval began; or the vantage point keeps it.
func (p *player) deliver(h *hour, rows []measurement.Answer, run *measurement.Run) error {
	run.Planned, run.Answered = int32(len(rows)), 0
	for i := range rows {
		if rows[i].Outcome == measurement.Answered {
			run.Answered++
		}
	}
	dir := p.dropbox(h.vp)
	if anyScope(p.script.kept, h.vp, "", h.at) {
		dir = p.unsentDir(h.vp)
	}
	path := filepath.Join(dir, spool.Name(h.label, h.vp, column.Answers))
	if err := column.Write(path, rows, column.Metadata{Version: p.o.Version, Plan: run.Plan, PlanSHA256: run.PlanSHA256, Run: run}); err != nil {
		return err
	}
	return arrive(path, h.at.Add(2*time.Minute))
}

// unsentDir is where a vantage point keeps what it cannot send.
func (p *player) unsentDir(vp measurement.VantagePoint) string {
	return filepath.Join(p.home, "kept", string(vp))
}

// sendKept sends what vantage points kept.
func (p *player) sendKept() error {
	for _, vp := range vantagePoints {
		files, err := filepath.Glob(filepath.Join(p.unsentDir(vp), "*.parquet"))
		if err != nil {
			return err
		}
		for _, from := range files {
			to := filepath.Join(p.dropbox(vp), filepath.Base(from))
			if err := os.Rename(from, to); err != nil {
				return fmt.Errorf("dropbox: %w", err)
			}
			if err := arrive(to, p.now); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrive writes the sidecar of a file, and dates both.
func arrive(path string, arrived time.Time) error {
	if err := files.WriteSidecar(path); err != nil {
		return err
	}
	for _, name := range []string{path, files.Sidecar(path)} {
		if err := os.Chtimes(name, arrived, arrived); err != nil {
			return fmt.Errorf("dropbox: %w", err)
		}
	}
	return nil
}

// dropbox is the folder of a vantage point.
func (p *player) dropbox(vp measurement.VantagePoint) string {
	return strings.ReplaceAll(filepath.Join(p.home, p.site.plan.Paths.Dropboxes), "{vantage_point}", string(vp))
}

// hash is a number that follows from a text.
func hash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:])
}
