package atlas

import (
	"bytes"
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
)

// none stands for a number that there is not.
const none = -1

// clock says what is known of a probe's clock; of several of one run the greatest counts.
type clock uint8

const (
	clockRight clock = iota
	clockUnknown
	clockWrong
)

// entry is a row on its way: a third of the memory of the row itself.
type entry struct {
	Question
	At         int64 // when it was sent, Unix
	Probe      uint32
	Clock      clock
	Stored     int64 // Unix; 0 is not known
	Address    string
	Outcome    measurement.Outcome
	Error      string
	Latency    int64 // µs
	Connect    int64 // µs
	RCode      string
	AA, TC     bool
	Serial     int64
	NSID       *string
	Strays     int64
	Size       int64
	TTL        int64
	Verdict    measurement.Verdict // empty: not judged
	Failure    string
	Response   []byte
	Extra      string // kind
	ExtraAfter int64
	ExtraWire  []byte
}

// chosen says whether the response is the one in a thousand that is kept whatever it says.
func (e *entry) chosen() bool {
	const every = 1000
	h := fnv.New64a()
	for _, text := range []string{strconv.FormatInt(e.At, 10), strconv.FormatUint(uint64(e.Probe), 10), e.Query, string(e.RSI), string(e.Family), string(e.Transport)} {
		_, _ = h.Write(append([]byte(text), 0)) // it has no errors
	}
	return h.Sum64()%every == 0
}

func (e *entry) interval() int64 {
	const length = int64(interval.Length / time.Second)
	return e.At - e.At%length
}

// textOrder orders numbers as their decimal texts are: 10 before 9.
func textOrder(a, b uint32) int {
	if a == b {
		return 0
	}
	return bytes.Compare(strconv.AppendUint(make([]byte, 0, 10), uint64(a), 10), strconv.AppendUint(make([]byte, 0, 10), uint64(b), 10))
}

// compareEntries is the order of the lake, and of several of one key the order in which they
// are preferred: what was sent before what was not, then the earlier; of two that are the
// same, that of which more is known.
func compareEntries(a, b *entry) int {
	if c := cmp.Or(cmp.Compare(a.interval(), b.interval()), textOrder(a.Probe, b.Probe), cmp.Compare(a.Query, b.Query), cmp.Compare(a.RSI, b.RSI),
		cmp.Compare(a.Family, b.Family), cmp.Compare(a.Transport, b.Transport)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(local(a.Outcome), local(b.Outcome)), cmp.Compare(a.At, b.At), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Latency, b.Latency),
		cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.Size, b.Size), bytes.Compare(a.ExtraWire, b.ExtraWire),
		cmp.Compare(rank(a.Verdict), rank(b.Verdict)), cmp.Compare(a.Failure, b.Failure), compareKept(a.Response, b.Response))
}

// rank orders verdicts: what is known before what is not, and what accuses nobody first.
func rank(v measurement.Verdict) int {
	switch v {
	case measurement.Correct:
		return 0
	case measurement.Incorrect:
		return 1
	case measurement.Unchecked:
		return 2
	}
	return 3
}

// compareKept orders responses: one that was kept before none.
func compareKept(a, b []byte) int {
	return cmp.Or(cmp.Compare(bit(a == nil), bit(b == nil)), bytes.Compare(a, b))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func local(o measurement.Outcome) int { return bit(o == measurement.LocalError) }

// answer is the row.
func (e *entry) answer() measurement.Answer {
	at := time.Unix(e.At, 0).UTC()
	a := measurement.Answer{VantagePoint: measurement.AtlasProbe(e.Probe), Interval: interval.Of(at), Query: e.Query, RSI: e.RSI, Family: e.Family, Transport: e.Transport,
		Address: e.Address, QName: e.Name, QType: e.Type, Outcome: e.Outcome, Attempts: 1, Strays: int32(e.Strays), Response: e.Response, NSID: e.NSID,
		LatencyUS: number(e.Latency), ConnectUS: number(e.Connect), Serial: number(e.Serial), ResponseSize: number32(e.Size), ReplyTTL: number32(e.TTL)}
	if e.Outcome != measurement.LocalError {
		a.SentAt = &at
	}
	if e.Class != "" {
		a.QClass = new(e.Class)
	}
	if e.Error != "" {
		a.Error = new(e.Error)
	}
	if e.Outcome == measurement.Answered {
		a.RCode, a.AA, a.TC = new(e.RCode), new(e.AA), new(e.TC)
	}
	if e.Verdict != "" {
		a.Verdict = new(e.Verdict)
		if e.Verdict != measurement.Unchecked {
			a.VerdictSerial = number(e.Serial)
		}
	}
	if e.Failure != "" {
		a.Failures = []string{e.Failure}
	}
	if e.Extra != "" {
		a.Extra = []measurement.Extra{{Kind: e.Extra, AfterUS: e.ExtraAfter, Wire: e.ExtraWire}}
	}
	return a
}

func number(n int64) *int64 {
	if n == none {
		return nil
	}
	return &n
}

func number32(n int64) *int32 {
	if n == none {
		return nil
	}
	return new(int32(n))
}

// preferred orders rows of one key as compareEntries does; 0 where nothing tells them apart.
func preferred(a, b *measurement.Answer) int {
	return cmp.Or(observed(a, b), cmp.Compare(rank(word0(a.Verdict)), rank(word0(b.Verdict))), slices.Compare(a.Failures, b.Failures), compareKept(a.Response, b.Response))
}

// observed orders rows of one key by what a probe saw; 0 where they are the same result.
func observed(a, b *measurement.Answer) int {
	return cmp.Or(cmp.Compare(local(a.Outcome), local(b.Outcome)), cmp.Compare(unix(a.SentAt), unix(b.SentAt)), cmp.Compare(a.Outcome, b.Outcome),
		cmp.Compare(value(a.LatencyUS), value(b.LatencyUS)), cmp.Compare(value(a.Serial), value(b.Serial)), cmp.Compare(value(a.ResponseSize), value(b.ResponseSize)),
		bytes.Compare(extraWire(a), extraWire(b)))
}

func word0[T ~string](s *T) T {
	if s == nil {
		return ""
	}
	return *s
}

func unix(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Unix()
}

func value[T int32 | int64](n *T) T {
	if n == nil {
		return none
	}
	return *n
}

func extraWire(a *measurement.Answer) []byte {
	if len(a.Extra) == 0 {
		return nil
	}
	return a.Extra[0].Wire
}

func sortEntries(all []entry) {
	slices.SortFunc(all, func(a, b entry) int { return compareEntries(&a, &b) })
}
