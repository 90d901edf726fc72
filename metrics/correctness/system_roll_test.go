//go:build system

package correctness_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mtric.net/mtric/engine/lab"
	"mtric.net/mtric/engine/lab/kinds"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/rootzone"
	"mtric.net/mtric/metrics/correctness"
)

// step is a version of the zone while keys roll.
type step struct {
	name    string
	signing lab.Signing
	anchors []lab.Key
}

// rolls are a roll of each key and of the algorithm, there and back, each step of them.
func rolls() []step {
	list := func(keys ...lab.Key) []lab.Key { return keys }
	k1, k2, z1, z2 := kinds.KSK1, kinds.KSK2, kinds.ZSK1, kinds.ZSK2
	steps := []step{
		{"simple", *lab.Simple(k1, z1), list(k1)},
		{"ksk: published", lab.Signing{Publish: list(z1, k1, k2), SignKeys: list(k1), SignData: list(z1)}, list(k1)},
		{"ksk: both sign", lab.Signing{Publish: list(z1, k1, k2), SignKeys: list(k1, k2), SignData: list(z1)}, list(k1)},
		{"ksk: the new one signs", lab.Signing{Publish: list(z1, k1, k2), SignKeys: list(k2), SignData: list(z1)}, list(k2)},
		{"ksk: revoked, signs", lab.Signing{Publish: list(z1, k1.Revoke(), k2), SignKeys: list(k1.Revoke(), k2), SignData: list(z1)}, list(k1, k2)},
		{"ksk: removed", *lab.Simple(k2, z1), list(k2)},
		{"zsk: published", lab.Signing{Publish: list(z1, z2, k2), SignKeys: list(k2), SignData: list(z1)}, list(k2)},
		{"zsk: changed", lab.Signing{Publish: list(z1, z2, k2), SignKeys: list(k2), SignData: list(z2)}, list(k2)},
		{"zsk: removed", *lab.Simple(k2, z2), list(k2)},
	}
	return append(append(steps, algorithmRoll("13 to 8", k2, z2, kinds.RSAKSK, kinds.RSAZSK)...),
		algorithmRoll("8 to 13", kinds.RSAKSK, kinds.RSAZSK, k1, z1)...)
}

// algorithmRoll has the steps of RFC 6781 section 4.1.4.
func algorithmRoll(name string, oldKSK, oldZSK, newKSK, newZSK lab.Key) []step {
	both, anchors := []lab.Key{oldZSK, newZSK}, []lab.Key{oldKSK, newKSK}
	old, successor := lab.Simple(oldKSK, oldZSK), lab.Simple(newKSK, newZSK)
	return []step{
		{name + ": new signatures", lab.Signing{Publish: old.Publish, SignKeys: old.SignKeys, SignData: both}, anchors[:1]},
		{name + ": new keys", lab.Signing{Publish: slices.Concat(old.Publish, successor.Publish), SignKeys: anchors, SignData: both}, anchors},
		{name + ": old key revoked", lab.Signing{Publish: slices.Concat([]lab.Key{oldZSK, oldKSK.Revoke()}, successor.Publish),
			SignKeys: []lab.Key{oldKSK.Revoke(), newKSK}, SignData: both}, anchors},
		{name + ": old keys gone", lab.Signing{Publish: successor.Publish, SignKeys: successor.SignKeys, SignData: both}, anchors[1:]},
		{name + ": old signatures gone", *successor, anchors[1:]},
	}
}

// served is a step's zone, archived.
type served struct {
	step
	zone  *lab.Zone
	text  string
	judge *correctness.Zone
}

func archiveRolls(t *testing.T) []served {
	t.Helper()
	steps := rolls()
	var revisions []lab.Revision
	for _, s := range steps[1:] {
		revisions = append(revisions, lab.Revision{Signing: &s.signing})
	}
	zones, err := lab.History(kinds.Options(120, inception), revisions...)
	if err != nil {
		t.Fatal(err)
	}
	var all []served
	for i, z := range zones {
		var b strings.Builder
		if _, err := z.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		whole, err := rootzone.ReadWhole(strings.NewReader(b.String()), steps[i].name)
		if err != nil {
			t.Fatal(err)
		}
		var anchors []rootzone.Anchor
		for _, k := range steps[i].anchors {
			anchors = append(anchors, rootzone.Anchor{DS: k.Anchor()})
		}
		if err := whole.Validate(anchors, lawAt); err != nil {
			t.Fatalf("%s: %v", steps[i].name, err)
		}
		judge, err := correctness.NewZone(whole)
		if err != nil {
			t.Fatal(err)
		}
		judge.Prove()
		all = append(all, served{steps[i], z, b.String(), judge})
	}
	return all
}

// Real servers serve each step of each roll: whatever they answer is correct by that
// zone, and by the zones a step away nothing in it is broken, so that it accuses nobody
// at once.
func TestSystemRolls(t *testing.T) {
	all := archiveRolls(t)
	for i, s := range all {
		t.Run(s.name, func(t *testing.T) {
			var near []*correctness.Zone
			judge := correctness.Judge{}
			for _, j := range []int{i + 1, i - 1} {
				if j >= 0 && j < len(all) {
					near = append(near, all[j].judge)
					judge.Keys = append(judge.Keys, all[j].judge.Keys()...)
				}
			}
			judge.Zones = near
			for name := range software {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					askRoll(t, &asker{addr: serve(t, name, s.text)}, s, judge)
				})
			}
		})
	}
}

// askRoll asks a server everything, over both transports.
func askRoll(t *testing.T, a *asker, s served, away correctness.Judge) {
	own := correctness.Judge{Zones: []*correctness.Zone{s.judge}, Keys: s.judge.Keys()}
	told := map[string]int{}
	for _, tcp := range []bool{false, true} {
		for _, q := range labQuestions(s.zone, 300) {
			q.At = lawAt
			wire, err := a.ask(tcp, ask(t, q.Name, q.Type))
			if err == nil && wire[2]&2 != 0 {
				told["truncated"]++
				wire, err = a.ask(true, ask(t, q.Name, q.Type)) // [hjw]
			}
			if err != nil {
				t.Fatal(err)
			}
			told["answers"]++
			if r := own.Judge(q, wire); r.Verdict != measurement.Correct {
				t.Errorf("%s/%s tcp %t: %s %q", q.Name, q.Type, tcp, r.Verdict, r.FailureTexts())
			}
			w := away.Weigh(q, wire)
			if len(w.Broken)+len(w.Expired) > 0 || w.Early {
				t.Errorf("%s/%s tcp %t, by the zones a step away: %+v", q.Name, q.Type, tcp, w)
			}
			if away.Judge(q, wire).Verdict == measurement.Correct {
				told["also correct a step away"]++
			}
			if t.Failed() && told["answers"] > 50 {
				t.FailNow()
			}
		}
	}
	if a.tcp != nil {
		if err := a.tcp.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Log(fmt.Sprint(told))
}
