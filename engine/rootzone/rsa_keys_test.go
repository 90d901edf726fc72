package rootzone_test

import (
	"encoding/base64"
	"testing"

	"github.com/miekg/dns"

	"mtric.net/mtric/engine/rootzone"
)

// An RSA key that cannot be used here accuses nobody: its signatures are of unknown worth.
func TestKeysThatCannotBeUsed(t *testing.T) {
	modulus := func(octets int) []byte {
		m := make([]byte, octets)
		for i := range m {
			m[i] = 0xab
		}
		m[octets-1] = 0xad
		return m
	}
	key := func(exponent []byte, octets int) *dns.DNSKEY {
		data := append(append([]byte{byte(len(exponent))}, exponent...), modulus(octets)...)
		return &dns.DNSKEY{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: dns.ZONE, Protocol: 3, Algorithm: dns.RSASHA256, PublicKey: base64.StdEncoding.EncodeToString(data)}
	}
	f4, f5 := []byte{1, 0, 1}, []byte{1, 0, 0, 0, 1}
	for name, c := range map[string]struct {
		key  *dns.DNSKEY
		want rootzone.Worth
	}{
		"usual":                   {key(f4, 256), rootzone.Broken},
		"1024 bits":               {key(f4, 128), rootzone.Broken},
		"512 bits":                {key(f4, 64), rootzone.Unknown},
		"4104 bits":               {key(f4, 513), rootzone.Unknown},
		"exponent of five octets": {key(f5, 256), rootzone.Unknown},
		"exponent above 31 bits":  {key([]byte{0x80, 0, 0, 1}, 256), rootzone.Unknown},
	} {
		made := &dns.RRSIG{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeRRSIG, Class: dns.ClassINET}, TypeCovered: dns.TypeNS, Algorithm: dns.RSASHA256, SignerName: ".", KeyTag: c.key.KeyTag(),
			Signature: base64.StdEncoding.EncodeToString(modulus(len(c.key.PublicKey)/4*3 - 10))}
		set := rootzone.Set{Owner: []byte{0}, Type: dns.TypeNS, Class: dns.ClassINET, RDatas: [][]byte{[]byte("\x01a\x0croot-servers\x03net\x00")}}
		if worth := set.Verify(canonicalSig(t, made), []rootzone.Key{rootzone.NewKey(c.key)}); worth != c.want {
			t.Errorf("%s: worth %d, want %d", name, worth, c.want)
		}
	}
}
