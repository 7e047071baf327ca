package mispapi

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
)

// The versions of MISP and of PyMISP whose calls are answered.
const (
	mispVersion   = "2.5.34"
	pyMISPVersion = "2.5.34"
)

// version is what other MISP servers and clients ask first.
func (c *call) version() (any, error) {
	write := c.mayWrite()
	return map[string]any{"version": mispVersion, "pymisp_recommended_version": pyMISPVersion, "perm_sync": true,
		"perm_sighting": write, "perm_galaxy_editor": false, "perm_analyst_data": false,
		"request_encoding": []string{}, "filter_sightings": false}, nil
}

func (c *call) pyVersion() (any, error) { return map[string]any{"version": pyMISPVersion}, nil }

func (c *call) mayWrite() bool {
	return !c.s.ReadOnly && (c.v.Role == policy.RoleAnalyst || c.v.Role == policy.RoleCoordinator ||
		c.v.Role == policy.RoleAdmin)
}

// role is what the viewer may do, as MISP says it.
func (c *call) role() map[string]any {
	write := c.mayWrite()
	return map[string]any{"id": "1", "name": "meneki " + string(c.v.Role), "created": nil, "modified": nil,
		"perm_add":    write,
		"perm_modify": write, "perm_modify_org": write, "perm_publish": write, "perm_delegate": false,
		"perm_sync": true, "perm_admin": false, "perm_audit": false, "perm_full": false, "perm_auth": true,
		"perm_site_admin": false, "perm_regexp_access": false, "perm_tagger": write, "perm_template": false,
		"perm_sharing_group": false, "perm_tag_editor": write, "perm_sighting": write, "perm_object_template": false,
		"default_role": false, "memory_limit": "", "max_execution_time": "", "restricted_to_site_admin": false,
		"perm_publish_zmq": false, "perm_publish_kafka": false, "perm_decaying": false, "enforce_rate_limit": false,
		"rate_limit_count": "0", "perm_galaxy_editor": false, "perm_warninglist": false,
		"perm_view_feed_correlations": false,
		"perm_analyst_data":           false, "perm_skip_otp": false, "perm_server_sign": false, "permission": "3",
		"permission_description": "publish"}
}

// me is who asks.
func (c *call) me() map[string]any {
	org := c.own()
	return map[string]any{"User": map[string]any{"id": "1", "org_id": org.ID, "server_id": "0", "email": c.v.Name,
		"autoalert": false, "invited_by": "0", "gpgkey": nil, "certif_public": nil, "nids_sid": "0",
		"termsaccepted": true, "newsread": "0", "role_id": "1", "change_pw": false, "contactalert": false,
		"disabled": false, "expiration": nil, "current_login": "0", "last_login": "0", "force_logout": false,
		"date_created": nil, "date_modified": nil},
		"Role": c.role(), "UserSetting": map[string]any{}, "Organisation": org}
}

func (c *call) user() (any, error) {
	if id := c.id(); id != "me" && id != "1" {
		return nil, missing("user")
	}
	return c.me(), nil
}

func (c *call) users() (any, error) { return []any{c.me()}, nil }

func (c *call) roles() (any, error) { return []any{map[string]any{"Role": c.role()}}, nil }

// organisations are the server's and the viewer's own: who else is there is not told.
func (c *call) organisations() (any, error) {
	list := []misp.Organisation{c.s.org()}
	if own := c.own(); own != list[0] {
		list = append(list, own)
	}
	out := []any{}
	for _, o := range list {
		out = append(out, map[string]any{"Organisation": map[string]any{"id": o.ID, "name": o.Name, "uuid": o.UUID,
			"local": true, "type": "", "nationality": "", "sector": "", "description": ""}})
	}
	return out, nil
}

func (c *call) organisation() (any, error) {
	all, err := c.organisations()
	list, _ := all.([]any)
	i := slices.IndexFunc(list, func(x any) bool {
		m, _ := x.(map[string]any)
		o, _ := m["Organisation"].(map[string]any)
		return strings.EqualFold(c.id(), scalar(o["id"])) || strings.EqualFold(c.id(), scalar(o["uuid"])) ||
			strings.EqualFold(c.id(), scalar(o["name"]))
	})
	if err != nil || i < 0 {
		return nil, missing("organisation")
	}
	return list[i], nil
}

// describeTypes are the types of attributes and their categories.
func (c *call) describeTypes() (any, error) {
	usual, types, in := map[string]any{}, []string{}, map[string][]string{}
	for _, t := range misp.Types() {
		detect := 0
		if t.Detect {
			detect = 1
		}
		usual[t.Name] = map[string]any{"default_category": t.Category, "to_ids": detect}
		types = append(types, t.Name)
		for _, k := range t.Categories {
			in[k] = append(in[k], t.Name)
		}
	}
	return map[string]any{"result": map[string]any{"sane_defaults": usual, "types": types,
		"categories": misp.Categories(), "category_type_mappings": in}}, nil
}
