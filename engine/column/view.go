package column

import (
	"reflect"
	"slices"
	"time"

	"mtric.net/mtric/engine/measurement"
)

// Name is a column that batches of answers or runs are asked for; Interval is always
// there.
type Name uint8

// The names: of answers, of runs, and VantagePoint of both.
const (
	VantagePoint Name = iota
	SentAt
	Query
	RSI
	Family
	Transport
	Address
	QName
	QType
	Outcome
	LatencyUS
	RCode
	TC
	Serial
	NSID
	Strays
	Response
	Verdict
	VerdictSerial
	ZoneSerial

	Planned
	PlanSHA256
	ClockSynchronized
	ReceivedAt
	SHA256
	IngestedAt

	nameCount
)

var nameTexts = [nameCount]string{
	VantagePoint: "vantage_point", SentAt: "sent_at", Query: "query", RSI: "rsi", Family: "family", Transport: "transport",
	Address: "address", QName: "qname", QType: "qtype", Outcome: "outcome", LatencyUS: "latency_us", RCode: "rcode", TC: "tc",
	Serial: "serial", NSID: "nsid", Strays: "strays", Response: "response", Verdict: "verdict", VerdictSerial: "verdict_serial",
	ZoneSerial: "zone_serial",
	Planned:    "planned", PlanSHA256: "plan_sha256", ClockSynchronized: "clock_synchronized", ReceivedAt: "received_at",
	SHA256: "sha256", IngestedAt: "ingested_at",
}

// String is the column as files have it, by the struct tags of measurement.
func (n Name) String() string { return nameTexts[n] }

// Texts are the names as files have them.
func Texts(names []Name) []string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = n.String()
	}
	return texts
}

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
	TC                           Flags
	Strays                       Numbers
	Response                     Wires
	Verdict                      Words[measurement.Verdict]
	VerdictSerial                Numbers
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

// Answers is the batch seen as one of answers.
func (b *Batch) Answers() *AnswerBatch { return &b.answers }

// Runs is the batch seen as one of runs.
func (b *Batch) Runs() *RunBatch { return &b.runs }

// show points the fields of a view to the columns of the batch, which stay where they are.
func (b *Batch) show(t Table, view reflect.Value) {
	view.Field(0).Set(reflect.ValueOf(b))
	for _, f := range allFields()[t] {
		if i, to := slices.Index(b.names, f.Name), view.FieldByName(f.place.name); i >= 0 && to.IsValid() {
			to.Field(0).Set(reflect.ValueOf(&b.views[i]))
		}
	}
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

// Has says of a column of other than texts whether a row has a value.
func (c *Column) Has(row int) bool { return c.Null == nil || !c.Null[row] }

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

// Good says of rows whether they are answered with NOERROR, in whatever time.
type Good struct {
	outcomes, rcodes  []int32
	answered, noError int32
}

// Good needs the columns Outcome and RCode.
func (b *AnswerBatch) Good() Good {
	return Good{b.Outcome.Index, b.RCode.Index, b.Outcome.Place(measurement.Answered), b.RCode.Place(measurement.NoError)}
}

// At says it of a row.
func (g Good) At(row int) bool {
	return g.outcomes[row] == g.answered && g.rcodes[row] == g.noError
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
