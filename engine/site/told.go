package site

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtric.net/mtric/engine/plan"
)

// toldFile says what the files of a folder may tell that a public edition withholds. It is
// written before them.
const toldFile = ".told"

// answers are single answers, which only the internal edition has.
const answers = "answers"

// tells are what the edition tells of single RSIs.
func (f *frame) tells() (all []string) {
	for what, told := range map[string]bool{answers: f.edition == Internal, plan.OpenValues: f.values, plan.OpenServers: f.names} {
		if told {
			all = append(all, what)
		}
	}
	slices.Sort(all)
	return all
}

// withhold removes the data of a folder that tell what the edition does not: another edition
// was written there, or the plan opened more. Where nothing says what they tell, it may be all.
func (r *job) withhold() error {
	path := filepath.Join(r.Out, toldFile)
	text, err := os.ReadFile(path)
	had := strings.Fields(string(text))
	if errors.Is(err, fs.ErrNotExist) {
		had, err = []string{answers, plan.OpenValues, plan.OpenServers}, nil
	}
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	tells := r.tells()
	if slices.ContainsFunc(had, func(what string) bool { return !slices.Contains(tells, what) }) {
		if err := r.clear(); err != nil {
			return err
		}
	}
	if slices.Equal(had, tells) && text != nil {
		return nil
	}
	return r.hidden(toldFile, []byte(strings.Join(tells, " ")+"\n"))
}

// clear removes what a site of another edition has, where there is one.
func (r *job) clear() error {
	ours := false
	for _, name := range []string{madeFile, "data/index.js"} {
		_, err := os.Stat(filepath.Join(r.Out, name))
		ours = ours || err == nil
	}
	if !ours {
		return nil
	}
	for _, name := range []string{madeFile, feedFile, usualDir, hoursFile, "data"} {
		if err := os.RemoveAll(filepath.Join(r.Out, name)); err != nil {
			return fmt.Errorf("site: %w", err)
		}
	}
	r.made = r.readMade(r.made.Basis)
	return nil
}
