package lab_test

import (
	"fmt"
	"strings"

	"mtric.net/mtric/engine/lab"
)

// A roll of the key signing key: published, signing too, alone while the old one
// is revoked by a signature of its own, and the old one gone.
func ExampleHistory() {
	old, next := lab.KSK(1, "ksk 2026", lab.ECDSAP256SHA256), lab.KSK(1, "ksk 2027", lab.ECDSAP256SHA256)
	zsk := lab.ZSK(1, "zsk", lab.ECDSAP256SHA256)
	data := []lab.Key{zsk}
	zones, err := lab.History(
		lab.Options{Seed: 1, Serial: 2026112300, TLDs: 20, Inception: inception, Expiration: expiration, Signing: lab.Simple(old, zsk)},
		lab.Revision{Signing: &lab.Signing{Publish: []lab.Key{zsk, old, next}, SignKeys: []lab.Key{old}, SignData: data}},
		lab.Revision{Signing: &lab.Signing{Publish: []lab.Key{zsk, old, next}, SignKeys: []lab.Key{old, next}, SignData: data}},
		lab.Revision{Signing: &lab.Signing{Publish: []lab.Key{zsk, old.Revoke(), next}, SignKeys: []lab.Key{old.Revoke(), next}, SignData: data}},
		lab.Revision{Signing: lab.Simple(next, zsk)},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, z := range zones {
		keys, signatures := 0, 0
		for _, rr := range z.RRs() {
			text := rr.String()
			if strings.Contains(text, "\tDNSKEY\t") {
				keys++
			} else if strings.Contains(text, "\tRRSIG\tDNSKEY ") {
				signatures++
			}
		}
		fmt.Println(z.Serial, keys, "keys,", signatures, "signatures over them, anchored in the old key:", z.DS() == old.DS())
	}
	// Output:
	// 2026112300 2 keys, 1 signatures over them, anchored in the old key: true
	// 2026112301 3 keys, 1 signatures over them, anchored in the old key: true
	// 2026112302 3 keys, 2 signatures over them, anchored in the old key: true
	// 2026112303 3 keys, 2 signatures over them, anchored in the old key: false
	// 2026112304 2 keys, 1 signatures over them, anchored in the old key: false
}
