package rehearse

import (
	"time"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/rootzone"
)

// The keys of the rehearsals. They follow from a seed that anyone can read.
var (
	oldKSK = lab.KSK(seed, "ksk old", lab.ECDSAP256SHA256)
	newKSK = lab.KSK(seed, "ksk new", lab.ECDSAP256SHA256)
	oldZSK = lab.ZSK(seed, "zsk old", lab.ECDSAP256SHA256)
	newZSK = lab.ZSK(seed, "zsk new", lab.ECDSAP256SHA256)

	// Of another algorithm that is known, and of one that is not.
	otherKSK   = lab.KSK(seed, "ksk other", lab.ED25519)
	otherZSK   = lab.ZSK(seed, "zsk other", lab.ED25519)
	strangeKSK = lab.KSK(seed, "ksk strange", 200)
	strangeZSK = lab.ZSK(seed, "zsk strange", 200)
)

type keyList = []lab.Key

// simple is one key of each kind.
func simple(from time.Time, ksk, zsk lab.Key) keySet {
	return keySet{from: from, publish: keyList{zsk, ksk}, keys: keyList{ksk}, data: keyList{zsk}}
}

// trustBoth believes both keys, whatever the time.
func trustBoth(a, b lab.Key) []rootzone.Anchor {
	return []rootzone.Anchor{{DS: a.Anchor()}, {DS: b.Anchor()}}
}

var keyScenarios = []Scenario{
	{"ksk-roll", "a new key signing key is published, signs, and the old one is revoked and goes", kskRoll},
	{"roll-postponed", "the plan believes the new key from a day on, and the root puts the roll off", rollPostponed},
	{"anchor-missing", "a new key signs the keys, and no anchor of the plan is of it", anchorMissing},
	{"zsk-roll", "a new zone signing key is published, signs, and the old one goes", zskRoll},
	{"algorithm-roll", "keys of another algorithm come and the old ones go, step by step, and back (RFC 6781, 4.1.4)", algorithmRoll},
	{"unknown-algorithm", "an algorithm that mtric does not know comes beside the old one, then signs alone", unknownAlgorithm},
}

func kskRoll(s *script) {
	s.days = 10
	s.anchors = trustBoth(oldKSK, newKSK)
	data := keyList{oldZSK}
	s.keySets = append(s.keySets,
		keySet{from: s.at(2, 0), publish: keyList{oldZSK, oldKSK, newKSK}, keys: keyList{oldKSK}, data: data},
		keySet{from: s.at(4, 0), publish: keyList{oldZSK, oldKSK, newKSK}, keys: keyList{newKSK}, data: data},
		keySet{from: s.at(6, 0), publish: keyList{oldZSK, oldKSK.Revoke(), newKSK}, keys: keyList{newKSK, oldKSK.Revoke()}, data: data},
		simple(s.at(8, 0), newKSK, oldZSK))
	s.services = []service{s.flipping(s.rsi(1), span{s.at(4, 6), s.at(9, 0)})}
	s.alerts = []string{"key-revoked"}
}

// rollPostponed has the dates of the roll as they were announced; the root goes on with
// the old key.
func rollPostponed(s *script) {
	s.days = 7
	planned := s.at(3, 0)
	s.anchors = []rootzone.Anchor{{DS: oldKSK.Anchor(), Until: &planned}, {DS: newKSK.Anchor(), From: &planned}}
	s.keySets = append(s.keySets, keySet{from: s.at(2, 0), publish: keyList{oldZSK, oldKSK, newKSK}, keys: keyList{oldKSK}, data: keyList{oldZSK}})
	s.holds = []scope{{span: span{s.at(2, 16), time.Time{}}}}
	s.alerts = []string{"serial-gaps"}
	s.mended = "the anchor's date put right, zones by {serial}"
	s.mend = func(p *player) error { return p.believe(trustBoth(oldKSK, newKSK)) }
}

