package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"mtric.net/mtric/engine/measurement"
)

// errTooLarge is what a function says instead of building an enormous value.
var errTooLarge = errors.New("too large a value; keep data out of plans")

// functions returns the functions of the language for the files of one
// directory. All are pure: none reads clock, network, environment or
// randomness, and hints and lines read from fsys only.
func functions(fsys fs.FS, b *budget) map[string]function.Function {
	all := map[string]function.Function{
		"duration": durationFunc(),
		"percent":  percentFunc(),
		"hints":    hintsFunc(fsys),
		"lines":    linesFunc(fsys),
		"cidr":     cidrFunc(),

		"coalesce": stdlib.CoalesceFunc,
		"concat":   stdlib.ConcatFunc,
		"contains": stdlib.ContainsFunc,
		"flatten":  stdlib.FlattenFunc,
		"format":   stdlib.FormatFunc,
		"join":     stdlib.JoinFunc,
		"keys":     stdlib.KeysFunc,
		"length":   stdlib.LengthFunc,
		"lookup":   stdlib.LookupFunc,
		"lower":    stdlib.LowerFunc,
		"max":      stdlib.MaxFunc,
		"merge":    stdlib.MergeFunc,
		"min":      stdlib.MinFunc,
		"range":    stdlib.RangeFunc,
		"replace":  stdlib.ReplaceFunc,
		"split":    stdlib.SplitFunc,
		"tonumber": stdlib.MakeToFunc(cty.Number),
		"toset":    stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tostring": stdlib.MakeToFunc(cty.String),
		"upper":    stdlib.UpperFunc,
		"values":   stdlib.ValuesFunc,
	}
	for name, f := range all {
		all[name] = bounded(name, f, b)
	}
	for name, f := range b.meters() {
		all[name] = f
	}
	return all
}

// bounded lets f see arguments within the budget only, and refuses calls whose
// result would be much larger than their arguments.
func bounded(name string, f function.Function, b *budget) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			for _, a := range args {
				if !b.pay(a, functionPrice) {
					return cty.NilType, errTooLarge
				}
			}
			if inflates(name, args) {
				b.text = -1
				return cty.NilType, errTooLarge
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// inflates reports whether a call could build far more text than it is given:
// a long separator, a wide verb, an argument used many times.
func inflates(name string, args []cty.Value) bool {
	if len(args) == 0 || args[0].IsNull() || !args[0].IsKnown() {
		return false
	}
	first := args[0]
	size, text := 0, 0
	for _, a := range args {
		n, t, _ := weigh(a)
		size, text = size+n, text+t
	}
	switch name {
	case "join":
		return len(first.AsString())*size > mostString
	case "format":
		s := first.AsString()
		digits := 0
		for _, r := range s {
			if r < '0' || r > '9' {
				digits = 0
			} else if digits++; digits > 3 {
				return true // a width of thousands, or a constant nobody needs
			}
		}
		return strings.Count(s, "%")*(text+1000) > mostString
	case "replace":
		if len(args) == 3 && args[2].Type() == cty.String && args[2].IsKnown() && !args[2].IsNull() {
			return (len(first.AsString())+1)*(len(args[2].AsString())+1) > mostString
		}
	}
	return false
}

// text is a parameter that takes text.
func text(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.String} }

// durationFunc makes durations comparable: duration("1m30s") is 90, in seconds.
func durationFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{text("duration")},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			d, err := ParseDuration(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q is no duration; write numbers with the units d, h, m, s, ms, us, such as \"1d12h\"", args[0].AsString())
			}
			s := fmt.Sprintf("%d.%09d", int64(d)/int64(time.Second), int64(d)%int64(time.Second))
			return cty.ParseNumberVal(s)
		},
	})
}

// percentFunc reads a percentage that comes as text: percent("99.999%") is 99.999.
func percentFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{text("percentage")},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			p, err := ParsePercent(strings.TrimSuffix(args[0].AsString(), "%"))
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q is no percentage; write a decimal number from 0 to 100, such as \"99.9%%\"", args[0].AsString())
			}
			return cty.ParseNumberVal(p.String())
		},
	})
}

