package alert

import (
	"slices"

	"mtric.net/mtric/engine/measurement"
)

// A row has a word of a vocabulary by its place. countedRCodes are the rcodes that
// RCodes has fields for. A test compares objects and counts with the vocabularies.
var (
	outcomeAnswered  = uint8(slices.Index(measurement.Outcomes, measurement.Answered))
	outcomeLocal     = uint8(slices.Index(measurement.Outcomes, measurement.LocalError))
	verdictCorrect   = 1 + uint8(slices.Index(measurement.Verdicts, measurement.Correct)) // 0: none
	verdictIncorrect = 1 + uint8(slices.Index(measurement.Verdicts, measurement.Incorrect))
	verdictUnchecked = 1 + uint8(slices.Index(measurement.Verdicts, measurement.Unchecked))

	countedRCodes = []string{measurement.NoError, measurement.NXDomain, measurement.ServFail, measurement.FormErr, measurement.RRefused}
	rcodeNoError  = rcodeOf(measurement.NoError)
)

// rcodeOf is the code of an rcode, 0 of none; all that no field counts share the last.
func rcodeOf(name string) uint8 {
	i := slices.Index(countedRCodes, name)
	switch {
	case name == "":
		return 0
	case i < 0:
		i = len(countedRCodes)
	}
	return uint8(1 + i)
}

// Counts by code.
type (
	outcomeCounts [8]int64
	rcodeCounts   [7]int64
	verdictCounts [4]int64
)

func (n *outcomeCounts) object() Outcomes {
	return Outcomes{n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]}
}

func (n *rcodeCounts) object() RCodes { return RCodes{n[1], n[2], n[3], n[4], n[5], n[6]} }

// ofFamily and ofTransport are where a run's queries of these are counted.
func (r *Run) ofFamily(f measurement.Family) *PathCount {
	switch f {
	case measurement.IPv4:
		return &r.IPv4
	case measurement.IPv6:
		return &r.IPv6
	}
	return new(PathCount)
}

func (r *Run) ofTransport(t measurement.Transport) *PathCount {
	switch t {
	case measurement.UDP:
		return &r.UDP
	case measurement.TCP:
		return &r.TCP
	case measurement.TLS:
		return &r.TLS
	}
	return new(PathCount)
}
