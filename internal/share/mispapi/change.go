package mispapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/share/misp/stored"
	"github.com/meneki/meneki/internal/store"
)

// write runs fn as the system: what the viewer's organisation gave is changed, though it
// may be marked for people alone.
func (c *call) writing(fn func(tx *store.Tx) error) error {
	return c.s.DB.Write(c.ctx, store.System("misp: "+c.action), fn)
}

// source is what objects came by.
func (c *call) source() string { return "misp " + c.v.Member }

// mine returns the event of a uuid that the viewer's organisation gave; ok is false if it
// gave none.
func (c *call) mine(tx *store.Tx, id string) (e stored.Event, ok bool, err error) {
	rows, err := object.Own(tx, event.Live, c.v.Member, []string{misp.ReportID(id)})
	if err != nil || len(rows) == 0 {
		return e, false, err
	}
	if e, err = stored.Load(tx, c.s.Objects, rows[0], c.s.DB.Now(), false); err != nil {
		return e, false, err
	}
	for _, p := range e.All() {
		if p.Off { // as it was given
			p.Fields["to_ids"] = true
		}
	}
	return e, true, nil
}

// visible reports whether the viewer may see somebody's event of a uuid.
func (c *call) visible(tx *store.Tx, id string) (bool, error) {
	rows, err := object.Given(tx, event.Live, misp.ReportID(id))
	return slices.ContainsFunc(rows, func(o object.Object) bool { return policy.MaySee(c.v, o.Handling) }), err
}

// target returns the uuid of the event that an address names.
func (c *call) target(id string) (out string, err error) {
	if !isID(id) {
		return "", missing("event")
	}
	if strings.Contains(id, "-") {
		return id, nil
	}
	err = c.seen(func(tx *store.Tx) error {
		h, err := c.find(tx, id)
		if err != nil {
			return err
		}
		if h.object.ID == "" {
			return denied()
		}
		out = h.UUID()
		return nil
	})
	return out, err
}

// change changes an event that the viewer's organisation gave: fn does it, on the event as
// it is. An event of somebody else's may not be changed; one that the viewer may not see is
// not there.
func (c *call) change(id string, fn func(e *misp.Event, now time.Time) error) (*misp.Event, error) {
	id, err := c.target(id)
	if err != nil {
		return nil, err
	}
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	var out *misp.Event
	err = c.writing(func(tx *store.Tx) error {
		e, ok, err := c.mine(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			if seen, err := c.visible(tx, id); err != nil || seen {
				return orDenied(err)
			}
			return missing("event")
		}
		out = e.Event
		if err := fn(out, tx.Now()); err != nil {
			return err
		}
		touch(out, tx.Now())
		return c.put(tx, out, options)
	})
	return out, err
}

func orDenied(err error) error {
	if err != nil {
		return err
	}
	return denied()
}

// touch notes that an event was changed: its time is always later than before.
func touch(e *misp.Event, now time.Time) {
	at := now.Unix()
	if was := e.Timestamp().Unix(); at <= was {
		at = was + 1
	}
	e.Fields["timestamp"] = strconv.FormatInt(at, 10)
}

func (c *call) options() (misp.Options, error) {
	var own exclusion.CommunityAssets
	if c.s.Own != nil {
		var err error
		if own, err = c.s.Own(c.ctx); err != nil {
			return misp.Options{}, err
		}
	}
	return misp.Options{Excluded: misp.Excluded(own, c.s.Warn.Lists())}, nil
}

func (c *call) put(tx *store.Tx, e *misp.Event, o misp.Options) error {
	out, err := stored.Put(tx, c.s.Objects, e, o, stored.Giver{Owner: c.v.Member, Source: c.source()}, false)
	if err == nil && out.Stale {
		return &refusal{status: http.StatusForbidden, name: "Could not edit event",
			message: "Event could not be saved: Event in the request not newer than the local copy."}
	}
	return err
}

// shows answers with an event as the viewer sees it; one that is marked for people alone
// is shown as it was given.
func (c *call) shows(e *misp.Event) (any, error) {
	var out map[string]any
	err := c.seen(func(tx *store.Tx) error {
		h, err := c.find(tx, e.UUID())
		if err == nil && c.owned(h.object) {
			out, err = c.write(tx, h, false)
		}
		return err
	})
	if out != nil {
		return out, nil
	}
	if no, ok := err.(*refusal); err != nil && (!ok || no.status != http.StatusNotFound) {
		return nil, err
	}
	return map[string]any{"Event": e.JSON(misp.View{Org: c.s.org(), Handling: e.Handling(nil)})}, nil
}

