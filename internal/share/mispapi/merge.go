package mispapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
)

// merge takes a newer version of an event into the one that is here.
func (c *call) merge(tx *store.Tx, e, newer *misp.Event, o misp.Options) error {
	if t := newer.Timestamp(); !t.IsZero() && t.Before(e.Timestamp()) {
		return &refusal{status: http.StatusForbidden, name: "Could not edit event",
			message: "Event could not be saved: Event in the request not newer than the local copy."}
	}
	changed := fields(e.Fields, newer.Fields, "uuid", "timestamp")
	now := strconv.FormatInt(tx.Now().Unix(), 10)
	for _, p := range newer.All() {
		into := (*misp.Object)(nil)
		if p.In != nil {
			into = objectIn(e, p.In)
		}
		changed = attributeIn(e, into, p.Attribute, now) || changed
	}
	for _, n := range newer.Objects {
		mine := objectIn(e, n)
		if fields(mine.Fields, n.Fields, "timestamp") {
			mine.Fields["timestamp"] = later(n.Fields, mine.Fields, now)
			changed = true
		}
	}
	for _, n := range newer.Reports {
		changed = reportIn(e, n, now) || changed
	}
	switch t := newer.Timestamp(); {
	case t.After(e.Timestamp()):
		e.Fields["timestamp"] = strconv.FormatInt(t.Unix(), 10)
	case changed:
		touch(e, tx.Now())
	}
	fresh(e, tx.Now())
	return c.put(tx, e, o)
}

// local are fields that mean something on one server only.
var local = []string{"id", "event_id", "object_id", "event_uuid", "org_id", "orgc_id", "Org", "sharing_group_id",
	"attribute_count", "event_creator_email", "user_id"}

// fields writes the fields that a newer version has over those that are here, and reports
// whether any was another.
func fields(f, newer map[string]any, but ...string) (changed bool) {
	for k, v := range newer {
		if slices.Contains(but, k) || slices.Contains(local, k) || same(f[k], v) {
			continue
		}
		f[k] = v
		changed = true
	}
	return changed
}

// same compares two values as MISP writes them: "1" is 1, and true, and null is "".
func same(a, b any) bool {
	if x, y := plain(a), plain(b); x != nil && y != nil {
		return x == y
	}
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(x) == string(y)
}

func plain(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "1"
		}
		return "0"
	case string, json.Number:
		return scalar(v)
	case []any:
		if len(v) == 0 {
			return ""
		}
	}
	return nil
}

// later is the time of a part that was changed: what it says, if that is later than before.
func later(newer, f map[string]any, now string) string {
	n, was := number(newer["timestamp"]), number(f["timestamp"])
	if n > was {
		return strconv.FormatInt(n, 10)
	}
	if at := number(now); at > was {
		return now
	}
	return strconv.FormatInt(was+1, 10)
}

// objectIn returns the object of an event that another is a version of, and makes one that
// is new.
func objectIn(e *misp.Event, n *misp.Object) *misp.Object {
	if n.UUID() == "" {
		n.Fields["uuid"] = uuid.NewString()
	}
	for _, o := range e.Objects {
		if o.UUID() == n.UUID() {
			return o
		}
	}
	o := &misp.Object{Fields: maps.Clone(n.Fields)}
	e.Objects = append(e.Objects, o)
	return o
}

// attributeIn takes an attribute into an event, and reports whether that changed it.
func attributeIn(e *misp.Event, in *misp.Object, a *misp.Attribute, now string) bool {
	if id := a.UUID(); id != "" {
		if p, ok := e.Find(id); ok {
			if !fields(p.Fields, a.Fields, "timestamp") {
				return false
			}
			p.Fields["timestamp"] = later(a.Fields, p.Fields, now)
			return true
		}
	}
	if in != nil {
		in.Attributes = append(in.Attributes, a)
	} else {
		e.Attributes = append(e.Attributes, a)
	}
	return true
}

func reportIn(e *misp.Event, n *misp.Report, now string) bool {
	for _, r := range e.Reports {
		if id := scalar(n.Fields["uuid"]); id != "" && strings.EqualFold(id, scalar(r.Fields["uuid"])) {
			if !fields(r.Fields, n.Fields, "timestamp") {
				return false
			}
			r.Fields["timestamp"] = later(n.Fields, r.Fields, now)
			return true
		}
	}
	e.Reports = append(e.Reports, n)
	return true
}
