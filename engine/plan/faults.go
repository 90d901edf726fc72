package plan

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"mtric.net/mtric/engine/diag"
	"mtric.net/mtric/engine/measurement"
)

// Fault is something that goes wrong in a simulated lake: a block of a faults
// file. It is no part of a plan and never of a measurement.
type Fault struct {
	Label string    `json:"label"`
	Kind  FaultKind `json:"kind"`

	// Where; empty is everywhere. Connections are reset over TCP only, answers
	// truncated over UDP only.
	VantagePoints []measurement.VantagePoint `json:"vantage_points"`
	RSIs          []measurement.RSI          `json:"rsis"`
	Paths         []string                   `json:"paths"` // "ipv6/tcp"

	// Where in the world. Of a crowd the share is that of networks, each struck wholly or
	// not; each vantage point of ours is one. Nil and 0 are all.
	Regions []string `json:"regions,omitempty"`
	Share   int      `json:"share,omitempty"` // percent

	From  time.Time `json:"from"`           // interval labels in [From, Until)
	Until time.Time `json:"until,omitzero"` // zero is for good

	By      Duration `json:"by"`      // slow, moved, stale, future, slow_clock, fast_clock: how much
	Percent int      `json:"percent"` // of the queries it strikes; 100 by default
	RCode   string   `json:"rcode"`   // rcode
	Tags    []string `json:"tags"`    // wrong: rules of RSSAC047 to be broken; empty is one for each kind of question

	Identity string `json:"identity,omitempty"` // moved: what the site calls itself; empty is a name of the simulator's
}

// FaultKind is what goes wrong: a closed vocabulary.
type FaultKind string

// The kinds. The first six are outcomes of a query; the RSI answers in the others.
const (
	FaultDown        FaultKind = "down"                             // no answer: timeout
	FaultRefused               = FaultKind(measurement.Refused)     // ECONNREFUSED
	FaultUnreachable           = FaultKind(measurement.Unreachable) // no route
	FaultReset                 = FaultKind(measurement.Reset)       // of TCP connections
	FaultMalformed             = FaultKind(measurement.Malformed)   // a reply that does not parse
	FaultLocalError            = FaultKind(measurement.LocalError)  // the vantage point could not send
	FaultServFail    FaultKind = "servfail"                         // rcode SERVFAIL
	FaultRCode       FaultKind = "rcode"                            // any other rcode
	FaultTruncated   FaultKind = "truncated"                        // TC and no data, over UDP
	FaultSlow        FaultKind = "slow"                             // answers come later by By
	FaultMoved       FaultKind = "moved"                            // another site answers, another way leads there, round trips are longer by By
	FaultStale       FaultKind = "stale"                            // zones come later by By
	FaultFrozen      FaultKind = "frozen"                           // the zone of From until Until
	FaultWrong       FaultKind = "wrong"                            // correctness answers break a rule
	FaultSilent      FaultKind = "silent"                           // the vantage point makes no run
	FaultOffPlan     FaultKind = "off_plan"                         // asked at an address that is not the plan's
	FaultFuture      FaultKind = "future"                           // answers to query soa show the serial of By later

	// Of the vantage point's clock. Labels and times are then its own.
	FaultUnsynchronized FaultKind = "unsynchronized" // its runs say so
	FaultSlowClock      FaultKind = "slow_clock"     // behind by By
	FaultFastClock      FaultKind = "fast_clock"     // ahead by By
)

// FaultKinds lists the vocabulary.
var FaultKinds = []FaultKind{FaultDown, FaultRefused, FaultUnreachable, FaultReset, FaultMalformed, FaultLocalError,
	FaultServFail, FaultRCode, FaultTruncated, FaultSlow, FaultMoved, FaultStale, FaultFrozen, FaultWrong, FaultSilent, FaultOffPlan, FaultFuture, FaultUnsynchronized, FaultSlowClock, FaultFastClock}

// FaultTags are the rules that a wrong answer can be made to break, by the kind
// of question whose answers they judge.
var FaultTags = map[string][]string{
	"TLD/NS":   {"ujy", "pdd", "vnk"},
	"TLD/DS":   {"yot", "cpf"},
	"./SOA":    {"xhr", "obw"},
	"./NS":     {"csz", "wal"},
	"./DNSKEY": {"occ", "eou"},
	"negative": {"gpl", "axj", "czb"},
}

