package plan

import (
	"fmt"
	"strings"
	"time"
)

// The marks in a page between which the table of places stands.
const (
	placesBegin = "<!-- places: begin -->\n"
	placesEnd   = "<!-- places: end -->\n"
)

// Places is the plan's vantage points as a table in Markdown: where the published
// methods say that measurements are made from [uys].
func Places(p *Plan) string {
	var b strings.Builder
	if len(p.VantagePoints) == 0 {
		return "The plan names no vantage points.\n"
	}
	b.WriteString("| vantage point | host | region | metropolitan area | provider | from | until |\n|---|---|---|---|---|---|---|\n")
	for _, v := range p.VantagePoints {
		cells := []string{string(v.ID), v.Host, v.Region, v.Metro, v.Provider, moment(v.From), moment(v.Until)}
		for i, c := range cells {
			cells[i] = markdownCell(c)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// markdownCell keeps a text from ending its cell, or from being read as HTML.
func markdownCell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ", "\r", " ").Replace(s)
}

// PlacesInto puts the table between the marks of a page, and changes nothing else.
func PlacesInto(page string, p *Plan) (string, error) {
	before, rest, found := strings.Cut(page, placesBegin)
	if _, after, ended := strings.Cut(rest, placesEnd); found && ended {
		return before + placesBegin + "\n" + Places(p) + "\n" + placesEnd + after, nil
	}
	return "", fmt.Errorf("no lines %q and %q: the table of places goes between them", strings.TrimSpace(placesBegin), strings.TrimSpace(placesEnd))
}
