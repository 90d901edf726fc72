package column

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"mtric.net/mtric/engine/measurement"
)

// Metadata is what a file says of itself: keys mtric.version, mtric.schema,
// mtric.plan, mtric.plan_sha256 and mtric.run (the runs row as JSON). Plan,
// PlanSHA256 and Run are a vantage point's; files of the lake leave them out. Other
// keys of mtric's, and members of mtric.run that the schema has not, are ignored.
type Metadata struct {
	Version    string
	Schema     int // of the columns; set by Create
	Plan       string
	PlanSHA256 string
	Run        *measurement.Run
}

// The keys of metadata.
const (
	KeyVersion    = "mtric.version"
	KeySchema     = "mtric.schema"
	keyPlan       = "mtric.plan"
	keyPlanSHA256 = "mtric.plan_sha256"
	keyRun        = "mtric.run"
)

// pairs is the metadata as a file holds it.
func (m Metadata) pairs() ([][2]string, error) {
	p := [][2]string{{KeyVersion, m.Version}, {KeySchema, strconv.Itoa(Schema())}}
	if m.Plan != "" {
		p = append(p, [2]string{keyPlan, m.Plan}, [2]string{keyPlanSHA256, m.PlanSHA256})
	}
	if m.Run != nil {
		row := *m.Run
		only(&row, Schema())
		run, err := json.Marshal(row)
		if err != nil {
			return nil, fmt.Errorf("metadata %s: %w", keyRun, err)
		}
		p = append(p, [2]string{keyRun, string(run)})
	}
	return p, nil
}

// ErrNewer is the error of a file whose schema this program does not know.
var ErrNewer = errors.New("needs a newer mtric")

// ParseMetadata reads what Create wrote. Schema is 0 where the file does not say it, as
// where another program wrote the file again and left the metadata out.
func ParseMetadata(lookup func(key string) (string, bool)) (Metadata, error) {
	var m Metadata
	m.Version, _ = lookup(KeyVersion)
	m.Plan, _ = lookup(keyPlan)
	m.PlanSHA256, _ = lookup(keyPlanSHA256)
	if text, has := lookup(KeySchema); has {
		var err error
		if m.Schema, err = strconv.Atoi(text); err != nil || m.Schema < 1 || strconv.Itoa(m.Schema) != text {
			return m, fmt.Errorf("damaged: metadata %s is %.80q, want a number", KeySchema, text)
		}
		if m.Schema > Schema() {
			return m, fmt.Errorf("%w: the file is of schema %d (%s %.80q), this mtric knows them up to %d", ErrNewer, m.Schema, KeyVersion, m.Version, Schema())
		}
	}
	if run, ok := lookup(keyRun); ok {
		m.Run = new(measurement.Run)
		if err := json.Unmarshal([]byte(run), m.Run); err != nil {
			return m, fmt.Errorf("metadata %s: %w", keyRun, err)
		}
		only(m.Run, m.Schema)
	}
	return m, nil
}

// only leaves of a row what a schema of that number has: whichever program reads a file,
// it says the same of the run, and a file that comes again after an update is no other.
func only(run *measurement.Run, number int) {
	for _, f := range allFields()[Runs] {
		if f.since > number {
			reflect.ValueOf(run).Elem().FieldByName(f.place.name).SetZero()
		}
	}
}
