package crowd

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// DNSMON's measurements have numbers of users' measurements, which Atlas' metadata explain.
const (
	firstDNSMON  = 1_000_001
	cadence      = 300 // s
	streamDNSMON = 1 << 40
)

// metadata is a measurement as Atlas' API describes it.
type metadata struct {
	ID       int    `json:"id"`
	Type     string `json:"type"`
	AF       int    `json:"af"`
	Target   string `json:"target"`
	TargetIP string `json:"target_ip"`
	Protocol string `json:"protocol"`
	Class    string `json:"query_class"`
	QType    string `json:"query_type"`
	Argument string `json:"query_argument"`
	NSID     bool   `json:"set_nsid_bit"`
	Interval int    `json:"interval"`
}

// dnsmon writes the results of anchors for DNSMON: each asks all servers for the SOA every
// five minutes, over all paths and with NSID. Chance of theirs follows from the seed alone.
func (w *world) dnsmon(dir string) (err error) {
	if err := w.writeMeasurements(filepath.Join(dir, Measurements)); err != nil {
		return err
	}
	out, err := create(filepath.Join(dir, DNSMON))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	w.truth.DNSMON = &SetTruth{Outcomes: make(map[measurement.Outcome]int64), Incorrect: make(map[measurement.RSI]int64)}
	w.random = rand.New(rand.NewPCG(w.Seed, streamDNSMON))
	for start := w.From; start.Before(w.Until); start = start.Add(cadence * time.Second) {
		for i := range w.probes {
			p := &w.probes[i]
			at := start.Unix() + p.phase%cadence
			if !p.anchor || at >= w.Until.Unix() {
				continue
			}
			if err := w.ofAnchor(out, p, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachDNSMON yields the paths that DNSMON asks over.
func (w *world) eachDNSMON(use func(q query) error) error {
	for x, rsi := range w.rsis {
		for f, family := range measurement.Families {
			for tcp := range 2 {
				q := query{rsi: rsi, family: family, f: f, tcp: tcp == 1, addr: w.Servers[rsi][f], id: firstDNSMON + 4*x + 2*f + tcp, nsid: true}
				if !q.addr.IsValid() {
					continue
				}
				if err := use(q); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *world) ofAnchor(out *output, p *probe, at int64) error {
	truth := w.truth.DNSMON
	return w.eachDNSMON(func(q query) error {
		q.probe, q.sent, q.at = p, at, at+p.ahead
		w.strike(&q)
		lost := w.random.IntN(1000) == 0
		f := w.answered(q, kindSOA, q.roundTrip()*(1+0.1*w.random.Float64()))
		if lost {
			f = fate{outcome: measurement.Timeout, text: `"error":{"timeout":5000}`}
		}
		if q.fate != nil {
			f = w.overruled(q, f)
		}
		if f.silent {
			return nil
		}
		if f.nowhere {
			q.addr = netip.Addr{}
		}
		truth.Rows++
		truth.Outcomes[f.outcome]++
		if f.judged && q.wrong {
			truth.Incorrect[q.rsi]++
		} else if f.judged {
			truth.Correct++
		}
		if _, err := out.Write(w.line(q, f.text)); err != nil {
			return err
		}
		return out.WriteByte('\n')
	})
}

// writeMeasurements writes what DNSMON's measurements ask, as the API answers.
func (w *world) writeMeasurements(path string) error {
	var all struct {
		Count   int        `json:"count"`
		Results []metadata `json:"results"`
	}
	err := w.eachDNSMON(func(q query) error {
		m := metadata{ID: q.id, Type: "dns", AF: 4 + 2*q.f, Target: string(q.rsi) + ".root-servers.net", TargetIP: q.addr.String(), Protocol: "UDP", Class: "IN", QType: "SOA", Argument: ".", NSID: true, Interval: cadence}
		if q.tcp {
			m.Protocol = "TCP"
		}
		all.Results = append(all.Results, m)
		return nil
	})
	all.Count = len(all.Results)
	text, jsonErr := json.Marshal(all)
	if err := errors.Join(err, jsonErr); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
