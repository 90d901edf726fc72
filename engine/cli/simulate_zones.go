package cli

import (
	"errors"
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/simulate"
)

// simulatedTLDs is the size of simulated root zones, that of the real one; tests may make
// it less.
var simulatedTLDs = lab.DefaultTLDs

// labZones lets a simulation answer from the lab's zones: the two packages are of
// one level and do not know each other.
type labZones struct{ last *lab.Zone }

func (z *labZones) Start(seed uint64, serial uint32, inception, expiration time.Time) (simulate.Zone, string, error) {
	first, err := lab.Generate(lab.Options{Seed: seed, Serial: serial, TLDs: simulatedTLDs, Inception: inception, Expiration: expiration})
	if err != nil {
		return nil, "", err
	}
	z.last = first
	return labZone{first}, first.DS(), nil
}

func (z *labZones) Next(serial uint32) (simulate.Zone, error) {
	if z.last == nil {
		return nil, errors.New("no first zone")
	}
	next, err := z.last.NextVersion(lab.Revision{Serial: serial})
	if err != nil {
		return nil, err
	}
	z.last = next
	return labZone{next}, nil
}

// Software spreads the kinds of servers over the letters as the lab does.
func (z *labZones) Software(rsi measurement.RSI) string { return string(lab.FlavourOf(rsi)) }

// labZone is a zone that many goroutines ask.
type labZone struct{ *lab.Zone }

func (z labZone) Answer(query []byte, software, nsid string, tcp bool) ([]byte, error) {
	return z.Zone.Answer(query, lab.Flavour(software), nsid, tcp)
}
