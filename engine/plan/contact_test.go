package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mtric.net/mtric/engine/plan"
)

// TestContact: a plan may say who answers for it. One with the label of another, laid over
// it, replaces that one; a plan without has no word of it in its JSON form, nor in its hash.
func TestContact(t *testing.T) {
	without := load(t, nil, inline("site", `plan "site" {}`))
	if without.Contact != nil {
		t.Errorf("contact %+v of a plan that has none", without.Contact)
	}
	if strings.Contains(string(without.JSON()), "contact") {
		t.Error("the JSON form of a plan without a contact names one")
	}
	p := load(t, nil, demo(t), inline("local", `contact "measurements" {
  name  = "Us"
  email = "a.b+c@root.example.net"
  url   = "https://root.example.net/how.html"
  data  = "https://root.example.net/mtric"
}
`))
	want := &plan.Contact{Label: "measurements", Name: "Us", Email: "a.b+c@root.example.net",
		URL: "https://root.example.net/how.html", Data: "https://root.example.net/mtric/"}
	if diff := cmp.Diff(want, p.Contact); diff != "" {
		t.Errorf("contact (-want +got):\n%s", diff)
	}
	back, err := plan.ReadJSON(p.JSON())
	if err != nil || !cmp.Equal(back.Contact, want) {
		t.Errorf("from its JSON form: %+v, %v", back.Contact, err)
	}
}
