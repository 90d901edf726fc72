package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// inventory is the JSON that Ansible asks an inventory program for.
type inventory struct {
	All           group `json:"all"`
	Collector     group `json:"collector"`
	Meta          meta  `json:"_meta"`
	VantagePoints group `json:"vantage_points"`
}

type group struct {
	Hosts    []string       `json:"hosts,omitempty"`
	Children []string       `json:"children,omitempty"`
	Vars     map[string]any `json:"vars,omitempty"`
}

type meta struct {
	HostVars map[string]map[string]any `json:"hostvars"`
}

// Inventory returns Ansible's dynamic inventory: the groups vantage_points and
// collector with their hosts, and under _meta.hostvars the variables id,
// region, metro, provider, from, until of a vantage point, id of the
// collector, and sftp (user, port, key, known_hosts, directory and the
// collector's host) of both. A vantage point whose until has come is left out: it is
// not built any more, and its key not admitted. Without vantage points the group is
// empty.
func Inventory(p *Plan, now time.Time) ([]byte, error) {
	out := inventory{
		All:  group{Children: []string{"collector", "vantage_points"}, Vars: map[string]any{"plan": p.Name, "plan_sha256": p.SHA256()}},
		Meta: meta{HostVars: map[string]map[string]any{}},
	}
	type sftp struct {
		Host string `json:"host"`
		SFTP
	}
	var box *sftp
	if c := p.Collector; c != nil {
		box = &sftp{c.Host, c.SFTP}
		out.Collector.Hosts = []string{c.Host}
		out.Meta.HostVars[c.Host] = map[string]any{"id": c.Label, "sftp": box}
	}
	for _, v := range p.VantagePoints {
		if v.Until != nil && !now.Before(*v.Until) {
			continue
		}
		if _, twice := out.Meta.HostVars[v.Host]; twice {
			return nil, fmt.Errorf("inventory: host %s of vantage point %s is there already", v.Host, v.ID)
		}
		out.VantagePoints.Hosts = append(out.VantagePoints.Hosts, v.Host)
		vars := map[string]any{"id": v.ID, "region": v.Region, "metro": v.Metro, "provider": v.Provider, "from": v.From, "until": v.Until}
		if box != nil {
			vars["sftp"] = box
		}
		out.Meta.HostVars[v.Host] = vars
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(out); err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return b.Bytes(), nil
}
