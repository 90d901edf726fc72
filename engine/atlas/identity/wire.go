package identity

import (
	"bytes"
	"encoding/binary"

	"mtric.net/mtric/engine/dnsmsg"
)

// TXT and CH are the type and class of an identity (RFC 1035 sections 3.2.2 and 3.2.4).
const (
	typeTXT = 16
	classCH = 3
)

// Flags says whether a response has RA set (RFC 1035 section 4.1.1): it offers recursion,
// which no root server does. Only the header is read; ok is false where the wire has none, or
// is not a response.
func Flags(wire []byte) (ra, ok bool) {
	if len(wire) < dnsmsg.HeaderSize {
		return false, false
	}
	flags := binary.BigEndian.Uint16(wire[2:])
	return flags&dnsmsg.FlagRA != 0, flags&dnsmsg.FlagQR != 0
}

// Text is the identity that a response gives to a question for TXT in class CH: the first
// such record of the name that was asked. False where there is none, or it is longer than
// an identity that is looked at.
func Text(wire []byte) (string, bool) {
	var m dnsmsg.Message
	if err := m.Parse(wire); err != nil || m.Flags&dnsmsg.FlagQR == 0 || m.QType != typeTXT || m.QClass != classCH {
		return "", false
	}
	for i := range m.Records {
		r := &m.Records[i]
		if r.Section == dnsmsg.Answer && r.Type == typeTXT && r.Class == classCH && bytes.Equal(r.Owner, m.QName) {
			text := r.Text()
			return text, text != "" && len(text) <= maxText
		}
	}
	return "", false
}
