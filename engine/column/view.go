package column

import (
	"reflect"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Name is a column that a scan is asked for, as files have it; Interval is always there.
type Name string

// The names: of answers, of runs, and VantagePoint of all.
const (
	VantagePoint  Name = "vantage_point"
	SentAt        Name = "sent_at"
	Query         Name = "query"
	RSI           Name = "rsi"
	Family        Name = "family"
	Transport     Name = "transport"
	Address       Name = "address"
	QName         Name = "qname"
	QType         Name = "qtype"
	Outcome       Name = "outcome"
	LatencyUS     Name = "latency_us"
	RCode         Name = "rcode"
	AA            Name = "aa"
	TC            Name = "tc"
	Serial        Name = "serial"
	NSID          Name = "nsid"
	Strays        Name = "strays"
	Response      Name = "response"
	Verdict       Name = "verdict"
	VerdictSerial Name = "verdict_serial"
	DNSSEC        Name = "dnssec"
	Expected      Name = "expected"
	TLSAuth       Name = "tls_auth"
	ZoneSerial    Name = "zone_serial"

	Planned           Name = "planned"
	PlanSHA256        Name = "plan_sha256"
	ClockSynchronized Name = "clock_synchronized"
	ReceivedAt        Name = "received_at"
	SHA256            Name = "sha256"
	IngestedAt        Name = "ingested_at"
)

// AnswerBatch is a batch of the table answers: a field for each column, called as that of
// measurement.Answer, and with a nil Column where it was not asked for. Texts may be kept
// when the batch is gone; nothing else of it may.
type AnswerBatch struct {
	*Batch
	Interval, SentAt             Times
	VantagePoint                 Words[measurement.VantagePoint]
	RSI                          Words[measurement.RSI]
	Family                       Words[measurement.Family]
	Transport                    Words[measurement.Transport]
	Query, Address, QName, QType Words[string]
	Outcome                      Words[measurement.Outcome]
	LatencyUS, Serial            Numbers
	RCode, NSID                  Words[string]
	AA, TC                       Flags
	Strays                       Numbers
	Response                     Wires
	Verdict                      Words[measurement.Verdict]
	VerdictSerial                Numbers
	DNSSEC                       Words[measurement.Security]
	Expected                     Flags
	TLSAuth                      Words[measurement.TLSAuth]
	ZoneSerial                   Numbers
}

// RunBatch is a batch of the table runs, as AnswerBatch is of answers.
type RunBatch struct {
	*Batch
	Interval, ReceivedAt, IngestedAt Times
	VantagePoint                     Words[measurement.VantagePoint]
	Planned                          Numbers
	PlanSHA256, SHA256               Words[string]
	ClockSynchronized                Flags
}

// RouteBatch is a batch of the table routes, as AnswerBatch is of answers.
type RouteBatch struct {
	*Batch
	Interval     Times
	VantagePoint Words[measurement.VantagePoint]
}

// View sees a batch as an AnswerBatch, RunBatch or RouteBatch: its fields point to the
// columns of the batch, which stay where they are.
func View[V any](b *Batch) *V {
	view := new(V)
	fields := reflect.ValueOf(view).Elem()
	fields.Field(0).Set(reflect.ValueOf(b))
	for _, f := range allFields()[b.table] {
		if i, to := slices.Index(b.names, f.Name), fields.FieldByName(f.place.name); i >= 0 && to.IsValid() {
			to.Field(0).Set(reflect.ValueOf(&b.Cells[i].Column))
		}
	}
	return view
}

// Codes is a code for each text of Dict at its place plus one, and at 0 that of null: what
// loops over rows look up by Index plus one.
func (c *Column) Codes(null int32, of func(string) int32) []int32 {
	codes := []int32{null}
	for _, text := range c.Dict {
		codes = append(codes, of(text))
	}
	return codes
}

// Words is a column of texts of one type.
type Words[T ~string] struct{ *Column }

// At is the word of a row; empty where it is null.
func (w Words[T]) At(row int) T { return T(w.Text(row)) }

// Place finds a word in Dict: the Index of its rows, or -2 where no row has it.
func (w Words[T]) Place(word T) int32 { return w.Column.Place(string(word)) }

func (w Words[T]) ptr(row int) *string {
	if w.Column == nil || w.Index[row] < 0 {
		return nil
	}
	return &w.Dict[w.Index[row]]
}

func (w Words[T]) orEmpty(row int) T {
	if w.Column == nil {
		return ""
	}
	return w.At(row)
}

// Has says whether a row has a value.
func (c *Column) Has(row int) bool {
	if c.Index != nil {
		return c.Index[row] >= 0
	}
	return c.Null == nil || !c.Null[row]
}

// Numbers is a column of numbers.
type Numbers struct{ *Column }

func (n Numbers) ptr(row int) *int64 {
	if n.Column == nil || !n.Has(row) {
		return nil
	}
	return &n.Int[row]
}

// Times is a column of times.
type Times struct{ *Column }

// At is the time of a row that has one, UTC.
func (t Times) At(row int) time.Time { return time.UnixMicro(t.Int[row]).UTC() }

// Ptr is nil where the row is null or the column was not asked for.
func (t Times) Ptr(row int) *time.Time {
	if t.Column == nil || !t.Has(row) {
		return nil
	}
	return new(t.At(row))
}

// Flags is a column that says yes, no or nothing.
type Flags struct{ *Column }

// Yes and No are false where the row is null.
func (f Flags) Yes(row int) bool { return f.Int[row] != 0 && f.Has(row) }
func (f Flags) No(row int) bool  { return f.Int[row] == 0 && f.Has(row) }

// Wires is a column of bytes.
type Wires struct{ *Column }

// Good says of rows whether they are good, in whatever time (measurement.Answer.Good).
type Good struct {
	outcomes, rcodes  []int32
	answered, noError int32
	expected          Flags
	tls               []int32
	wanted            []bool // by place plus one in the dictionary of tls
}

// GoodColumns are what Good needs.
var GoodColumns = []Name{Outcome, RCode, Expected, TLSAuth}

// Good needs GoodColumns; of the reserved queries, which neither expect anything nor go
// over TLS, Outcome and RCode are enough.
func (b *AnswerBatch) Good() Good {
	g := Good{outcomes: b.Outcome.Index, rcodes: b.RCode.Index, answered: b.Outcome.Place(measurement.Answered), noError: b.RCode.Place(measurement.NoError), expected: b.Expected}
	if b.TLSAuth.Column != nil {
		g.tls, g.wanted = b.TLSAuth.Index, []bool{true}
		for _, word := range b.TLSAuth.Dict {
			g.wanted = append(g.wanted, measurement.TLSAuth(word).Good())
		}
	}
	return g
}

// At says it of a row.
func (g Good) At(row int) bool {
	switch {
	case g.outcomes[row] != g.answered, g.tls != nil && !g.wanted[g.tls[row]+1]:
		return false
	case g.expected.Column != nil && g.expected.Has(row):
		return g.expected.Int[row] != 0
	}
	return g.rcodes[row] == g.noError
}

// Answer is a row with the columns that were asked for, flags, counts and wires aside.
// Its pointers last as long as the batch.
func (b *AnswerBatch) Answer(row int) measurement.Answer {
	return measurement.Answer{
		Interval: b.Interval.At(row), SentAt: b.SentAt.Ptr(row), VantagePoint: b.VantagePoint.orEmpty(row), Query: b.Query.orEmpty(row),
		RSI: b.RSI.orEmpty(row), Family: b.Family.orEmpty(row), Transport: b.Transport.orEmpty(row), Address: b.Address.orEmpty(row),
		QName: b.QName.orEmpty(row), QType: b.QType.orEmpty(row), Outcome: b.Outcome.orEmpty(row), LatencyUS: b.LatencyUS.ptr(row),
		RCode: b.RCode.ptr(row), Serial: b.Serial.ptr(row), NSID: b.NSID.ptr(row), Verdict: (*measurement.Verdict)(b.Verdict.ptr(row)), VerdictSerial: b.VerdictSerial.ptr(row),
	}
}
