package atlas

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// Zones is an archive of root zones by which SOA records are judged: a record is held against that
// of the zone of its own serial, and of no other. When it was shown, and whether that was late,
// is not looked at, so no clock matters; a serial that the archive lacks accuses nobody.
// Many goroutines may use it.
type Zones struct {
	dir     string
	anchors []rootzone.Anchor
	serials []uint32
	sums    map[uint32][]string // of files that were proved when they came

	mu    sync.Mutex
	zones map[uint32]zoneSOA
}

// zoneSOA is the SOA data of a zone in canonical form, or why there are none.
type zoneSOA struct {
	rdata []byte
	hold  string
	err   error
}

// OpenZones looks what zones a folder has; they are read as they are needed. A zone is
// believed that is on record as proved, as in fetches.jsonl, or that proves itself by the
// anchors.
func OpenZones(dir string, anchors []rootzone.Anchor) (*Zones, error) {
	a := &Zones{dir: dir, anchors: anchors, sums: map[uint32][]string{}, zones: map[uint32]zoneSOA{}}
	var err error
	if a.serials, err = rootzone.Serials(dir); err != nil {
		return nil, err
	}
	old, err := rootzone.OldRecords(dir)
	if err != nil {
		return nil, err
	}
	latest, err := rootzone.Records(dir)
	if err != nil {
		return nil, err
	}
	for _, r := range append(old, latest...) {
		if r.SHA256 != "" && !slices.Contains(a.sums[r.Serial], r.SHA256) {
			a.sums[r.Serial] = append(a.sums[r.Serial], r.SHA256)
		}
	}
	return a, nil
}

// Bad says what is wrong with zones that were needed.
func (z *Zones) Bad() (all []string) {
	for _, one := range z.zones {
		if one.err != nil {
			all = append(all, one.err.Error())
		}
	}
	slices.Sort(all)
	return all
}

func (z *Zones) zone(serial uint32) zoneSOA {
	z.mu.Lock()
	defer z.mu.Unlock()
	one, met := z.zones[serial]
	if met {
		return one
	}
	if !slices.Contains(z.serials, serial) {
		return zoneSOA{hold: notArchived(serial)}
	}
	one.rdata, one.err = z.read(serial)
	switch {
	case one.err == nil:
	case len(z.sums[serial]) == 0: // and never was
		one.hold = notArchived(serial)
	default:
		one.hold = fmt.Sprintf("hold: zone %d cannot be read", serial)
	}
	z.zones[serial] = one
	return one
}

func notArchived(serial uint32) string { return fmt.Sprintf("hold: zone %d is not archived", serial) }

// read is the SOA data of a zone that is believed.
func (z *Zones) read(serial uint32) ([]byte, error) {
	path := filepath.Join(z.dir, rootzone.FileName(serial))
	sum, err := files.Sum(path)
	if err != nil {
		return nil, err
	}
	var soa *dns.SOA
	if slices.Contains(z.sums[serial], sum) {
		soa, err = rootzone.ApexSOA(path)
	} else {
		var zone *rootzone.Zone
		if zone, err = rootzone.Proved(path, z.anchors); err == nil {
			soa, err = zone.SOA()
		}
	}
	if err != nil {
		return nil, err
	}
	if soa.Serial != serial {
		return nil, fmt.Errorf("zone %s: its serial is %d", path, soa.Serial)
	}
	wire := make([]byte, dns.Len(soa)+1)
	n, err := dns.PackRR(soa, wire, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", path, err)
	}
	record, err := dnsmsg.ParseRecord(wire[:n])
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", path, err)
	}
	return record.RData, nil
}

// content is what the archive says of SOA data.
type content struct {
	verdict measurement.Verdict
	failure string
}

// contents remembers what was said, by the data as they came.
type contents struct {
	zones   *Zones // nil judges nothing
	known   map[string]content
	message dnsmsg.Message
}

// Bounds of what is remembered: whoever answers chooses the data.
const (
	mostContents    = 4096
	longestRemember = 512 // bytes; those of the root have some 70
)

// judge is what is to be said of the SOA record in an answer, whose only one it is: owner,
// class and all data must be those of the archive's zone of that serial. The TTL is not
// compared, for a cache counts it down, as it is nowhere in the law of signatures.
func (c *contents) judge(wire []byte) content {
	if c.message.Parse(wire) != nil {
		return content{measurement.Unchecked, noRecord}
	}
	soa, serial := c.message.SOA()
	if soa == nil || soa.Section != dnsmsg.Answer || soa.Class != dns.ClassINET || len(soa.Owner) != 1 {
		return content{measurement.Unchecked, noRecord}
	}
	if said, met := c.known[string(soa.RData)]; met {
		return said
	}
	zone := c.zones.zone(serial)
	said := content{measurement.Correct, ""}
	switch {
	case zone.hold != "":
		said = content{measurement.Unchecked, zone.hold}
	case !bytes.Equal(zone.rdata, soa.RData):
		said = content{measurement.Incorrect, correctness.SOADifference(soa.RData, zone.rdata, serial)}
	}
	if len(c.known) >= mostContents || c.known == nil {
		c.known = map[string]content{}
	}
	if len(soa.RData) <= longestRemember {
		c.known[string(soa.RData)] = said
	}
	return said
}

// noRecord is the reason of answers with which nothing can be compared.
const noRecord = "hold: Answer has not one SOA record of the root"
