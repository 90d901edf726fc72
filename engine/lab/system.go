package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Letters are the thirteen RSIs.
var Letters = []measurement.RSI{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"}

// flavours of a to m, as in a rig of real servers.
var flavours = []Flavour{NSD, Knot, BIND, NSD, Knot, BIND, NSD, Knot, BIND, NSD, Knot, BIND, NSD}

func indexOf(rsi measurement.RSI) int { return slices.Index(Letters, rsi) }

// Config says what a System serves. Only Zone is needed.
type Config struct {
	Zone     *Zone
	PortBase int    // RSI a listens on the port above, m thirteen above; 0 finds thirteen free ones
	Seed     uint64 // of probabilities and of flipped bits
	Faults   []Fault
	Now      func() time.Time // the clock of faults; nil: time.Now
}

// System is a running root server system. Its methods may be called from
// several goroutines.
type System struct {
	IPv6 bool // the machine has ::1, and the system answers there

	seed     uint64
	portBase int
	now      func() time.Time
	servers  [13]*server
	cancel   context.CancelFunc
	done     context.Context
	tasks    sync.WaitGroup

	mu       sync.Mutex // of what follows
	faults   []Fault
	random   *rand.Rand
	stale    map[staleKey]*Zone
	icmp     map[netip.Addr]*icmpSocket
	closed   bool
	switches sync.Mutex // held while sockets are opened and closed
}

// server is one RSI.
type server struct {
	responder
	rsi       measurement.RSI
	zone      atomic.Pointer[Zone]
	endpoints map[measurement.Path]*endpoint
}

// Start brings thirteen RSIs up; they answer when it returns. The caller closes
// the system.
func Start(c Config) (*System, error) {
	if c.Zone == nil {
		return nil, errors.New("lab: no zone to serve")
	}
	if c.PortBase < 0 || c.PortBase > 65535-len(Letters) {
		return nil, fmt.Errorf("lab: port base %d: want 0 to %d", c.PortBase, 65535-len(Letters))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &System{IPv6: hasIPv6(), seed: c.Seed, now: c.Now, random: rand.New(stream(c.Seed, "faults")),
		stale: map[staleKey]*Zone{}, icmp: map[netip.Addr]*icmpSocket{}}
	s.done, s.cancel = context.WithCancel(context.Background())
	if err := s.listen(c.PortBase, c.Zone); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), s.Close())
	}
	if err := s.SetFaults(c.Faults...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.tasks.Go(s.keep)
	return s, nil
}

// Close ends the system and waits until nothing of it runs any more.
func (s *System) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cancel()
	s.switches.Lock()
	for _, e := range s.endpoints() {
		e.close()
	}
	s.switches.Unlock()
	s.tasks.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, socket := range s.icmp {
		socket.close()
	}
	return nil
}

// PortBase is the number below RSI a's port.
func (s *System) PortBase() int { return s.portBase }

// Addr is where an RSI listens in a family: 127.0.53.1 to .13 and ::1, each
// letter with its own port. It is invalid where the machine lacks the family or
// the RSI is not known.
func (s *System) Addr(rsi measurement.RSI, family measurement.Family) netip.AddrPort {
	i := indexOf(rsi)
	if i < 0 || family == measurement.IPv6 && !s.IPv6 {
		return netip.AddrPort{}
	}
	return address(i, family, s.portBase)
}

