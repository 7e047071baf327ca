package stix

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gowebpki/jcs"
)

// version is what orders the versions of an object: modified, or created where
// the type has no versions (section 3.6).
func (o *Object) version() Timestamp {
	if !o.modified.IsZero() {
		return o.modified
	}
	return o.created
}

// normal is the instant in one spelling, so that it can be a key.
func (t Timestamp) normal() string {
	if t.IsZero() {
		return ""
	}
	s := t.t.UTC().Format("2006-01-02T15:04:05")
	if f := strings.TrimRight(t.fraction(), "0"); f != "" {
		s += "." + f
	}
	return s
}

// CompareVersions orders two versions of an object by instant, not by text: -1 if a is
// older than b, 0 if they are the same version, 1 if a is newer.
func CompareVersions(a, b *Object) int { return a.version().Compare(b.version()) }

// SameContent reports whether two objects say the same, whatever the order of
// their properties, their white space and the way their numbers are written
// (RFC 8785).
func SameContent(a, b *Object) bool {
	if bytes.Equal(a.raw, b.raw) {
		return true
	}
	x, err := jcs.Transform(a.raw)
	if err != nil {
		return false
	}
	y, err := jcs.Transform(b.raw)
	return err == nil && bytes.Equal(x, y)
}

// Conflict reports whether two objects claim to be the same version of the
// same object and differ. Neither may replace the other silently.
func Conflict(a, b *Object) bool {
	return a.id == b.id && CompareVersions(a, b) == 0 && !SameContent(a, b)
}

// fixed are the properties that no version changes (section 3.6.1).
var fixed = []string{"type", "id", "created", "created_by_ref", "spec_version"}

// NewVersion returns the next version of o: now becomes its modified, and
// changes replaces properties by name; a nil value takes one away. All other
// properties keep their bytes. The new version is always later than o, by a
// millisecond if now is not. An object that was revoked, and one of a type
// without versions, has no next version. Only the object's creator may make
// one; who that is, the caller must check.
func NewVersion(o *Object, now time.Time, changes map[string]any) (*Object, error) {
	fail := func(property string, r Reason) (*Object, error) {
		return nil, &Error{Object: o.id, Property: property, Reason: r}
	}
	if o.revoked {
		return fail("revoked", because("stix.version.revoked"))
	}
	if o.modified.IsZero() || o.created.IsZero() {
		return fail("modified", because("stix.version.none", o.typ))
	}
	for name := range changes {
		if slices.Contains(fixed, name) || name == "modified" {
			return fail(name, because("stix.version.fixed"))
		}
	}
	stamp := TimestampOf(now)
	if stamp.Compare(o.modified) <= 0 {
		stamp = TimestampOf(o.modified.Time().Add(time.Millisecond))
	}
	var w writer
	done := map[string]bool{"modified": true}
	for _, m := range o.members {
		if m.name == "modified" {
			w.value("modified", stamp.String())
			continue
		}
		v, changed := changes[m.name]
		done[m.name] = true
		switch {
		case !changed:
			w.value(m.name, json.RawMessage(m.value))
		case v != nil:
			w.value(m.name, v)
		}
	}
	var added []string
	for name, v := range changes {
		if !done[name] && v != nil {
			added = append(added, name)
		}
	}
	slices.Sort(added)
	for _, name := range added {
		w.value(name, changes[name])
	}
	return w.object()
}

// Revoke returns the last version of o, which withdraws it.
func Revoke(o *Object, now time.Time) (*Object, error) {
	return NewVersion(o, now, map[string]any{"revoked": true})
}
