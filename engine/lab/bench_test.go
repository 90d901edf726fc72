package lab_test

import (
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/lab"
)

// BenchmarkGenerate makes the zone of the demo; its keys are made once.
func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		if _, err := lab.Generate(options(lab.DefaultTLDs)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGenerateECDSA makes a zone of a test, with keys that nobody made before.
func BenchmarkGenerateECDSA(b *testing.B) {
	for n := uint64(0); b.Loop(); n++ {
		o := options(20)
		o.Signing = lab.Simple(lab.KSK(n, "bench", lab.ECDSAP256SHA256), lab.ZSK(n, "bench zsk", lab.ECDSAP256SHA256))
		if _, err := lab.Generate(o); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNextVersion makes the version after it, which signs only what changed.
func BenchmarkNextVersion(b *testing.B) {
	z, err := lab.Generate(options(lab.DefaultTLDs))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := z.NextVersion(lab.Revision{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswer asks one RSI for the SOA record, one query after the other.
func BenchmarkAnswer(b *testing.B) {
	s, err := lab.Start(lab.Config{Zone: versions()[0]})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() }) // a benchmark leaves errors of Close to the tests
	c, err := dns.Dial("udp", s.Addr("a", "ipv4").String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() // a socket without data
	c.UDPSize = 1232
	q := question(".", dns.TypeSOA)
	for b.Loop() {
		if err := c.WriteMsg(q); err != nil {
			b.Fatal(err)
		}
		if _, err := c.ReadMsg(); err != nil {
			b.Fatal(err)
		}
	}
}