// faultType is the schema of a fault block; docs/simulate.md says what it means.
var faultType = []blockType{{kind: "fault", label: "name", attrs: []attribute{
	need("kind", "one of "+words(FaultKinds), ""),
	may("vantage_points", "list of labels", "all", ""), may("rsis", "list of RSIs", "all", ""), may("paths", "list of paths", "all", ""),
	need("from", "time", ""), may("until", "time", "for good", ""),
	may("by", "duration", "none", ""), may("percent", "number", "100", ""), may("rcode", "rcode", "none", ""),
	may("tags", "list of tags", "one for each kind of question", ""),
	may("regions", "list of regions", "all", ""), may("share", "number", "100", ""), may("identity", "text", "the simulator's", ""),
}}}

// LoadFaults reads the text of a faults file: fault blocks, in the language of
// plans but without variables and references. The vantage points and RSIs it
// may name are those of known. The faults are sorted by label, and nil exactly
// when the list has errors; name stands before positions.
func LoadFaults(src []byte, name string, known *Plan) (faults []Fault, list diag.List) {
	l := &loader{version: Version, sources: map[string][]byte{}, budget: newBudget(), bad: map[hcl.Range]bool{},
		decoders: map[string]*decoder{}, unmade: map[string][]string{}, faulty: map[hcl.Range]bool{}, base: map[string]cty.Value{}, names: scope{}, plan: known}
	defer func() {
		r := recover()
		if r != nil && r != errEnough {
			l.errorf(hcl.Range{}, "This is a bug in mtric; please report it with the file.", "internal error: %v", r)
		}
		if r != nil || l.diags.HasErrors() {
			faults = nil
		}
		list = l.list()
	}()
	faults = []Fault{}
	l.functions = append(l.functions, functions(embed.FS{}, l.budget))
	file := l.parse(src, name)
	l.diags = append(l.diags, l.syntax...)
	if file == nil || l.diags.HasErrors() {
		return nil, list
	}
	meterBody(file)
	for _, n := range sortedKeys(file.Attributes) {
		l.errorf(file.Attributes[n].NameRange, "Write a block: fault \"NAME\" { … }.", "attribute %q outside any block", n)
	}
	places := map[string]hcl.Range{}
	for i, b := range file.Blocks {
		if i == mostInstances {
			l.errorf(b.DefRange(), fmt.Sprintf("At most %d.", mostInstances), "%d faults", len(file.Blocks))
			break
		}
		switch {
		case b.Type != "fault":
			l.errorf(b.TypeRange, didYouMean(b.Type, []string{"fault"}, "Blocks"), "no block %q in a faults file", b.Type)
			continue
		case len(b.Labels) != 1 || !validLabel(b.Labels[0]):
			l.errorf(b.DefRange(), `Write fault "NAME" { … } with letters, digits, _ and -.`, "a fault needs one label")
			continue
		}
		if at, twice := places[b.Labels[0]]; twice {
			l.errorf(b.DefRange(), "Give it another label.", "%s is there already, at %s", what("fault", b.Labels[0]), position(at))
			continue
		}
		places[b.Labels[0]] = b.DefRange()
		l.checkBody(b.Body, &faultType[0], body{what: what("fault", b.Labels[0]), at: b.DefRange()})
		d := l.openBody(b.Body, &faultType[0], l.context(env{}), what("fault", b.Labels[0]), b.DefRange())
		faults = append(faults, d.fault(b.Labels[0]))
	}
	if l.budget.spent() {
		l.exhausted()
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Label, b.Label) })
	return faults, list
}

// pathNames are the paths as plans name them.
func pathNames() (all []string) {
	for _, p := range measurement.Paths {
		all = append(all, p.String())
	}
	return all
}

// FaultRCodes are the rcodes that rcode faults may answer with. Of NXDOMAIN the
// simulator could not say which rule of correctness it breaks.
var FaultRCodes = []string{measurement.FormErr, measurement.NotImp, measurement.RRefused, measurement.BadVers}

