package simulate

import (
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Calendar says when the root zones of a seed are published and when sites get them. A crowd
// that is simulated beside a lake (package crowd) asks it too: both see one world.
//
// Zones are numbered: two for each day since 1970, published about 05:00 and
// 17:00 UTC. Serials are YYYYMMDD00 and YYYYMMDD01 and rise with the numbers, so
// that numbers compare as serials do (RFC 1982). Times are µs since 1970.
type Calendar struct{ Seed uint64 }

// Newest is the newest zone published at t.
func (c Calendar) Newest(t int64) int {
	z := int(t/(86400*second))*2 + 1
	for c.Published(z) > t {
		z--
	}
	return z
}

// Published is the time of a zone's publication.
func (c Calendar) Published(z int) int64 {
	return (int64(z/2)*86400+int64(5+z%2*12)*3600)*second + int64(mix(c.Seed, streamZone, uint64(z))%(900*second))
}

// Serial is a zone's serial number.
func (c Calendar) Serial(z int) int64 { return serial(z) }

// Everywhere is when a zone is at all sites, but for faults.
func (c Calendar) Everywhere(z int) int64 { return c.Published(z) + lastSite }

// Reaches is when the site of an RSI that answers a place over a family gets a zone: most
// are two minutes late at most, one in fifty takes up to forty. Place is any number that
// stays the same.
func (c Calendar) Reaches(z int, place uint64, rsi measurement.RSI, family int) int64 {
	return c.reaches(z, place, rsi, c.delay(rsi), family)
}

func (c Calendar) reaches(z int, place uint64, rsi measurement.RSI, delay int64, family int) int64 {
	h := mix(c.Seed, streamSite, uint64(z), place, text(string(rsi)), uint64(family))
	late := int64(h % (120 * second))
	if h>>32%50 == 0 {
		late += int64(h >> 8 % (2400 * second))
	}
	return c.Published(z) + delay + late
}

// delay is how long an RSI takes from a publication to its first site.
func (c Calendar) delay(rsi measurement.RSI) int64 {
	return firstSite + int64(mix(c.Seed, streamRSI, text(string(rsi)))%240)*second
}

// serial is a zone's serial number.
func serial(z int) int64 {
	d := time.Unix(int64(z/2)*86400, 0).UTC()
	return (int64(d.Year())*10000+int64(d.Month())*100+int64(d.Day()))*100 + int64(z%2)
}
