package ingest

import (
	"reflect"
	"strings"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// counts is what became of the rows of the lake that were judged for one table of zones,
// however often: an answer may prove a zone, and then they are judged once more.
type counts struct{ days map[time.Time]*dayCount }

// dayCount is a day's.
type dayCount struct {
	verdicts []byte // of each row of the file; 0: not judged
	changed  map[int64]change
}

// change is a verdict that was given another one.
type change struct {
	had, now verdict
	at       Accused
	address  string
}

// Codes of verdicts.
const (
	codeOther = 1 + iota
	codeCorrect
	codeIncorrect
)

// note takes in the cases of a day, once their verdicts are written.
func (c *counts) note(day time.Time, cases []docket) {
	d := c.days[day]
	if d == nil {
		d = &dayCount{changed: map[int64]change{}}
		c.days[day] = d
	}
	if n := len(cases); n > 0 && int(cases[n-1].place) >= len(d.verdicts) {
		d.verdicts = append(d.verdicts, make([]byte, int(cases[n-1].place)+1-len(d.verdicts))...)
	}
	for i := range cases {
		k := &cases[i]
		code := byte(codeOther)
		switch k.now.verdict {
		case measurement.Correct:
			code = codeCorrect
		case measurement.Incorrect:
			code = codeIncorrect
		case measurement.Unchecked:
		}
		d.verdicts[k.place] = code
		was, again := d.changed[k.place]
		if again || !reflect.DeepEqual(k.had, k.now) {
			if !again {
				was = change{had: k.had, at: accusedAt(k.label, k.rsi, k.vp, k.nsid), address: strings.Clone(k.address)}
			}
			was.now = k.now
			d.changed[k.place] = was
		}
	}
}

// add adds what came of all of it to the result.
func (r *run) add(c *counts) {
	for _, d := range c.days {
		for _, code := range d.verdicts {
			switch code {
			case codeCorrect:
				r.result.Judged.Correct++
			case codeIncorrect:
				r.result.Judged.Incorrect++
			}
		}
		for _, k := range d.changed {
			if !reflect.DeepEqual(k.had, k.now) {
				r.result.Judged.Changed++
			}
			if k.now.verdict == measurement.Incorrect && k.had.verdict != measurement.Incorrect {
				r.accuse(k.at, k.address)
			}
		}
	}
}
