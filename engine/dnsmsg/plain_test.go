package dnsmsg

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/miekg/dns"
)

// The law: what is plain, the library reads too, to the same end; and it has data.
func plainIsRead(t *testing.T, wire []byte) (plain int) {
	var m Message
	for at := range wire {
		end, is := m.Plain(wire, at)
		if !is {
			continue
		}
		plain++
		rr, other, err := dns.UnpackRR(wire, at)
		if err != nil || other != end || rr.Header().Rdlength == 0 {
			t.Fatalf("%x at %d: plain until %d, the library reads %v until %d: %v", wire, at, end, rr, other, err)
		}
	}
	return plain
}

func TestPlainIsRead(t *testing.T) {
	messages := append(genuine(t), sampleMessage(t))
	if n := plainIsRead(t, messages[len(messages)-1]); n < 6 { // of those in the sample, one each of A, AAAA, DS, NS, RRSIG, SOA
		t.Fatalf("%d records are plain", n)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		wire := bytes.Clone(messages[i%len(messages)])
		for range 1 + r.IntN(4) {
			wire[r.IntN(len(wire))] = []byte{0, 1, 0xc0, 12, byte(r.Uint32())}[r.IntN(5)]
		}
		plainIsRead(t, wire[:len(wire)-r.IntN(2)*r.IntN(20)])
	}
}

// A name of many pointers is not plain: readers give it up at different lengths.
func TestPlainHasFewPointers(t *testing.T) {
	wire := make([]byte, HeaderSize)
	wire = append(wire, 0) // the root, to which each pointer goes by the one before it
	for target := HeaderSize; len(wire) < HeaderSize+1+2*200; target = len(wire) - 2 {
		wire = append(wire, 0xc0|byte(target>>8), byte(target))
	}
	at := len(wire) - 2
	wire = append(wire, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 1)
	if end, is := new(Message).Plain(wire, at); is {
		t.Errorf("plain until %d", end)
	}
	if end, is := new(Message).Plain(wire, HeaderSize+1+2*3); is {
		t.Errorf("what is no record is plain until %d", end)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add(sampleMessage(f))
	f.Fuzz(func(t *testing.T, wire []byte) { plainIsRead(t, wire) })
}
