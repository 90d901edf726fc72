package edition

import (
	_ "embed"
	"html/template"
	"reflect"

	"mtric.net/mtric/engine/diag"
)

//go:embed page.gohtml
var pageText string

// Style is the sheet that all pages share, those of the site too.
//
//go:embed style.css
var Style string

//go:embed page.css
var pageStyle string

// Page is a template with the head that all pages have, "head" of a title, and with the
// functions clock, dash, n for thousands, and text, which whatever others wrote goes
// through.
func Page() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{"clock": Clock, "dash": Dash, "n": Thousands, "text": ofOthers,
		"style": func() template.CSS { return template.CSS(Style + pageStyle) }}).Parse(pageText))
}

// ofOthers makes a text that others wrote fit to be shown; nil is empty.
func ofOthers(text any) string {
	v := reflect.Indirect(reflect.ValueOf(text))
	if !v.IsValid() {
		return ""
	}
	return diag.Printable(v.String())
}