// anchorMissing lets the new key sign alone.
func anchorMissing(s *script) {
	s.days = 7
	s.keySets = append(s.keySets, keySet{from: s.at(2, 0), publish: keyList{oldZSK, oldKSK, newKSK}, keys: keyList{oldKSK}, data: keyList{oldZSK}},
		keySet{from: s.at(3, 0), publish: keyList{oldZSK, oldKSK, newKSK}, keys: keyList{newKSK}, data: keyList{oldZSK}})
	s.holds = []scope{{span: span{s.at(3, 4), time.Time{}}}}
	s.alerts = []string{"new-key", "serial-gaps"}
	s.mended = "the anchor added, zones by {serial}"
	s.mend = func(p *player) error { return p.believe(trustBoth(oldKSK, newKSK)) }
}

// believe gives the plan other anchors and asks for what was refused by its serial.
func (p *player) believe(anchors []rootzone.Anchor) error {
	p.script.anchors = anchors
	p.site.trust(anchors)
	rules, err := p.site.rules()
	if err != nil {
		return err
	}
	p.rules = rules
	p.script.sources = append(p.script.sources, source{label: "archive", bySerial: true})
	return nil
}

func zskRoll(s *script) {
	s.days = 8
	s.keySets = append(s.keySets,
		keySet{from: s.at(2, 0), publish: keyList{oldZSK, newZSK, oldKSK}, keys: keyList{oldKSK}, data: keyList{oldZSK}},
		keySet{from: s.at(4, 0), publish: keyList{oldZSK, newZSK, oldKSK}, keys: keyList{oldKSK}, data: keyList{newZSK}},
		simple(s.at(6, 0), oldKSK, newZSK))
	s.services = []service{s.flipping(s.rsi(1), span{s.at(4, 6), s.at(7, 0)})}
}

// algorithmRoll takes each step of the conservative way: signatures before keys, keys go
// before their signatures.
func algorithmRoll(s *script) {
	s.days = 10
	s.anchors = trustBoth(oldKSK, otherKSK)
	ksks, zsks := keyList{oldKSK, otherKSK}, keyList{oldZSK, otherZSK}
	both := keyList{oldZSK, oldKSK, otherZSK, otherKSK}
	s.keySets = append(s.keySets,
		keySet{from: s.at(2, 0), publish: keyList{oldZSK, oldKSK}, keys: ksks, data: zsks},
		keySet{from: s.at(3, 0), publish: both, keys: ksks, data: zsks},
		keySet{from: s.at(4, 0), publish: keyList{otherZSK, otherKSK}, keys: ksks, data: zsks},
		simple(s.at(5, 0), otherKSK, otherZSK),
		keySet{from: s.at(6, 0), publish: keyList{otherZSK, otherKSK}, keys: ksks, data: zsks},
		keySet{from: s.at(7, 0), publish: both, keys: ksks, data: zsks},
		keySet{from: s.at(8, 0), publish: keyList{oldZSK, oldKSK}, keys: ksks, data: zsks},
		simple(s.at(9, 0), oldKSK, oldZSK))
	s.services = []service{s.flipping(s.rsi(1), span{s.at(3, 6), s.at(9, 12)})}
	// While a signature is there whose key comes with the next zone, that zone explains an
	// answer whose other signature is damaged.
	s.holds = []scope{{rsi: s.rsi(1), span: span{s.at(6, 4), s.at(7, 6)}}}
}

// unknownAlgorithm cannot be mended but by a newer version.
func unknownAlgorithm(s *script) {
	s.days = 7
	s.anchors = trustBoth(oldKSK, strangeKSK)
	s.keySets = append(s.keySets,
		keySet{from: s.at(2, 0), publish: keyList{oldZSK, oldKSK, strangeZSK, strangeKSK}, keys: keyList{oldKSK, strangeKSK}, data: keyList{oldZSK, strangeZSK}},
		simple(s.at(4, 0), strangeKSK, strangeZSK))
	s.holds = []scope{{span: span{s.at(4, 4), time.Time{}}}}
	s.alerts = []string{"serial-gaps"}
}
