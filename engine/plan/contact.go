package plan

import (
	"net/mail"
	"strings"
)

// Contact is who answers for the measurements, and where their data are.
type Contact struct {
	Label string `json:"label"`
	Name  string `json:"name"`
	Email string `json:"email"`
	URL   string `json:"url,omitempty"`  // of the page that says how an exclusion or an annotation is asked for
	Data  string `json:"data,omitempty"` // below it are lake/, rootzones/ and reports/ of the collector; with a slash at the end
}

// decodeContact reads who is to be written to.
func (l *loader) decodeContact(b *block) {
	d := l.open(b)
	c := Contact{Label: b.label, Name: d.line("name", ""), Email: d.line("email", ""), URL: d.webURL("url"), Data: d.webURL("data")}
	if c.Email != "" && !isEmail(c.Email) {
		d.errorf("email", `Write an address alone, such as "measurements@root.example.net".`, "%q is not an email address", c.Email)
	}
	if c.Data != "" {
		c.Data = siteURL(c.Data).JoinPath("/").String()
	}
	if l.plan.Contact != nil {
		l.errorf(b.DefRange(), "A plan has one: reports and dossiers name it. A label laid over another plan's replaces that one.", "a second contact")
		return
	}
	l.plan.Contact = &c
}

// webURL reads a whole URL of the web; empty where there is none.
func (d *decoder) webURL(name string) string {
	text := d.line(name, "")
	if text == "" || siteURL(text) != nil {
		return text
	}
	d.errorf(name, `Write it whole, such as "https://root.example.net/".`, "%s is not a URL", name)
	return ""
}

// isEmail says whether a text is an email address and nothing else. It becomes part of
// pages and of links.
func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s && len(s) <= 254 && !strings.ContainsAny(s, "\"'<>&?%# \\()")
}
