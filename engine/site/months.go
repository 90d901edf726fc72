package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mtric.net/mtric/engine/files"
	"mtric.net/mtric/engine/measurement"
	"mtric.net/mtric/engine/report"
)

// months writes the verdicts of the monthly reports, the newest first, as many as one file
// has room for.
func (r *job) months(context.Context) error {
	folders, of, err := r.reports()
	if err != nil {
		return err
	}
	if have, err := r.have("."); err != nil || of == r.made.Reports && slices.Contains(have, "months.js") {
		return err
	}
	out := Months{Months: []MonthVerdicts{}}
	size := 100
	for _, folder := range folders {
		d, err := report.Job{Out: r.Reports}.Existing(folder)
		if err != nil {
			r.result.Left, of = append(r.result.Left, err.Error()), ""
			continue
		}
		if d == nil {
			continue
		}
		m := r.verdicts(folder, d)
		text, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("site: %w", err)
		}
		if size += len(text) + 1; size > MaxFile {
			break
		}
		out.Months = append(out.Months, m)
	}
	r.made.Reports = of
	return r.data("months", out)
}

// reports are the folders of monthly reports, the newest first, and a hash of their files.
func (r *job) reports() (folders []string, of string, err error) {
	var entries []os.DirEntry
	if r.Reports != "" {
		entries, err = os.ReadDir(r.Reports)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("site: %w", err)
	}
	var all []string
	for _, e := range entries {
		month, monthly := strings.CutPrefix(e.Name(), string(report.Monthly)+"-")
		if _, err := time.Parse("2006-01", month); !monthly || err != nil {
			continue
		}
		is, err := files.Identity(filepath.Join(r.Reports, e.Name(), "internal", "full.json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", fmt.Errorf("site: %w", err)
		}
		folders, all = append(folders, e.Name()), append(all, is)
	}
	slices.Reverse(folders)
	of, err = hashOf(all, r.says.Links)
	return folders, of, err
}

// verdicts are those of a report, of RSIs without their values where the edition withholds
// them.
func (r *job) verdicts(folder string, d *report.Document) MonthVerdicts {
	m := MonthVerdicts{Month: d.From.Format("2006-01"), Report: r.beside(folder), Digest: d.Digest, Final: d.Status == report.Final, Verdicts: []Verdict{}}
	for _, v := range d.Values {
		o := Verdict{RSI: string(v.RSI), Metric: strings.TrimSpace(v.Title() + " " + v.Path()), Verdict: string(v.Verdict), Threshold: v.Bound(), RestsOn: list(v.RestsOn)}
		if v.RSI == "" || r.values {
			o.Value = v.Shown()
		}
		m.Verdicts = append(m.Verdicts, o)
	}
	return m
}

func list(vps []measurement.VantagePoint) string {
	return strings.Join(measurement.Strings(vps), ", ")
}

// beside is the page of a report as a link from the site's: where the plan says, else empty where the reports are
// neither beside the site nor in it. The internal edition is opened from the disk, where
// cron has it in Site/internal beside Reports.
func (r *job) beside(folder string) string {
	if url := r.says.Links["reports"]; url != "" {
		return strings.TrimSuffix(url, "/") + "/" + folder + "/report.html"
	}
	out, err := filepath.Abs(r.Out)
	reports, other := filepath.Abs(r.Reports)
	if err != nil || other != nil {
		return ""
	}
	path, err := filepath.Rel(out, reports)
	up := 1
	if r.edition == Internal {
		up = 2
	}
	if err != nil || strings.Count(filepath.ToSlash(path), "..") > up {
		return ""
	}
	return filepath.ToSlash(filepath.Join(path, folder, "report.html"))
}
