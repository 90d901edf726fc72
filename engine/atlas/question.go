package atlas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"mtric.net/mtric/engine/measurement"
)

// Question is what a measurement asks: of whom, over which path, and for what. A field that
// is empty is not known.
type Question struct {
	Query     string // label of the rows
	Name      string // absolute, in lower case
	Type      string
	Class     string // empty is IN
	RSI       measurement.RSI
	Family    measurement.Family
	Transport measurement.Transport
	Retries   bool  // probes try again, and earlier timeouts are lost
	id        int64 // of the measurement, in rows
}

// known says whether name, type and class are.
func (q Question) known() bool { return q.Name != "" && q.Type != "" }

// Identity says whether the question is for the identity or the version of a server.
func (q Question) Identity() bool { return q.Class == "CH" }

// offsets is the part of a built-in measurement's id that says which RSI is asked.
var offsets = map[int64]measurement.RSI{1: "k", 4: "f", 5: "i", 6: "m", 8: "l", 9: "a", 10: "b", 11: "c", 12: "d", 13: "e", 14: "g", 15: "h", 16: "j"}

// prefixes is the rest of such an id, and what it asks over IPv4; IPv6 has 10 more.
var prefixes = map[int64]Question{
	100: {Name: ".", Type: "SOA", Transport: measurement.UDP},
	101: {Name: ".", Type: "SOA", Transport: measurement.TCP},
	102: {Name: "version.bind.", Type: "TXT", Class: "CH", Transport: measurement.UDP},
	103: {Name: "hostname.bind.", Type: "TXT", Class: "CH", Transport: measurement.UDP},
}

// ipv6Prefix is what the prefixes of IPv6 are greater by.
const ipv6Prefix = 10

// BuiltIn are the built-in measurements of the root by their ids.
func BuiltIn() map[int64]Question {
	all := map[int64]Question{}
	for prefix, q := range prefixes {
		for offset, rsi := range offsets {
			q.RSI, q.Query = rsi, ""
			q.Family = measurement.IPv4
			all[100*prefix+offset] = q.labelled(0)
			q.Family = measurement.IPv6
			all[100*(prefix+ipv6Prefix)+offset] = q.labelled(0)
		}
	}
	return all
}

// labelled gives a question the label of its rows.
func (q Question) labelled(id int64) Question {
	switch {
	case q.Name == "." && q.Type == "SOA" && q.Class == "":
		q.Query = measurement.QuerySOA
	case q.Class == "CH" && q.Type == "TXT" && (q.Name == "hostname.bind." || q.Name == "version.bind." || q.Name == "id.server."):
		q.Query = strings.ReplaceAll(strings.TrimSuffix(q.Name, "."), ".", "_")
	default:
		q.Query = "atlas_" + strconv.FormatInt(id, 10)
	}
	return q
}

// maxMeasurements bounds what files name.
const maxMeasurements = 100_000

// metadata is a measurement as Atlas' API describes it.
type metadata struct {
	ID       int64           `json:"id"`
	Type     json.RawMessage `json:"type"`
	AF       int             `json:"af"`
	Target   string          `json:"target"`
	TargetIP string          `json:"target_ip"`
	Protocol string          `json:"protocol"`
	Class    string          `json:"query_class"`
	QType    string          `json:"query_type"`
	Argument string          `json:"query_argument"`
	Prepend  bool            `json:"prepend_probe_id"`
	Macros   bool            `json:"use_macros"`
	Retry    int             `json:"retry"`
}

// Measurements reads Atlas' metadata: an array, objects one after the other, or what the
// API answers with ("results"). What is no DNS measurement is passed over; a target that
// is no address of servers leaves the RSI unknown.
func Measurements(r io.Reader, servers map[netip.Addr]measurement.RSI) (map[int64]Question, error) {
	all := map[int64]Question{}
	err := objects(r, func(text []byte) error {
		var m metadata
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		if m.ID <= 0 || !m.isDNS() {
			return nil
		}
		if all[m.ID] = m.question(servers); len(all) > maxMeasurements {
			return fmt.Errorf("more than %d measurements", maxMeasurements)
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = errors.New("no DNS measurement is in it")
	}
	return all, err
}

// isDNS reads the type, a text or an object with a name.
func (m metadata) isDNS() bool {
	var name string
	if json.Unmarshal(m.Type, &name) != nil {
		var object struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(m.Type, &object) == nil {
			name = object.Name
		}
	}
	return strings.EqualFold(name, "dns")
}

func (m metadata) question(servers map[netip.Addr]measurement.RSI) Question {
	q := Question{Family: familyOf(m.AF), Transport: transportOf(m.Protocol), Retries: m.Retry != 0}
	if addr, err := netip.ParseAddr(m.TargetIP); err == nil {
		q.RSI = servers[addr]
	}
	if letter, rest, _ := strings.Cut(strings.ToLower(strings.TrimSuffix(m.Target, ".")), "."); q.RSI == "" && len(letter) == 1 && rest == "root-servers.net" {
		q.RSI = measurement.RSI(letter)
	}
	if m.Argument == "" || m.QType == "" || m.Prepend || m.Macros || len(m.Argument) > 255 || len(m.QType) > 16 {
		return q // each probe asks another name, or nobody says which
	}
	q.Name, q.Type = strings.ToLower(strings.TrimSuffix(m.Argument, "."))+".", strings.ToUpper(m.QType)
	switch strings.ToUpper(m.Class) {
	case "", "IN":
	case "CH", "CHAOS":
		q.Class = "CH"
	default:
		q.Name, q.Type = "", ""
	}
	return q.labelled(m.ID)
}

func familyOf(af int) measurement.Family {
	switch af {
	case 4:
		return measurement.IPv4
	case 6:
		return measurement.IPv6
	}
	return ""
}

func transportOf(proto string) measurement.Transport {
	switch strings.ToUpper(proto) {
	case "UDP":
		return measurement.UDP
	case "TCP":
		return measurement.TCP
	}
	return ""
}

// Numbers reads the measurements of a set, an id a line; what follows # is a remark.
func Numbers(r io.Reader) (map[int64]bool, error) {
	all := map[int64]bool{}
	const longest = maxMeasurements * 32 // bytes
	text, err := io.ReadAll(io.LimitReader(r, longest+1))
	if err == nil && len(text) > longest {
		err = fmt.Errorf("more than %d bytes", longest)
	}
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		id, err := strconv.ParseInt(line, 10, 64)
		if err != nil || id <= 0 {
			return nil, fmt.Errorf("line %d: %.40q is not the number of a measurement", i+1, line)
		}
		if all[id] = true; len(all) > maxMeasurements {
			return nil, fmt.Errorf("more than %d measurements", maxMeasurements)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("it names no measurement")
	}
	return all, nil
}
