package ingest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/ingest"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/spool"
)

// expecting is what a vantage point says of one answer: its serial, whether the response is
// kept, and what it calls it.
type expecting struct {
	query    string
	serial   uint32
	kept     bool
	expected *bool
}

// sendExpecting sends answers of RSI a, of a run by the plan with that sum.
func (c *collector) sendExpecting(sum string, label time.Time, all ...expecting) {
	c.t.Helper()
	var rows []measurement.Answer
	for _, e := range all {
		a := measurement.Answer{VantagePoint: "101", Interval: label, SentAt: ptr(label.Add(time.Second)), Query: e.query, RSI: "a", Family: "ipv4", Transport: "udp",
			Address: "198.41.0.4", QName: ".", QType: "SOA", Outcome: measurement.Answered, LatencyUS: ptr(int64(900)), Attempts: 1, Response: soaWire(e.serial, "x"),
			Expected: e.expected, Failures: []string{}}
		fillFromResponse(&a)
		if !e.kept {
			a.Response = nil
		}
		rows = append(rows, a)
	}
	run := runOf(rows, "101", label)
	run.PlanSHA256 = sum
	send(c, c.box("101"), spool.Name(label, "101", column.Answers), rows, metaOf(run))
}

// TestExpectedIsEvaluatedAgain: what a vantage point says of what is expected is held
// against the responses that it kept, by the plan of its run.
func TestExpectedIsEvaluatedAgain(t *testing.T) {
	c := newCollector(t)
	p := planOf(1)
	p.Queries = append(p.Queries, p.Queries[0], p.Queries[0], p.Queries[0])
	p.Queries[1].Label, p.Queries[1].Expect = "right", "answer.serial == 7"
	p.Queries[2].Label, p.Queries[2].Expect = "wrong", "answer.serial == 8 || int(answer.nsid) == 1"
	p.Queries[3].Label, p.Queries[3].Expect = "later", "answer.is_of_a_newer_program"
	sum := c.sendPlan("101", "101", day, p.JSON())
	yes, no := ptr(true), ptr(false)
	c.sendExpecting(sum, day, expecting{"later", 7, true, no}, expecting{"nothing", 7, true, nil}, expecting{"right", 7, true, no}, expecting{"wrong", 7, true, no})
	first := day.Add(5 * time.Minute)
	c.sendExpecting(sum, first, expecting{"later", 7, false, nil}, expecting{"nothing", 7, true, yes}, expecting{"right", 7, false, no}, expecting{"wrong", 7, true, yes})
	c.sendExpecting("cd"+sum[2:], first.Add(5*time.Minute), expecting{"right", 8, true, yes}) // by a plan that nobody sent
	r := c.ingest()
	var got []string
	for _, a := range readDay[measurement.Answer](c, column.Answers, day) {
		expected, why := "null", ""
		if a.Expected != nil {
			expected = fmt.Sprint(*a.Expected)
		}
		if a.Error != nil {
			why = " " + *a.Error
		}
		got = append(got, fmt.Sprintf("%s %s %s%s", a.Interval.Format("15:04"), a.Query, expected, why))
	}
	at := []string{day.Format("15:04"), first.Format("15:04"), first.Add(5 * time.Minute).Format("15:04")}
	conversion := " expect: type conversion error from 'string' to 'int'"
	want := []string{at[0] + " later false", at[0] + " nothing null", at[0] + " right true", at[0] + " wrong false" + conversion, // which it said without saying why
		at[1] + " later false expect: not evaluated by the vantage point", at[1] + " nothing null", at[1] + " right false", at[1] + " wrong false" + conversion,
		at[2] + " right true"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the lake (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[measurement.VantagePoint]ingest.Differing{"101": {Count: 4, Column: column.Expected, Interval: day, Query: "right", RSI: "a", Said: "false", Found: "true"}}, r.Differing); d != "" {
		t.Errorf("differing (-want +got):\n%s", d)
	}
	// The same file once more changes nothing, though the lake has it otherwise by now.
	c.sendExpecting(sum, day, expecting{"later", 7, true, no}, expecting{"nothing", 7, true, nil}, expecting{"right", 7, true, no}, expecting{"wrong", 7, true, no})
	if r := c.ingest(); len(r.Quarantined) != 0 || r.Added != 0 || r.Known != 4 {
		t.Errorf("again: %+v", r)
	}
}

// A plan in the lake that cannot be read stops no ingest: what was said stands.
func TestUnreadablePlanStopsNoIngest(t *testing.T) {
	c := newCollector(t)
	sum := strings.Repeat("ab", 32)
	dir := filepath.Join(c.in.Lake.Dir, "plans")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, sum+".json"), []byte("this is damaged"), 0o644)); err != nil {
		t.Fatal(err)
	}
	c.sendExpecting(sum, day, expecting{"right", 7, true, ptr(true)})
	if r := c.ingest(); len(r.Quarantined) != 0 || r.Added != 1 {
		t.Errorf("%+v", r)
	}
	if rows := readDay[measurement.Answer](c, column.Answers, day); len(rows) != 1 || rows[0].Expected == nil || !*rows[0].Expected {
		t.Errorf("%+v", rows)
	}
}
