package probe

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
)

// Contradicted says what in a row the response that it keeps contradicts, and how; nil
// where they agree, or where the row keeps none. It reads the response as the prober
// does, and holds the row against what the prober would have made of it.
func Contradicted(a *measurement.Answer) error {
	if first := a.FirstResponse; first != nil && (len(first) < headerSize || !truncated(first)) {
		return errors.New("a first response that is not truncated, and was asked again over TCP")
	}
	switch {
	case a.Outcome != measurement.Answered && a.Outcome != measurement.Malformed:
		if a.Response != nil || a.ResponseSize != nil {
			return fmt.Errorf("outcome %s and a response", a.Outcome)
		}
		return nil
	case a.Response == nil:
		return nil
	case a.ResponseSize == nil || int(*a.ResponseSize) != len(a.Response):
		return differ("response_size", a.ResponseSize, new(int32(len(a.Response))))
	case a.Outcome == measurement.Malformed:
		return wellFormed(a)
	}
	r, err := readAgain(a.Response)
	if err != nil && onceAnswered(a.Response) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("answered, the response does not parse: %w", err)
	}
	switch {
	case a.RCode == nil || *a.RCode != r.RCode:
		return differ("rcode", a.RCode, &r.RCode)
	case a.AA == nil || *a.AA != r.AA:
		return differ("aa", a.AA, &r.AA)
	case a.TC == nil || *a.TC != r.TC:
		return differ("tc", a.TC, &r.TC)
	case !same(a.Serial, r.Serial):
		return differ("serial", a.Serial, r.Serial)
	case a.ZoneSerial != nil && !same(a.ZoneSerial, r.ZoneSerial(a.QName)): // what the plan has for a zone, the response does not tell
		return differ("zone_serial", a.ZoneSerial, r.ZoneSerial(a.QName))
	case !same(a.NSID, r.NSID):
		return differ("nsid", a.NSID, r.NSID)
	case !r.Asks(a.QName, a.QType, class(a)):
		return differ("the question", new(a.QName+" "+cmp.Or(class(a), "IN")+" "+a.QType), new(r.Question()))
	}
	return nil
}

// class is that of a row's question as queries have it.
func class(a *measurement.Answer) string {
	if a.QClass == nil {
		return ""
	}
	return *a.QClass
}

// readAgain reads a response as the prober did, whatever it was the answer to.
func readAgain(wire []byte) (*Reply, error) {
	if len(wire) < headerSize {
		return nil, malformedError("shorter than a header")
	}
	asked := request{wire: wire}
	if !dnsmsg.HeaderOnly(wire) {
		if asked.question = questionOf(wire); asked.question == nil {
			return nil, malformedError("question cut off")
		}
	}
	if why := asked.mismatch(wire); why != "" {
		return nil, malformedError(why)
	}
	return asked.parse(wire)
}

// wellFormed refuses a response to the row's question with which nothing is wrong, in a
// row that calls it malformed. Its id alone cannot be told to be right: a row does not
// have the query's.
func wellFormed(a *measurement.Answer) error {
	id := make([]byte, 2)
	copy(id, a.Response)
	asked, err := newRequest(measurement.Query{Name: a.QName, Type: a.QType, Class: class(a)}, bytes.NewReader(id))
	if err != nil {
		return errors.New("outcome malformed, and a response to a question that cannot be asked")
	}
	overTCP := a.Transport != measurement.UDP || a.Attempts > 1
	why := asked.mismatch(a.Response)
	switch {
	case overTCP && (why != "" || a.Error != nil && *a.Error == wrongID):
		return nil
	case !overTCP && len(a.Response) == maxMessage: // the rest of it did not fit
		return nil
	case why != "": // such datagrams are strays, and are not kept
		return fmt.Errorf("outcome malformed, the response is none to this question: %s", why)
	}
	if _, err := asked.parse(a.Response); err == nil && !onceMalformed(a.Response) {
		return errors.New("outcome malformed, the response is well formed")
	}
	return nil
}

// onceMalformed says that programs before schema 2 called the response malformed, which
// the present ones do not. They said so honestly, and their files come for years, from
// vantage points that are not updated yet and from originals: a server that sends such
// responses must not cost all that they saw.
func onceMalformed(wire []byte) bool {
	return dnsmsg.HeaderOnly(wire) || checkRecords(wire, headerSize+len(questionOf(wire)), true) != nil
}

// onceAnswered says that they took the response for an answer, which the present ones
// call malformed.
func onceAnswered(wire []byte) bool {
	question := questionOf(wire)
	asked := request{wire: wire, question: question}
	return question != nil && asked.mismatch(wire) == "" && !errors.Is(new(dnsmsg.Message).Parse(wire), dnsmsg.ErrTwoOPT) &&
		checkRecords(wire, headerSize+len(question), true) == nil
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func differ[T any](column string, row, wire *T) error {
	return fmt.Errorf("%s is %.200s, the response says %.200s", column, said(row), said(wire))
}

// said is a value of a column for people; texts are quoted, for they may be anybody's.
func said[T any](v *T) string {
	if v == nil {
		return "null"
	}
	if text, is := any(*v).(string); is {
		return strconv.Quote(text)
	}
	return fmt.Sprint(*v)
}
