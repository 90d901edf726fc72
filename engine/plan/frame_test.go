package plan_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mtric.net/mtric/engine/interval"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// TestFrames holds the frames of drawn servers to what their addresses say at every
// single label: n(t) is the RSIs with any address valid at t, and a change inside an
// interval holds from the next one on.
func TestFrames(t *testing.T) {
	from := time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)
	until := from.Add(3 * time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		moment := func(name string) *time.Time {
			if minute := rapid.IntRange(-20, 220).Draw(t, name); minute >= -10 {
				return new(from.Add(time.Duration(minute)*time.Minute + time.Second))
			}
			return nil // open
		}
		var servers []plan.Server
		for i := range rapid.IntRange(0, 4).Draw(t, "servers") {
			s := plan.Server{Group: "root", RSI: measurement.RSI(rune('a' + i))}
			for j := range rapid.IntRange(0, 3).Draw(t, "addresses") {
				f := rapid.SampledFrom(measurement.Families).Draw(t, "family")
				s.Addresses = append(s.Addresses, plan.Address{Family: f, Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(j)}),
					From: moment("from"), Until: moment("until")})
			}
			servers = append(servers, s)
		}
		frames := plan.Frames(servers, from, until)
		if first, last := frames[0], frames[len(frames)-1]; !first.From.Equal(from) || !last.Until.Equal(until) {
			t.Fatalf("frames from %s until %s", first.From, last.Until)
		}
		for i := range frames[1:] {
			if !frames[i].Until.Equal(frames[i+1].From) || slices.Equal(frames[i].RSIs, frames[i+1].RSIs) {
				t.Fatalf("frames %v and %v are one, or leave a gap", frames[i], frames[i+1])
			}
		}
		for label := from; label.Before(until); label = label.Add(interval.Length) {
			var want []measurement.RSI
			for _, s := range servers {
				_, four := s.AddressAt(measurement.IPv4, label)
				_, six := s.AddressAt(measurement.IPv6, label)
				if four || six {
					want = append(want, s.RSI)
				}
			}
			i := slices.IndexFunc(frames, func(f plan.Frame) bool { return !label.Before(f.From) && label.Before(f.Until) })
			if i < 0 || !slices.Equal(frames[i].RSIs, want) || !slices.Equal(plan.RSIsAt(servers, label), want) {
				t.Fatalf("at %s: %v, want %v", interval.Format(label), frames, want)
			}
		}
	})
	if frames := plan.Frames(nil, until, from); frames != nil {
		t.Errorf("frames of no time: %v", frames)
	}
}

// TestFrameOfPlan: the frames of a month in which an RSI joins, one leaves and one is
// renumbered, from the text of a plan; addresses are canonical however they are written.
func TestFrameOfPlan(t *testing.T) {
	p := load(t, nil, shipped(t, "rssac047"), inline("local", `
server "root" {
  rsi = "b"
  address {
    ipv4        = "192.0.2.1"
    ipv6        = "2001:DB8:0::1"
    valid_until = "2026-12-10T12:01:00Z"
  }
  ipv4 = "192.0.2.2"
  ipv6 = "2001:db8::0:2"
}
server "root" {
  rsi = "g"
  address {
    ipv4        = "192.0.2.7"
    valid_until = "2026-12-15"
  }
}
server "root" {
  rsi = "n"
  address {
    ipv6       = "2001:db8::14"
    valid_from = "2026-12-20T10:02:00Z"
  }
}
`))
	q, _ := p.Query("soa")
	servers := p.ServersOf(q.Servers)
	month := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	var got []string
	for _, f := range plan.Frames(servers, month, month.AddDate(0, 1, 0)) {
		text := ""
		for _, r := range f.RSIs {
			text += string(r)
		}
		got = append(got, fmt.Sprintf("%s-%s %d %s", interval.Format(f.From), interval.Format(f.Until), len(f.RSIs), text))
	}
	want := []string{
		"202612010000-202612150000 13 abcdefghijklm",
		"202612150000-202612201005 12 abcdefhijklm",
		"202612201005-202701010000 13 abcdefhijklmn",
	}
	if !slices.Equal(got, want) {
		t.Errorf("frames\n%q\nwant\n%q", got, want)
	}
	b := servers[1]
	for _, c := range []struct {
		at   time.Time
		want string
	}{{month, "2001:db8::1"}, {month.AddDate(0, 0, 9).Add(12 * time.Hour), "2001:db8::1"}, {month.AddDate(0, 0, 9).Add(12*time.Hour + 5*time.Minute), "2001:db8::2"}} {
		if a, ok := b.AddressAt(measurement.IPv6, c.at); b.RSI != "b" || !ok || a != netip.MustParseAddr(c.want) || a.String() != c.want {
			t.Errorf("%s at %s: %s, want %s", b.RSI, c.at, a, c.want)
		}
	}
	if a, ok := servers[6].AddressAt(measurement.IPv6, month); ok {
		t.Errorf("g has the address %s of a family that its block does not have", a)
	}
}
