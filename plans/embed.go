// Package plans embeds the shipped plans; go:embed cannot reach files above
// its own directory, so the files and this package live together.
package plans

import (
	"embed"
	"io/fs"
	"slices"
)

// FS holds the shipped plans, one directory each.
//
//go:embed rssac047 demo survey zone chaos
var FS embed.FS

// Names lists the shipped plans in the order of the alphabet.
func Names() []string {
	entries, err := fs.ReadDir(FS, ".")
	if err != nil {
		panic(err) // an embedded directory can always be read
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// Dir returns the directory of a shipped plan; false where there is none of
// that name.
func Dir(name string) (fs.FS, bool) {
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	sub, err := fs.Sub(FS, name)
	return sub, err == nil
}
