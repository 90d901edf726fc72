package expect

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"mtric.net/mtric/engine/dnsmsg"
	"mtric.net/mtric/engine/measurement"
)

// Field is what expressions can read.
type Field struct {
	Name string // "answer.flags.aa"; of a record "name"
	Type string // string, bool, int
	Doc  string
}

// field is one of an object, or a label.
type field struct {
	name  string
	cel   *cel.Type
	doc   string
	value func(*facts) ref.Val
}

func text(s string) ref.Val { return types.String(s) }

// flag is a bit of the header.
func flag(name string, bit uint16, doc string) field {
	return field{"answer.flags." + name, cel.BoolType, doc, func(f *facts) ref.Val { return types.Bool(f.message.Flags&bit != 0) }}
}

// fields are those of the objects answer, query and server, and the labels.
var fields = []field{
	{"answer.rcode", cel.StringType, "mnemonic of the rcode, extended by EDNS, `RCODE` and the number where there is none", func(f *facts) ref.Val { return text(dnsmsg.RCodeText(f.message.RCode)) }},
	flag("aa", dnsmsg.FlagAA, "authoritative answer"),
	flag("tc", dnsmsg.FlagTC, "truncated"),
	flag("rd", dnsmsg.FlagRD, "recursion desired"),
	flag("ra", dnsmsg.FlagRA, "recursion available"),
	flag("ad", dnsmsg.FlagAD, "authentic data"),
	flag("cd", dnsmsg.FlagCD, "checking disabled"),
	{"answer.has_serial", cel.BoolType, "whether the response has one SOA record and no more, in whatever section", func(f *facts) ref.Val { soa, _ := f.message.SOA(); return types.Bool(soa != nil) }},
	{"answer.serial", cel.IntType, "the serial of that record, 0 without", func(f *facts) ref.Val { _, serial := f.message.SOA(); return types.Int(serial) }},
	{"answer.has_nsid", cel.BoolType, "whether the server told its identity (NSID)", func(f *facts) ref.Val { _, told := f.message.NSID(); return types.Bool(told) }},
	{"answer.nsid", cel.StringType, "the identity, as the column `nsid` has it; empty without", func(f *facts) ref.Val { id, _ := f.message.NSID(); return text(dnsmsg.NSIDText(id)) }},
	{"answer.size", cel.IntType, "octets of the response", func(f *facts) ref.Val { return types.Int(len(f.wire)) }},
	{"query.label", cel.StringType, "the label of the query", func(f *facts) ref.Val { return text(f.row.Query) }},
	{"query.qname", cel.StringType, "the name that was asked for, in lower case", func(f *facts) ref.Val { return text(lower(f.row.QName)) }},
	{"query.qtype", cel.StringType, "the type that was asked for", func(f *facts) ref.Val { return text(f.row.QType) }},
	{"server.rsi", cel.StringType, "the RSI that was asked", func(f *facts) ref.Val { return text(string(f.row.RSI)) }},
	{"server.name", cel.StringType, "its name", func(f *facts) ref.Val { return text(f.server) }},
	{"family", cel.StringType, "`ipv4` or `ipv6`", func(f *facts) ref.Val { return text(string(f.row.Family)) }},
	{"transport", cel.StringType, "that of the query, also where a truncated answer was asked for again over TCP", func(f *facts) ref.Val { return text(string(f.row.Transport)) }},
}

// lower is ASCII in lower case: a name's other bytes are as they were asked for.
func lower(name string) string {
	folded := []byte(name)
	dnsmsg.Fold(folded)
	return string(folded)
}

// Fields lists the fields of answer, query and server, and the labels, in the order of the
// docs.
func Fields() []Field {
	var all []Field
	for _, f := range fields {
		all = append(all, Field{f.name, f.cel.String(), f.doc})
	}
	return all
}

// facts is what one evaluation sees; a cel.Activation.
type facts struct {
	row     *measurement.Answer
	server  string
	wire    []byte
	message *dnsmsg.Message
	values  map[string]ref.Val // of fields that were asked for
	records []*record          // of all sections, each made when it is asked for
}

// ResolveName finds the value of a name.
func (f *facts) ResolveName(name string) (any, bool) {
	if name == "answer" {
		return answer{of: f}, true
	}
	if v, ok := f.values[name]; ok {
		return v, true
	}
	known, ok := fieldNamed[name]
	if !ok {
		return nil, false
	}
	if f.values == nil {
		f.values = map[string]ref.Val{}
	}
	v := known.value(f)
	f.values[name] = v
	return v, true
}

// Parent is part of cel.Activation.
func (f *facts) Parent() cel.Activation { return nil }

