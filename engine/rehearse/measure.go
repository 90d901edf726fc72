package rehearse

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lake"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/probe"
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
	h := &hour{vp: vp, at: p.now}
	known := false
	for _, c := range p.script.clocks {
		if c.vp == vp {
			h.ahead, known = c.ahead, c.known.holds(p.now) && c.known != span{}
		}
	}
	h.label = interval.Of(h.at.Add(h.ahead))
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", seed, vp, h.at))
	source := rand.NewChaCha8(sum)
	random := rand.New(source)
	zone, err := p.root.read(p.root.published(h.at.Add(-time.Hour), true).zone)
	if err != nil {
		return err
	}
	var rows []measurement.Answer
	run := &measurement.Run{VantagePoint: vp, Interval: h.label, StartedAt: h.label.Add(2 * time.Second), EngineVersion: p.o.Version,
		Plan: p.site.plan.Name, PlanSHA256: p.site.sum, Timestamps: "kernel", ClockSynchronized: synchronized(h, known)}
	for i, q := range probe.Draw(p.site.plan, h.label, zone, random) {
		a, err := p.ask(h, q, time.Duration(2000+2*i)*time.Millisecond, source)
		if err != nil {
			return err
		}
		rows = append(rows, a)
		if a.Outcome == measurement.Answered {
			run.Answered++
		}
	}
	run.Planned = int32(len(rows))
	return p.deliver(h, rows, lake.Metadata{Version: p.o.Version, Plan: run.Plan, PlanSHA256: run.PlanSHA256, Run: run})
}

// synchronized is what the machine says of its clock: nothing where it is wrong and does
// not know it.
func synchronized(h *hour, known bool) *bool {
	switch {
	case known:
		return new(false)
	case h.ahead != 0:
		return nil
	}
	return new(true)
}

// ask asks one query. What it is in truth is noted.
func (p *player) ask(h *hour, q measurement.Query, after time.Duration, source *rand.ChaCha8) (measurement.Answer, error) {
	s := p.serviceOf(q.RSI, h.vp, h.at)
	soa := q.Label == "soa"
	if soa && s != nil && !s.soa {
		s = nil
	}
	zone := p.zoneOf(q.RSI, s, h.at)
	plain := soa && (s == nil || s.spoil == nil)
	key := soaKey{zone, q.RSI, q.Family, q.Transport, q.Address.String()}
	sent := h.label.Add(after)
	if a, known := p.soa[key]; plain && known {
		a.VantagePoint, a.Interval, a.SentAt = h.vp, h.label, &sent
		return p.lied(h, a), nil
	}
	a, err := probe.Play(h.vp, h.label, q, sent, 20*time.Millisecond, source, func(query []byte, tcp bool) ([]byte, error) {
		wire, err := zone.Answer(query, flavourOf(q.RSI), "rehearsal-"+string(q.RSI), tcp)
		if err == nil && wire != nil && s != nil && s.spoil != nil {
			wire, err = s.spoil(wire)
		}
		return wire, err
	})
	if err != nil {
		return a, fmt.Errorf("%s asks %s: %w", h.vp, q.RSI, err)
	}
	if soa {
		if plain {
			p.soa[key] = a
		}
		return p.lied(h, a), nil
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

// lied is the row as a vantage point that lies sends it.
func (p *player) lied(h *hour, a measurement.Answer) measurement.Answer {
	if p.script.lie != nil {
		p.script.lie(h, &a)
	}
	return a
}

// mayHold says whether the script lets the answer be held.
func (p *player) mayHold(h *hour, rsi measurement.RSI) bool {
	for _, s := range p.script.holds {
		if s.holds(h.vp, rsi, h.at) {
			return true
		}
	}
	return false
}

// deliver puts a file with its sidecar into the dropbox, where it arrives two minutes
// after the interval began.
func (p *player) deliver(h *hour, rows []measurement.Answer, meta lake.Metadata) error {
	path := filepath.Join(p.dropbox(h.vp), lake.Name(h.label, h.vp, lake.Answers))
	if err := lake.Write(path, rows, meta); err != nil {
		return err
	}
	if err := lake.WriteSidecar(path); err != nil {
		return err
	}
	arrived := h.at.Add(2 * time.Minute)
	for _, name := range []string{path, lake.Sidecar(path)} {
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