// given reads the event that was sent.
func (c *call) given() (*misp.Event, error) {
	raw, err := json.Marshal(c.sent)
	if err != nil {
		return nil, err
	}
	list, notes, err := misp.Read(strings.NewReader(string(raw)), misp.Limits{Events: 1})
	switch {
	case err != nil:
		return nil, err
	case len(list) != 1:
		why := "There is no event in the request."
		if len(notes) > 0 {
			why = notes[0].String()
		}
		return nil, invalid(why)
	}
	e := list[0]
	for _, p := range e.All() {
		if err := typed(p.Fields); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// typed refuses an attribute of a type that MISP does not have.
func typed(f map[string]any) error {
	name := scalar(f["type"])
	t, ok := misp.TypeOf(name)
	if !ok {
		return &refusal{status: http.StatusForbidden, name: "Could not add Attribute",
			errors: map[string]any{"type": []string{"Options depend on the selected category; " + name +
				" is no type."}}}
	}
	if scalar(f["category"]) == "" {
		f["category"] = t.Category
	}
	return nil
}

// fresh gives what was sent what a server adds: uuids, and times.
func fresh(e *misp.Event, now time.Time) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	add := func(f map[string]any) {
		if scalar(f["uuid"]) == "" {
			f["uuid"] = uuid.NewString()
		}
		if n := scalar(f["timestamp"]); n == "" || n == "0" {
			f["timestamp"] = stamp
		}
	}
	add(e.Fields)
	if scalar(e.Fields["date"]) == "" {
		e.Fields["date"] = now.Format(time.DateOnly)
	}
	for _, o := range e.Objects {
		add(o.Fields)
		refs, _ := o.Fields["ObjectReference"].([]any)
		for _, r := range refs {
			if m, ok := r.(map[string]any); ok {
				add(m)
			}
		}
	}
	for _, p := range e.All() {
		add(p.Fields)
	}
	for _, r := range e.Reports {
		add(r.Fields)
	}
}

// addEvent adds an event. The same again changes nothing; a newer version of one that the
// organisation gave replaces what is in it and leaves what is not.
func (c *call) addEvent() (any, error) {
	e, err := c.given()
	if err != nil {
		return nil, err
	}
	if scalar(e.Fields["info"]) == "" {
		return nil, &refusal{status: http.StatusForbidden, name: "Could not add Event",
			errors: map[string]any{"info": []string{"Info cannot be empty."}}}
	}
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	var out *misp.Event
	err = c.writing(func(tx *store.Tx) error {
		id := e.UUID()
		if id != "" {
			old, ok, err := c.mine(tx, id)
			switch {
			case err != nil:
				return err
			case ok:
				out = old.Event
				return c.merge(tx, out, e, options)
			}
			if seen, err := c.visible(tx, id); err != nil || seen {
				return orDenied(err)
			}
		}
		fresh(e, tx.Now())
		out = e
		return c.put(tx, e, options)
	})
	if err != nil {
		return nil, err
	}
	return c.shows(out)
}

// editEvent changes an event.
func (c *call) editEvent() (any, error) {
	body := c.body()
	if inner, ok := body["Event"].(map[string]any); ok {
		body = inner
	}
	if body["info"] == nil { // a change may leave it out
		body["info"] = ""
	}
	newer, err := c.given()
	if err != nil {
		return nil, err
	}
	if scalar(newer.Fields["info"]) == "" {
		delete(newer.Fields, "info")
	}
	id, err := c.target(orText(c.id(), newer.UUID()))
	if err != nil {
		return nil, err
	}
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	var out *misp.Event
	err = c.writing(func(tx *store.Tx) error {
		old, ok, err := c.mine(tx, id)
		switch {
		case err != nil:
			return err
		case ok:
			out = old.Event
			return c.merge(tx, out, newer, options)
		}
		if seen, err := c.visible(tx, id); err != nil || seen {
			return orDenied(err)
		}
		return missing("event")
	})
	if err != nil {
		return nil, err
	}
	return c.shows(out)
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// deleteEvent removes an event, with all that is in it.
func (c *call) deleteEvent() (any, error) {
	id, err := c.target(c.id())
	if err != nil {
		return nil, err
	}
	err = c.writing(func(tx *store.Tx) error {
		e, ok, err := c.mine(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			if seen, err := c.visible(tx, id); err != nil || seen {
				return orDenied(err)
			}
			return missing("event")
		}
		for _, p := range append(e.Parts, e.Head) {
			err := c.s.Objects.Delete(tx, event.Live, p.ID, c.v.Member)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return done("Event deleted."), nil
}

func done(message string) map[string]any {
	return map[string]any{"saved": true, "success": true, "name": message, "message": message, "url": ""}
}

// publish notes that an event is published.
func (c *call) publish() (any, error) {
	e, err := c.change(c.id(), func(e *misp.Event, now time.Time) error {
		e.Fields["published"] = true
		e.Fields["publish_timestamp"] = strconv.FormatInt(now.Unix(), 10)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := done("Event published without alerts.")
	out["id"] = e.UUID()
	return out, nil
}

func (c *call) unpublish() (any, error) {
	_, err := c.change(c.id(), func(e *misp.Event, _ time.Time) error {
		e.Fields["published"] = false
		return nil
	})
	if err != nil {
		return nil, err
	}
	return done("Event unpublished."), nil
}