var fieldNamed = func() map[string]field {
	all := map[string]field{}
	for _, f := range fields {
		all[f.name] = f
	}
	return all
}()

// find lists the records of a type in a section, in their order.
func (f *facts) find(section dnsmsg.Section, kind uint16) []ref.Val {
	if f.records == nil {
		f.records = make([]*record, len(f.message.Records))
	}
	found := []ref.Val{}
	for i := range f.message.Records {
		r := &f.message.Records[i]
		if r.Section != section || r.Type != kind {
			continue
		}
		if f.records[i] == nil {
			f.records[i] = &record{Record: r}
		}
		found = append(found, f.records[i])
	}
	return found
}

// value is what the values of our own have in common: nothing can be made of them.
type value struct{}

var errNoValue = fmt.Errorf("is no value")

// ConvertToNative is part of ref.Val.
func (value) ConvertToNative(reflect.Type) (any, error) { return nil, errNoValue }

// ConvertToType is part of ref.Val.
func (value) ConvertToType(ref.Type) ref.Val { return types.WrapErr(errNoValue) }

// Equal is part of ref.Val.
func (value) Equal(ref.Val) ref.Val { return types.WrapErr(errNoValue) }

// answer is the object of which records is a function.
type answer struct {
	value
	of *facts
}

var answerType = cel.OpaqueType("answer")

// Type is part of ref.Val.
func (answer) Type() ref.Type { return answerType }

// Value is part of ref.Val.
func (a answer) Value() any { return a.of }

// record is a record of the response. Its texts are made once: an expression may ask for
// them often.
type record struct {
	value
	*dnsmsg.Record
	name, data, text *string
}

var recordType = cel.ObjectType("record")

// Type is part of ref.Val.
func (*record) Type() ref.Type { return recordType }

// Value is part of ref.Val.
func (r *record) Value() any { return r }

// recordField is a field of a record.
type recordField struct {
	name  string
	cel   *cel.Type
	doc   string
	value func(*record) any
}

var recordFields = []recordField{
	{"name", cel.StringType, "the owner, in lower case", func(r *record) any { return once(&r.name, r.Name) }},
	{"type", cel.StringType, "mnemonic of the type, `TYPE` and the number where there is none", func(r *record) any { return dnsmsg.TypeText(r.Record.Type) }},
	{"ttl", cel.IntType, "seconds", func(r *record) any { return int64(r.TTL) }},
	{"data", cel.StringType, "the data as zone files have it, names in lower case", func(r *record) any { return once(&r.data, r.Data) }},
	{"text", cel.StringType, "of TXT its strings together, without quotation marks; empty of other types", func(r *record) any { return once(&r.text, r.Text) }},
}

// RecordFields lists the fields of a record, in the order of the docs.
func RecordFields() []Field {
	var all []Field
	for _, f := range recordFields {
		all = append(all, Field{f.name, f.cel.String(), f.doc})
	}
	return all
}

func once(kept **string, text func() string) string {
	if *kept == nil {
		*kept = new(text())
	}
	return **kept
}

// provider knows the type of records beside CEL's own.
type provider struct{ types.Provider }

// FindStructType is part of types.Provider.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	if name == recordType.TypeName() {
		return types.NewTypeTypeWithParam(recordType), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames is part of types.Provider.
func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if name != recordType.TypeName() {
		return p.Provider.FindStructFieldNames(name)
	}
	var all []string
	for _, f := range recordFields {
		all = append(all, f.name)
	}
	return all, true
}

// FindStructFieldType is part of types.Provider.
func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if name != recordType.TypeName() {
		return p.Provider.FindStructFieldType(name, field)
	}
	for _, f := range recordFields {
		if f.name == field {
			return &types.FieldType{
				Type:  f.cel,
				IsSet: func(any) bool { return true },
				GetFrom: func(of any) (any, error) {
					r, ok := of.(*record)
					if !ok {
						return nil, errNoValue
					}
					return f.value(r), nil
				},
			}, true
		}
	}
	return nil, false
}

// recordsOf is answer.records(section, type).
func recordsOf(args ...ref.Val) ref.Val {
	of, sectionName, typeName := args[0].(answer), string(args[1].(types.String)), string(args[2].(types.String))
	section, ok := dnsmsg.SectionOf(sectionName)
	if !ok {
		return types.NewErr("no section %.40q: there are %s", sectionName, strings.Join(dnsmsg.Sections(), ", "))
	}
	kind, ok := dnsmsg.TypeOf(typeName)
	if !ok {
		return types.NewErr("no record type %.40q", typeName)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, of.of.find(section, kind))
}
