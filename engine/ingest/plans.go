package ingest

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"mtric.net/mtric/engine/column"
	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/plan"
)

// plans is the kind of a plan.json, the plan that a vantage point measures by; it has
// no table in the lake.
const plans column.Table = "plan"

// mostPlans bounds the different plans of one vantage point that lie in Originals, and
// so what it can add to Lake/plans in the time that those are kept: a plan changes a
// few times a month.
const mostPlans = 32

// checkPlan says why what was sent is no plan.
func checkPlan(data []byte) string {
	if _, err := plan.ReadJSON(data); err != nil {
		return oneLine(err.Error())
	}
	return ""
}

// keepOwnPlan keeps the plan of the collector itself.
func (r *run) keepOwnPlan() error {
	if r.Lake.HasPlan(r.Plan.SHA256()) {
		return nil
	}
	if err := r.step("plan"); err != nil {
		return err
	}
	return r.keepPlan(r.Plan.SHA256(), r.Plan.JSON())
}

// keepPlan keeps a plan, and what was measured by it before is evaluated by it.
func (r *run) keepPlan(sum string, data []byte) error {
	r.judge.Signed().Come(sum)
	r.expected.Lock()
	delete(r.expected.of, sum)
	r.expected.Unlock()
	return errors.Join(r.judge.SaveSigned(), r.Lake.KeepPlan(data))
}

// keepSites brings the table vantage_points up to the collector's plan. What it said
// before of another time stays, and of vantage points that the plan has no more: their
// data stay. A table that cannot be read holds up nothing: it is left for a person.
func (r *run) keepSites() error {
	if column.Schema() < 2 {
		return nil
	}
	had, err := r.Lake.Sites()
	if err != nil {
		r.left(r.Lake.Path(column.VantagePoints, time.Time{}), "cannot be read; move it away, it is made of the plan: "+err.Error())
		return nil
	}
	var now []measurement.Site
	for _, v := range r.Plan.VantagePoints {
		now = append(now, SiteOf(v))
	}
	for _, site := range had {
		if site, stays := earlierThan(now, site); stays {
			now = append(now, site)
		}
	}
	column.Sort(now)
	older, err := r.Lake.Older(column.VantagePoints, time.Time{})
	if err != nil || len(now) == 0 || reflect.DeepEqual(had, now) && !older {
		return err
	}
	if err := r.step("vantage points"); err != nil {
		return err
	}
	return r.Lake.SaveSites(now)
}

// SiteOf is the row of the table vantage_points of a vantage point of a plan.
func SiteOf(v plan.VantagePoint) measurement.Site {
	site := measurement.Site{VantagePoint: v.ID, From: v.From, Until: v.Until, Region: v.Region, Metro: v.Metro, Host: v.Host,
		Latitude: v.Latitude, Longitude: v.Longitude, ASN: v.ASN}
	if v.Provider != "" {
		site.Provider = &v.Provider
	}
	return site
}

// earlierThan is what stays of a row of the table beside those of the plan: the time
// before that of which the plan speaks.
func earlierThan(planned []measurement.Site, site measurement.Site) (measurement.Site, bool) {
	i := slices.IndexFunc(planned, func(p measurement.Site) bool { return p.VantagePoint == site.VantagePoint })
	if i < 0 {
		return site, true
	}
	from := planned[i].From
	if from == nil || site.From != nil && !site.From.Before(*from) {
		return site, false
	}
	if site.Until == nil || site.Until.After(*from) {
		site.Until = from
	}
	return site, true
}

// keepPlans keeps the plans that came, before their files leave the dropbox: whatever
// is broken off after that, the next run finds the file again.
func (r *run) keepPlans(files []*taken) error {
	for _, t := range files {
		if t.table != plans || t.reason != "" {
			continue
		}
		if t.reason = r.twin(t); t.reason != "" || r.Lake.HasPlan(t.sha256) {
			continue
		}
		n, err := r.plansOf(t)
		if err != nil {
			return err
		}
		if n >= mostPlans {
			t.reason = fmt.Sprintf("one of more than %d different plans; who has the key of vantage point %s?", mostPlans, t.vp)
			continue
		}
		data, err := os.ReadFile(t.copy)
		if err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
		if err := r.step("plan %s", t.name); err != nil {
			return err
		}
		if err := r.keepPlan(t.sha256, data); err != nil {
			return err
		}
		r.sentPlans[t.vp][t.sha256] = true
	}
	return nil
}

// plansOf counts the different plans that the vantage point of a file has sent, as far
// as Originals have them, this run included. It looks once a run, and only where a
// vantage point sent a plan that nobody knew.
func (r *run) plansOf(t *taken) (int, error) {
	if sums := r.sentPlans[t.vp]; sums != nil {
		return len(sums), nil
	}
	sums := map[string]bool{}
	kept, err := r.originals.Plans(t.vp)
	if err != nil {
		return 0, err
	}
	for _, path := range kept {
		sum, err := files.Sum(path)
		if err != nil {
			return 0, fmt.Errorf("originals: %w", err)
		}
		sums[sum] = true
	}
	r.sentPlans[t.vp] = sums
	return len(sums), nil
}
