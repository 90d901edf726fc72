package originals_test

import (
	"bytes"
	"testing"

	"mtric.net/mtric/engine/originals"
)

// Whatever is read as an index is one that can be written and read again.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"name":"202402290000-101.answers.parquet","size":7,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","received_at":null,"ingested_at":"2024-02-29T00:06:00Z","order":1}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := originals.ParseIndex(text)
		if err != nil {
			return
		}
		written, err := originals.WriteIndex(entries)
		if err != nil {
			t.Fatal(err)
		}
		again, err := originals.ParseIndex(written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if twice, err := originals.WriteIndex(again); err != nil || !bytes.Equal(written, twice) {
			t.Errorf("%s\nis read as\n%s", written, twice)
		}
	})
}