// fault reads a fault block.
func (d *decoder) fault(label string) Fault {
	f := Fault{Label: label, From: d.required("from"), Percent: 100,
		VantagePoints: []measurement.VantagePoint{}, RSIs: []measurement.RSI{}, Paths: []string{}, Tags: []string{}}
	f.Kind = FaultKind(d.enum("kind", "", measurement.Strings(FaultKinds)...))
	if until := d.moment("until"); until != nil {
		f.Until = *until
		d.order("from", "until", &f.From, until)
	}
	for _, name := range []string{"vantage_points", "rsis", "paths", "tags"} {
		if items, ok := d.list(name); ok && len(items) == 0 {
			d.errorf(name, "Leave it out to mean all.", "%s is empty", name)
		}
	}
	for _, it := range d.texts("vantage_points") {
		if v := measurement.VantagePoint(it.v.AsString()); d.knownVantagePoint(it, v) {
			f.VantagePoints = append(f.VantagePoints, v)
		}
	}
	for _, it := range d.texts("rsis") {
		if r := measurement.RSI(it.v.AsString()); d.knownRSI(it, r) {
			f.RSIs = append(f.RSIs, r)
		}
	}
	for _, it := range d.texts("paths") {
		p, err := measurement.ParsePath(it.v.AsString())
		switch {
		case err != nil:
			d.l.errorf(it.at, didYouMean(it.v.AsString(), pathNames(), "Paths"), "no path %q", it.v.AsString())
		case f.Kind == FaultReset && p.Transport != measurement.TCP:
			d.l.errorf(it.at, `Only connections are reset; for UDP there is kind = "refused".`, "reset of %s", p)
		case f.Kind == FaultTruncated && p.Transport != measurement.UDP:
			d.l.errorf(it.at, "Only answers over UDP are truncated.", "truncated answers over %s", p)
		default:
			f.Paths = append(f.Paths, p.String())
		}
	}
	if d.has("regions") {
		f.Regions = d.enums("regions", nil, regions...)
	}
	if share := int(d.number("share", 100, 1, 100)); share < 100 {
		f.Share = share
	}
	if f.Kind != "" {
		d.faultDetails(&f)
	}
	return f
}

// faultDetails reads what belongs to some kinds only; one that would change
// nothing is a mistake, for its writer meant something.
func (d *decoder) faultDetails(f *Fault) {
	least, most := Duration(time.Microsecond), 60*day
	switch f.Kind {
	case FaultSlow:
		most = Duration(time.Minute)
	case FaultMoved: // so far away is no place
		most = Duration(time.Second)
		d.wholeFamilies(f)
	case FaultSlowClock, FaultFastClock: // less is no clock that anybody doubts
		least = Duration(5 * time.Minute)
	}
	timed := []FaultKind{FaultSlow, FaultMoved, FaultStale, FaultFuture, FaultSlowClock, FaultFastClock}
	if slices.Contains(timed, f.Kind) {
		f.By = d.duration("by", 0, least, most)
	}
	f.Percent = int(d.number("percent", 100, 1, 100))
	f.RCode = d.enum("rcode", "", FaultRCodes...)
	const longest = 63 // a label, as servers' names are made of
	if f.Identity = d.line("identity", ""); len(f.Identity) > longest {
		d.errorf("identity", "At most 63 bytes.", "identity of %d bytes", len(f.Identity))
	}
	if d.has("tags") {
		f.Tags = d.enums("tags", f.Tags, faultTagNames()...)
	}
	kinds := map[string][]FaultKind{
		"by":       timed,
		"rcode":    {FaultRCode},
		"tags":     {FaultWrong},
		"identity": {FaultMoved},
		"percent": {FaultDown, FaultRefused, FaultUnreachable, FaultReset, FaultMalformed, FaultLocalError, FaultServFail, FaultRCode,
			FaultTruncated, FaultSlow, FaultWrong, FaultOffPlan, FaultFuture},
		"rsis":  slices.DeleteFunc(slices.Clone(FaultKinds), ofRuns),
		"paths": slices.DeleteFunc(slices.Clone(FaultKinds), ofRuns),
	}
	for _, name := range sortedKeys(kinds) {
		switch belongs := slices.Contains(kinds[name], f.Kind); {
		case !belongs && d.has(name):
			d.errorf(name, "Remove it.", "a fault of kind %s has no %q", f.Kind, name)
		case belongs && !d.has(name) && (name == "by" || name == "rcode"):
			d.l.errorf(d.at, "Add "+map[string]string{"by": `by = "10m"`, "rcode": `rcode = "REFUSED"`}[name]+".", "%s lacks %q", d.what, name)
		}
	}
}

// wholeFamilies refuses a path without that of the other transport: to one address there is one way.
func (d *decoder) wholeFamilies(f *Fault) {
	for _, name := range f.Paths {
		for _, p := range measurement.Paths {
			family, _, _ := strings.Cut(name, "/")
			if string(p.Family) == family && !slices.Contains(f.Paths, p.String()) {
				d.errorf("paths", "Name "+p.String()+" too.", "%s is moved and %s is not: a family has one way", name, p)
				return
			}
		}
	}
}

// faultTagNames lists the tags of FaultTags, sorted.
func faultTagNames() []string {
	var all []string
	for _, tags := range FaultTags {
		all = append(all, tags...)
	}
	slices.Sort(all)
	return all
}

// ofRuns says whether a fault strikes whole runs.
func ofRuns(k FaultKind) bool {
	return slices.Contains([]FaultKind{FaultSilent, FaultUnsynchronized, FaultSlowClock, FaultFastClock}, k)
}
