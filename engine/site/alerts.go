package site

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// How much of an alert file is read, from its end, and how old a line may be that counts:
// of an alert whose memory was lost no line tells the end.
const (
	alertTail = 256 << 10
	alertAge  = 7 * 24 * time.Hour
	fatalAge  = 24 * time.Hour
)

var alertLine = regexp.MustCompile(`^(\S+) (\S+) (info|warning|critical) (FIRING|RESOLVED|FATAL) ((?:[^" ]|"(?:[^"\\]|\\.)*")+(?: (?:[^" ]|"(?:[^"\\]|\\.)*")+)*?) (".*")$`)

// alerts are what fires, and the fatal errors of a day, the most severe first.
func (r *job) alerts() ([]AlertLine, error) {
	all := []AlertLine{}
	files, err := filepath.Glob(filepath.Join(r.Logs, "*-alerts.txt"))
	if r.Logs == "" || r.edition == Public {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	slices.Sort(files)
	for _, file := range files {
		text, err := tail(file)
		if err != nil {
			return nil, fmt.Errorf("site: alerts: %w", err)
		}
		all = append(all, firing(text, strings.TrimSuffix(filepath.Base(file), "-alerts.txt"), r.Now())...)
	}
	levels := []string{"critical", "warning", "info"}
	slices.SortStableFunc(all, func(a, b AlertLine) int {
		return cmp.Compare(slices.Index(levels, a.Level), slices.Index(levels, b.Level))
	})
	return within(all, mostAlerts), nil
}

// firing are the lines whose alert fires still.
func firing(text, of string, now time.Time) (all []AlertLine) {
	lines := map[string]AlertLine{}
	var order []string
	for _, line := range strings.Split(text, "\n") {
		m := alertLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, m[1])
		age := alertAge
		if m[4] == "FATAL" {
			age = fatalAge
		}
		if err != nil || now.Sub(at) > age {
			continue
		}
		key := m[5]
		order = slices.DeleteFunc(order, func(k string) bool { return k == key })
		if m[4] != "RESOLVED" {
			order, lines[key] = append(order, key), AlertLine{Of: of, Text: cutText(line, 500), Level: m[3]}
		}
	}
	for _, key := range order {
		all = append(all, lines[key])
	}
	return all
}

// tail is the end of a file.
func tail(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if _, err := f.Seek(max(info.Size()-alertTail, 0), io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, alertTail))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.ToValidUTF8(string(text), "�"), err
}
