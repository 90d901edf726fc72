package lab

import (
	"context"
	"crypto/tls"
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

// Config says what a System serves. Only Zone is needed.
type Config struct {
	Zone     *Zone
	Servers  []Server // nil: RootServers; at most 15
	PortBase int      // the first server listens on the port above, and so on; 0 finds free ones
	Seed     uint64   // of probabilities and of flipped bits
	Faults   []Fault
	Now      func() time.Time // the clock of faults; nil: time.Now
	TLS      bool             // all servers answer over TLS too, TLSPorts above each port
	Versions bool             // tell the version in class CH, which most root servers refuse
}

// System is a running group of name servers: a root server system by default. Its methods may be called from
// several goroutines.
type System struct {
	IPv6 bool // the machine has ::1, and the system answers there

	seed     uint64
	portBase int
	tls      *tls.Config // nil: not over TLS
	versions bool
	now      func() time.Time
	group    []Server
	servers  []*server
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

// Start brings the servers up; they answer when it returns. The caller closes
// the system.
func Start(c Config) (*System, error) {
	if c.Zone == nil {
		return nil, errors.New("lab: no zone to serve")
	}
	group, encrypted := c.group()
	if len(group) >= TLSPorts {
		return nil, fmt.Errorf("lab: %d servers: want at most %d", len(group), TLSPorts-1)
	}
	highest := 65535 - len(group)
	if encrypted {
		highest -= TLSPorts
	}
	if c.PortBase < 0 || c.PortBase > highest {
		return nil, fmt.Errorf("lab: port base %d: want 0 to %d", c.PortBase, highest)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &System{IPv6: hasIPv6(), seed: c.Seed, versions: c.Versions, now: c.Now, group: group, random: rand.New(stream(c.Seed, "faults")),
		stale: map[staleKey]*Zone{}, icmp: map[netip.Addr]*icmpSocket{}}
	if encrypted {
		var err error
		if s.tls, err = serverTLS(); err != nil {
			return nil, fmt.Errorf("lab: %w", err)
		}
	}
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

// group is whom the system is made of, and whether one of them answers over TLS.
func (c *Config) group() (all []Server, encrypted bool) {
	if all = slices.Clone(c.Servers); len(all) == 0 {
		all = RootServers()
	}
	for i := range all {
		all[i].TLS = all[i].TLS || c.TLS
		encrypted = encrypted || all[i].TLS
	}
	return all, encrypted
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

// Servers are those of the system, in the order of their ports.
func (s *System) Servers() []Server { return slices.Clone(s.group) }

func (s *System) index(rsi measurement.RSI) int {
	return slices.IndexFunc(s.group, func(g Server) bool { return g.RSI == rsi })
}

// PortBase is the number below the first server's port.
func (s *System) PortBase() int { return s.portBase }

// Addr is where an RSI listens in a family, on a port of its own. It is invalid
// where the machine or the server lacks the family, or the RSI is not known.
func (s *System) Addr(rsi measurement.RSI, family measurement.Family) netip.AddrPort {
	i := s.index(rsi)
	if i < 0 || family == measurement.IPv6 && (!s.IPv6 || s.group[i].IPv4Only) {
		return netip.AddrPort{}
	}
	return s.address(i, family)
}

func (s *System) address(i int, family measurement.Family) netip.AddrPort {
	ip := s.group[i].IPv4
	if family == measurement.IPv6 {
		ip = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(ip, uint16(s.portBase+i+1))
}

// Queries is how many queries an RSI has read over a path since it started;
// a refused one never is.
func (s *System) Queries(rsi measurement.RSI, path measurement.Path) int64 {
	if i := s.index(rsi); i >= 0 {
		if e := s.servers[i].endpoints[path]; e != nil {
			return e.queries.Load()
		}
	}
	return 0
}

// Zone is what an RSI serves, faults aside.
func (s *System) Zone(rsi measurement.RSI) *Zone {
	if i := s.index(rsi); i >= 0 {
		return s.servers[i].zone.Load()
	}
	return nil
}

// SetZone makes an RSI serve another version from now on.
func (s *System) SetZone(rsi measurement.RSI, z *Zone) error {
	i := s.index(rsi)
	if i < 0 || z == nil {
		return fmt.Errorf("lab: RSI %q: want one of the system's, and a zone", rsi)
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
	if err := check(faults, s.group); err != nil {
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

// Range of ports that are tried; blocks, so that two systems on one machine never share a
// part of one. The second half of a block is for TLS.
const (
	firstPort = 10000
	lastPort  = 30000
	portBlock = 2 * TLSPorts
)

// TLSPorts is how far the port of an RSI over TLS lies above that over UDP and TCP.
const TLSPorts = 16

// listen opens all sockets.
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
	return fmt.Errorf("no free ports between %d and %d: %w", firstPort, lastPort, err)
}

func (s *System) listenAt(base int, z *Zone) error {
	s.portBase, s.servers = base, nil
	for i, g := range s.group {
		sv := &server{responder: responder{flavour: g.Flavour, identity: NSID(g.RSI)}, rsi: g.RSI, endpoints: map[measurement.Path]*endpoint{}}
		if s.versions {
			sv.version = version(g.Flavour)
		}
		sv.zone.Store(z)
		s.servers = append(s.servers, sv)
		for _, path := range s.paths(g) {
			e := &endpoint{system: s, server: sv, path: path, addr: s.address(i, path.Family)}
			if path.Transport == measurement.TLS {
				e.addr = netip.AddrPortFrom(e.addr.Addr(), e.addr.Port()+TLSPorts)
			}
			sv.endpoints[path] = e
			if err := e.open(); err != nil {
				for _, e := range s.endpoints() {
					e.close()
				}
				return fmt.Errorf("RSI %s, %s, port %s: %w", g.RSI, path, strconv.Itoa(int(e.addr.Port())), err)
			}
		}
	}
	return nil
}

// paths are those that a server answers over.
func (s *System) paths(g Server) (all []measurement.Path) {
	for _, family := range measurement.Families {
		if family == measurement.IPv6 && (!s.IPv6 || g.IPv4Only) {
			continue
		}
		for _, transport := range measurement.Transports {
			if transport != measurement.TLS || g.TLS {
				all = append(all, measurement.Path{Family: family, Transport: transport})
			}
		}
	}
	return all
}

// endpoints lists all in the order of servers and paths.
func (s *System) endpoints() []*endpoint {
	var all []*endpoint
	for i, sv := range s.servers {
		for _, path := range s.paths(s.group[i]) {
			if e := sv.endpoints[path]; e != nil {
				all = append(all, e)
			}
		}
	}
	return all
}
