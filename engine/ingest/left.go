package ingest

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// mostLeft bounds the lines about the files of one folder: a vantage point makes as
// many as it likes.
const mostLeft = 20

// leftovers are lines about what stays as it is and needs a person, by folder.
type leftovers struct {
	folders map[string][]string
	seen    map[string]bool
	more    map[string]int
}

// left notes, once, what stays as it is and needs a person.
func (r *run) left(path, why string) {
	line := fmt.Sprintf("%s %s", quoted(path), oneLine(why))
	if r.lines.add(filepath.Dir(path), line) {
		r.log.Warn("left as it is", "path", path, "reason", why)
	}
}

// add says whether a line is new and written.
func (l *leftovers) add(folder, line string) bool {
	if l.seen[line] {
		return false
	}
	if l.seen == nil {
		l.folders, l.seen, l.more = map[string][]string{}, map[string]bool{}, map[string]int{}
	}
	l.seen[line] = true
	if len(l.folders[folder]) == mostLeft-1 {
		l.more[folder]++
		return false
	}
	l.folders[folder] = append(l.folders[folder], line)
	return true
}

// sorted is all lines, the first of each folder first, so that no folder hides another
// where only some are shown; none is an empty list.
func (l *leftovers) sorted() []string {
	texts := []string{}
	folders := slices.Sorted(maps.Keys(l.folders))
	for rank := range mostLeft {
		for _, folder := range folders {
			lines := l.folders[folder]
			if n := l.more[folder]; n > 0 {
				lines = append(lines, fmt.Sprintf("%s has %d more such files", quoted(folder), n))
			}
			if rank < len(lines) {
				texts = append(texts, lines[rank])
			}
		}
	}
	return texts
}
