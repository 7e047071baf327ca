package misp

import (
	"bytes"
	"reflect"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// Change is what a newer event makes of the objects that are here of an older one.
type Change struct {
	Put    []Item // new objects and new versions
	Remark []Item // objects whose content stays and whose handling is another
	Notes  []Note
}

// Update compares an event's objects with those that are here of it, as they were given by
// the same owner, in their latest versions. At is when the event was changed. An attribute
// that is not in items any more is withdrawn if complete is true, else it stays as it is.
// One that was withdrawn stays so. If only what is marked more strictly than the event has
// changed, its report does not change: else those who may not see it would see that.
func Update(have, items []Item, at time.Time, complete bool) Change {
	u := updater{at: at, have: map[string]Item{}, here: map[string]bool{}, attributes: map[string]bool{}}
	for _, h := range have {
		u.have[h.Object.ID()] = h
	}
	for _, it := range items {
		u.here[it.Object.ID()] = true
		if _, ok := it.Object.Raw(PropAttribute); ok {
			u.attributes[bare(it.Object.ID())] = true
		}
	}
	for _, it := range items[min(1, len(items)):] {
		u.take(it)
	}
	for _, h := range have {
		if !u.here[h.Object.ID()] {
			u.gone(h, complete)
		}
	}
	if len(items) > 0 {
		u.report(items[0])
	}
	return u.Change
}

type updater struct {
	Change
	at         time.Time
	have       map[string]Item
	here       map[string]bool
	attributes map[string]bool // uuids of those in the event
}

// bare is the uuid of an id.
func bare(id string) string { return id[max(0, len(id)-36):] }

// dated are properties that follow from when a thing was changed, unless it says when it
// was first seen: they stay as they were first.
var dated = []string{"valid_from", "first_observed", "last_observed"}

// differences are the properties of a newer version that differ; nil takes one away.
func differences(old, o *stix.Object) map[string]any {
	out := map[string]any{}
	fixed := []string{"type", "spec_version", "id", "created", "created_by_ref", "modified"}
	fields, _ := o.Get(PropAttribute)
	m, _ := fields.(map[string]any)
	stays := text(m, "first_seen") == ""
	for _, name := range o.Properties() {
		if slices.Contains(fixed, name) || stays && slices.Contains(dated, name) {
			continue
		}
		raw, _ := o.Raw(name)
		if was, ok := old.Raw(name); ok && bytes.Equal(was, raw) {
			continue
		}
		v, _ := o.Get(name)
		if was, ok := old.Get(name); !ok || !reflect.DeepEqual(was, v) {
			out[name] = raw
		}
	}
	for _, name := range old.Properties() {
		if _, ok := o.Raw(name); !ok && !slices.Contains(fixed, name) {
			out[name] = nil
		}
	}
	return out
}

func (u *updater) take(it Item) {
	old, ok := u.have[it.Object.ID()]
	if !ok {
		u.Put = append(u.Put, it)
		return
	}
	changes := differences(old.Object, it.Object)
	if _, mine := it.Object.Raw(PropEventRef); !mine && it.Object.Type() != "report" {
		// An observable, an organisation or a cluster, which other events are about too.
		if !stricter(old.Handling, it.Handling) || stricter(it.Handling, old.Handling) {
			it.Handling = old.Handling
		}
	}
	switch {
	case len(changes) == 0:
		if !sameHandling(old.Handling, it.Handling) {
			u.Remark = append(u.Remark, it)
		}
	case old.Object.Revoked():
		if !it.Object.Revoked() {
			u.Notes = append(u.Notes, Note{it.Object.ID(), i18n.T("it was withdrawn, and stays so; add it anew",
				"取り消し済みのため、元に戻せません。新しく追加してください")})
		}
	default:
		u.version(old, it.Object.Modified().Time(), changes, it.Handling)
	}
}

func sameHandling(a, b policy.Handling) bool {
	return a.TLP == b.TLP && a.Audience.Column() == b.Audience.Column()
}

// version makes the next version of an object.
func (u *updater) version(old Item, when time.Time, changes map[string]any, h policy.Handling) {
	if !when.After(old.Object.Modified().Time()) {
		when = u.at
	}
	if old.Object.Modified().IsZero() { // an observable: its content is its id
		return
	}
	o, err := stix.NewVersion(old.Object, when, changes)
	if err != nil {
		u.Notes = append(u.Notes, Note{old.Object.ID(), i18n.T("cannot be an object of STIX: {0}",
			"STIX オブジェクトにできません：{0}").With(err.Error())})
		return
	}
	u.Put = append(u.Put, Item{o, h})
}

// gone decides on an object that is not in the newer event.
func (u *updater) gone(h Item, complete bool) {
	o := h.Object
	if o.Revoked() || o.Modified().IsZero() {
		return
	}
	_, attribute := o.Raw(PropAttribute)
	_, replaced := o.Raw(PropReplaced)
	_, part := o.Raw(PropPart)
	_, said := o.Raw(PropSighting)
	switch {
	case said || replaced:
	case part:
		if ref := o.Text(PropEventRef); !slices.Equal(o.Strings("object_refs"), []string{ref}) {
			u.version(h, u.at, map[string]any{"object_refs": []string{ref}}, h.Handling)
		}
	case attribute && u.attributes[bare(o.ID())]:
		changes := map[string]any{PropReplaced: true}
		if from, ok := o.Time("valid_from"); ok {
			end := stix.TimestampOf(u.at)
			if end.Compare(from) <= 0 {
				end = stix.TimestampOf(from.Time().Add(time.Millisecond))
			}
			changes["valid_until"] = end.String()
		}
		u.version(h, u.at, changes, h.Handling)
	case complete || o.Type() == "relationship" || o.Type() == "observed-data" && !attribute:
		u.version(h, u.at, map[string]any{"revoked": true}, h.Handling)
	}
}

// report decides on the report, when all else is known.
func (u *updater) report(it Item) {
	old, ok := u.have[it.Object.ID()]
	if ok && len(u.Put)+len(u.Remark) > 0 && onlyTime(differences(old.Object, it.Object), old.Object, it.Object) &&
		sameHandling(old.Handling, it.Handling) {
		wide := false
		for _, p := range slices.Concat(u.Put, u.Remark) {
			was, known := u.have[p.Object.ID()]
			wide = wide || !stricter(p.Handling, it.Handling) || known && !stricter(was.Handling, it.Handling)
		}
		if !wide {
			return
		}
	}
	n := len(u.Put)
	u.take(it)
	if len(u.Put) > n { // first, as in the event
		u.Put = append([]Item{u.Put[n]}, u.Put[:n]...)
	}
}

// onlyTime reports whether two versions of a report differ in nothing but when.
func onlyTime(changes map[string]any, old, o *stix.Object) bool {
	for name := range changes {
		if name != PropEvent && name != "published" {
			return false
		}
	}
	a, _ := old.Get(PropEvent)
	b, _ := o.Get(PropEvent)
	x, _ := a.(map[string]any)
	y, _ := b.(map[string]any)
	return reflect.DeepEqual(without(x, "timestamp", "publish_timestamp"), without(y, "timestamp", "publish_timestamp"))
}
