package atlas

import "mtric.net/mtric/engine/measurement"

// Counts says what became of all results. It is of one goroutine.
type Counts struct {
	Files       int              `json:"files"`
	Bytes       int64            `json:"bytes"`   // of the results, as text
	Lines       int64            `json:"lines"`   // results, whole lines or elements
	Results     int64            `json:"answers"` // answers that were looked at, each of a resultset by itself
	Added       int64            `json:"added"`   // rows that are new in the lake
	Days        int              `json:"days"`    // files of answers that changed
	Left        map[string]int64 `json:"left_out"`
	FirstBad    string           `json:"first_bad,omitempty"` // where the first result is that could not be read
	Unknown     map[string]int64 `json:"unknown_errors"`      // by key; such rows are local_error
	SizeDiffers int64            `json:"size_differs"`        // of rows: the length is the response's
	Late        int64            `json:"late"`                // of rows: answers after 4 s
	Strays      int64            `json:"strays"`              // of rows: no reply to the question
	ClockWrong  int64            `json:"clock_wrong"`         // of rows: out of all that rests on the probe's clock
	Hidden      int64            `json:"hidden"`              // of rows: what told the probe its address, which is left out
	Places      int              `json:"vantage_points"`      // rows of that table

	Judged   map[measurement.Verdict]int64 `json:"judged"`    // of rows: those added, or judged by more zones than before
	BadZones []string                      `json:"bad_zones"` // of the archive: what is wrong with them

	Empty        []string `json:"empty,omitempty"`        // files in which nothing is, not even an array of nothing
	Contradicted []string `json:"contradicted,omitempty"` // measurements that ask something else than they are said to

	firstBad int64 // its number among all; 0 is none
}

// mostKeys bounds the keys that are counted by name.
const mostKeys = 64

func (c *Counts) left(reason string) { c.many(reason, 1) }

// bad counts a result that cannot be read, and remembers the first.
func (c *Counts) bad(reason string, number int64) {
	c.left(reason)
	c.first(number)
}

// first takes the place of a result that cannot be read; 0 is not known.
func (c *Counts) first(number int64) {
	if number > 0 && (c.firstBad == 0 || number < c.firstBad) {
		c.firstBad = number
	}
}

func (c *Counts) many(reason string, n int64) {
	if c.Left == nil {
		c.Left = map[string]int64{}
	}
	if n > 0 {
		c.Left[reason] += n
	}
}

func (c *Counts) unknown(key string) {
	if c.Unknown == nil {
		c.Unknown = map[string]int64{}
	}
	if _, met := c.Unknown[key]; !met && len(c.Unknown) >= mostKeys {
		key = "others"
	}
	c.Unknown[key]++
}

func (c *Counts) verdict(v *measurement.Verdict) {
	if v == nil {
		return
	}
	if c.Judged == nil {
		c.Judged = make(map[measurement.Verdict]int64)
	}
	c.Judged[*v]++
}

// add adds what another goroutine counted.
func (c *Counts) add(o *Counts) {
	c.Results += o.Results
	c.SizeDiffers += o.SizeDiffers
	c.Late += o.Late
	c.Strays += o.Strays
	c.ClockWrong += o.ClockWrong
	c.Hidden += o.Hidden
	c.first(o.firstBad)
	for reason, n := range o.Left {
		c.many(reason, n)
	}
	for key, n := range o.Unknown {
		for range min(n, 1) {
			c.unknown(key)
		}
		if _, met := c.Unknown[key]; !met {
			key = "others"
		}
		c.Unknown[key] += n - min(n, 1)
	}
}