func address(i int, family measurement.Family, base int) netip.AddrPort {
	ip := netip.AddrFrom4([4]byte{127, 0, 53, byte(i + 1)})
	if family == measurement.IPv6 {
		ip = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(ip, uint16(base+i+1))
}

// NSID is the identity of an RSI's only instance, "lab-a-01.mtric.example".
func NSID(rsi measurement.RSI) string { return "lab-" + string(rsi) + "-01.mtric.example" }

// FlavourOf is the software an RSI imitates: a d g j m NSD, b e h k Knot,
// c f i l BIND; empty where the RSI is not known.
func FlavourOf(rsi measurement.RSI) Flavour {
	if i := indexOf(rsi); i >= 0 {
		return flavours[i]
	}
	return ""
}

// Queries is how many queries an RSI has read over a path since it started;
// a refused one never is.
func (s *System) Queries(rsi measurement.RSI, path measurement.Path) int64 {
	if i := indexOf(rsi); i >= 0 {
		if e := s.servers[i].endpoints[path]; e != nil {
			return e.queries.Load()
		}
	}
	return 0
}

// Zone is what an RSI serves, faults aside.
func (s *System) Zone(rsi measurement.RSI) *Zone {
	if i := indexOf(rsi); i >= 0 {
		return s.servers[i].zone.Load()
	}
	return nil
}

// SetZone makes an RSI serve another version from now on.
func (s *System) SetZone(rsi measurement.RSI, z *Zone) error {
	i := indexOf(rsi)
	if i < 0 || z == nil {
		return fmt.Errorf("lab: RSI %q: want a to m, and a zone", rsi)
	}
	if err := s.prepareStale(z); err != nil {
		return err
	}
	s.servers[i].zone.Store(z)
	return nil
}

// SetFaults replaces all faults; sockets are closed and opened before it
// returns. On an error the faults stay as they were, unless a socket could not
// be opened again.
func (s *System) SetFaults(faults ...Fault) error {
	if err := check(faults); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	for i, f := range faults {
		if f.Kind == ForgedICMP {
			if err := s.openICMP(f); err != nil {
				return fmt.Errorf("lab: fault %d (%s): %w", i+1, f.Kind, err)
			}
		}
	}
	s.mu.Lock()
	s.faults = slices.Clone(faults)
	s.mu.Unlock()
	if err := s.prepareStale(nil); err != nil {
		return err
	}
	return s.refuse()
}

// active are the faults that a query meets now.
func (s *System) active(rsi measurement.RSI, path measurement.Path, qtype string) []Fault {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var met []Fault
	for _, f := range s.faults {
		if f.Kind != Refuse && f.meets(rsi, path, now) && among(f.Types, qtype) &&
			(f.Probability == 0 || s.random.Float64() < f.Probability) {
			met = append(met, f)
		}
	}
	return met
}

type staleKey struct {
	zone   *Zone
	behind uint32
}

// older is the zone with a serial of the past, all else unchanged.
func (s *System) older(z *Zone, behind uint32) (*Zone, error) {
	k := staleKey{z, max(behind, 1)}
	s.mu.Lock()
	o := s.stale[k]
	s.mu.Unlock()
	if o != nil {
		return o, nil
	}
	o, err := z.NextVersion(Revision{Serial: z.Serial - k.behind, Unchanged: true})
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale[k] = o
	return o, nil
}

// prepareStale makes the older zones before a query wants them, for it would
// have to wait, and forgets those of zones no longer served; next is about to be.
func (s *System) prepareStale(next *Zone) error {
	s.mu.Lock()
	faults := s.faults
	s.mu.Unlock()
	served := map[*Zone]bool{next: next != nil}
	for _, sv := range s.servers {
		served[sv.zone.Load()] = true
	}
	for z, is := range served {
		for _, f := range faults {
			if is && f.Kind == Stale && f.Zone == nil {
				if _, err := s.older(z, f.Behind); err != nil {
					return err
				}
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.stale, func(k staleKey, _ *Zone) bool { return !served[k.zone] })
	return nil
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// Range of ports that are tried; blocks of sixteen, so that two systems on one
// machine never share a part of one.
const (
	firstPort = 10000
	lastPort  = 30000
	portBlock = 16
)

// listen opens all sockets of the thirteen RSIs.
func (s *System) listen(base int, z *Zone) error {
	if base != 0 {
		return s.listenAt(base, z)
	}
	var err error
	for base := firstPort; base < lastPort; base += portBlock {
		if err = s.listenAt(base, z); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no thirteen free ports between %d and %d: %w", firstPort, lastPort, err)
}

func (s *System) listenAt(base int, z *Zone) error {
	s.portBase = base
	for i, rsi := range Letters {
		sv := &server{responder: responder{flavours[i], NSID(rsi)}, rsi: rsi, endpoints: map[measurement.Path]*endpoint{}}
		sv.zone.Store(z)
		s.servers[i] = sv
		for _, family := range measurement.Families {
			if family == measurement.IPv6 && !s.IPv6 {
				continue
			}
			for _, transport := range measurement.MetricTransports {
				path := measurement.Path{Family: family, Transport: transport}
				e := &endpoint{system: s, server: sv, path: path, addr: address(i, family, base)}
				sv.endpoints[path] = e
				if err := e.open(); err != nil {
					for _, e := range s.endpoints() {
						e.close()
					}
					return fmt.Errorf("RSI %s, %s, port %s: %w", rsi, path, strconv.Itoa(base+i+1), err)
				}
			}
		}
	}
	return nil
}

// endpoints lists all in the order of letters and paths.
func (s *System) endpoints() []*endpoint {
	var all []*endpoint
	for _, sv := range s.servers {
		if sv == nil {
			continue
		}
		for _, family := range measurement.Families {
			for _, transport := range measurement.MetricTransports {
				if e := sv.endpoints[measurement.Path{Family: family, Transport: transport}]; e != nil {
					all = append(all, e)
				}
			}
		}
	}
	return all
}
