package column

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// The bytes of a lake's file do not depend on which encoder made them, at the bounds of
// blocks and windows either, and whatever was encoded before.
func TestDayCodecSameBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 300)
	for i := range words {
		words[i] = make([]byte, 1+r.IntN(200))
		for j := range words[i] {
			words[i][j] = byte(r.IntN(256))
		}
	}
	for _, size := range []int{0, 1, 100, 1 << 10, 64 << 10, 128<<10 - 1, 128 << 10, 128<<10 + 1, 300 << 10, smallWindow - 1, smallWindow, smallWindow + 1} {
		var plain []byte
		for len(plain) < size {
			plain = append(plain, words[r.IntN(len(words))]...)
		}
		plain = plain[:size]
		want, err := DayCodec.Codec.Encode(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		have, err := DayCodec.Encode(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("%d bytes: %d compressed, want the %d of the library's codec", size, len(have), len(want))
		}
		if back, err := DayCodec.Decode(nil, have); err != nil || !bytes.Equal(back, plain) {
			t.Errorf("%d bytes do not come back: %v", size, err)
		}
	}
}