// cidrFunc counts within a prefix: cidr("127.0.53.0/24", 5) is "127.0.53.5".
func cidrFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{text("prefix"), {Name: "number", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, err := netip.ParsePrefix(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q is no prefix; write one such as \"192.0.2.0/24\"", args[0].AsString())
			}
			n, accuracy := args[1].AsBigFloat().Int(nil)
			base := prefix.Masked().Addr()
			sum := new(big.Int).SetBytes(base.AsSlice())
			if accuracy != big.Exact || n.Sign() < 0 || n.BitLen() > base.BitLen()-prefix.Bits() {
				return cty.NilVal, function.NewArgErrorf(1, "%s has no address of that number; its addresses are counted from 0", prefix)
			}
			b := sum.Add(sum, n).FillBytes(make([]byte, base.BitLen()/8))
			a, _ := netip.AddrFromSlice(b)
			return cty.StringVal(a.String()), nil
		},
	})
}

// hintsFunc reads a root hints file (IANA's named.root) of the plan:
// hints("root.hints") is { a = { name, ipv4, ipv6 }, … }; a family without
// address is null.
func hintsFunc(fsys fs.FS) function.Function {
	host := cty.Object(map[string]cty.Type{"name": cty.String, string(measurement.IPv4): cty.String, string(measurement.IPv6): cty.String})
	return function.New(&function.Spec{
		Params: []function.Parameter{text("file")},
		Type:   function.StaticReturnType(cty.Map(host)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			src, err := beside(fsys, name)
			if err != nil {
				return cty.NilVal, err
			}
			hosts, err := parseHints(src)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%s: %w", name, err)
			}
			m := map[string]cty.Value{}
			for key, h := range hosts {
				m[key] = cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(h.name),
					string(measurement.IPv4): orNull(h.ipv4), string(measurement.IPv6): orNull(h.ipv6)})
			}
			return cty.MapVal(m), nil
		},
	})
}

// orNull makes an absent address null, which counts as an attribute left out.
func orNull(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

// host is one name server of a hints file.
type host struct{ name, ipv4, ipv6 string }

// parseHints reads lines "OWNER [TTL] [IN] NS|A|AAAA DATA" with comments after
// a semicolon, and returns the name servers of "." by their first label.
func parseHints(src []byte) (map[string]host, error) {
	hosts := map[string]host{}
	addresses := map[string]map[string]string{}
	for i, line := range bytes.Split(src, []byte{'\n'}) {
		line, _, _ = bytes.Cut(line, []byte{';'})
		fields := strings.Fields(strings.ToLower(string(line)))
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 3 || len(fields) > 5 {
			return nil, fmt.Errorf("line %d: want \"owner ttl type data\"", i+1)
		}
		owner, kind, data := fields[0], fields[len(fields)-2], fields[len(fields)-1]
		switch kind {
		case "ns":
			label, _, _ := strings.Cut(data, ".")
			if owner != "." || label == "" {
				return nil, fmt.Errorf("line %d: want the name servers of \".\"", i+1)
			}
			hosts[label] = host{name: data}
		case "a", "aaaa":
			a, err := netip.ParseAddr(data)
			if err != nil || a.Is4() != (kind == "a") || a.Zone() != "" {
				return nil, fmt.Errorf("line %d: %q is no address of type %s", i+1, data, strings.ToUpper(kind))
			}
			if addresses[owner] == nil {
				addresses[owner] = map[string]string{}
			}
			if _, twice := addresses[owner][kind]; twice {
				return nil, fmt.Errorf("line %d: a second %s of %s", i+1, strings.ToUpper(kind), owner)
			}
			addresses[owner][kind] = a.String()
		default:
			return nil, fmt.Errorf("line %d: type %s in a hints file", i+1, strings.ToUpper(kind))
		}
	}
	for label, h := range hosts {
		h.ipv4, h.ipv6 = addresses[h.name]["a"], addresses[h.name]["aaaa"]
		hosts[label] = h
	}
	if len(hosts) == 0 {
		return nil, errors.New("no name servers of \".\" in it")
	}
	return hosts, nil
}
