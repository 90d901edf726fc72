package plan

import (
	"slices"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// Frame is a span of interval labels, [From, Until), within which the same RSIs
// have an address. Their number is n [dlw].
type Frame struct {
	From  time.Time
	Until time.Time
	RSIs  []measurement.RSI // in the order of the servers
}

// RSIsAt returns those of the servers that have an address of any family at t, the
// start of an interval, in the order of the servers (reading A23).
func RSIsAt(servers []Server, t time.Time) []measurement.RSI {
	rsis := []measurement.RSI{}
	for _, s := range servers {
		if slices.ContainsFunc(s.Addresses, func(a Address) bool { return a.at(t) }) {
			rsis = append(rsis, s.RSI)
		}
	}
	return rsis
}

// Frames returns the frames of the servers over the interval labels [from, until),
// both on a label, oldest first: one begins where the other ends, and no two
// neighbours have the same RSIs. What an address changes within an interval counts
// from the next label on. There is none where until is not after from.
func Frames(servers []Server, from, until time.Time) []Frame {
	if !from.Before(until) {
		return nil
	}
	frames := []Frame{{From: from, Until: until, RSIs: RSIsAt(servers, from)}}
	for _, t := range changes(servers) {
		if !from.Before(t) || !t.Before(until) {
			continue
		}
		last := &frames[len(frames)-1]
		if rsis := RSIsAt(servers, t); !slices.Equal(rsis, last.RSIs) {
			last.Until = t
			frames = append(frames, Frame{From: t, Until: until, RSIs: rsis})
		}
	}
	return frames
}

// changes are the labels from which on an address holds, or holds no more, each
// once and in order.
func changes(servers []Server) []time.Time {
	var all []time.Time
	for _, s := range servers {
		for _, a := range s.Addresses {
			for _, t := range []*time.Time{a.From, a.Until} {
				if t != nil {
					all = append(all, labelFrom(*t))
				}
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// labelFrom is the first label at t or later.
func labelFrom(t time.Time) time.Time {
	if label := interval.Of(t); label.Before(t) {
		return label.Add(interval.Length)
	}
	return interval.Of(t)
}

// PathsTo lists the query's paths over which the server has an address at t, and TLS
// where it is asked for, by family and transport in the order of the query. Over others
// nothing is asked.
func (q Query) PathsTo(s Server, t time.Time) []measurement.Path {
	var paths []measurement.Path
	for _, f := range q.Families {
		if _, ok := s.AddressAt(f, t); !ok {
			continue
		}
		for _, transport := range q.TransportsTo(s) {
			paths = append(paths, measurement.Path{Family: f, Transport: transport})
		}
	}
	return paths
}

// TransportsTo lists the query's transports over which the server can be asked.
func (q Query) TransportsTo(s Server) []measurement.Transport {
	if s.TLS != nil {
		return q.Transports
	}
	return slices.DeleteFunc(slices.Clone(q.Transports), func(t measurement.Transport) bool { return t == measurement.TLS })
}
