package mispapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/share/misp/stored"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// head is an event without what is in it.
type head struct {
	*misp.Event
	number  string
	order   int64         // place among events: when it came first
	object  object.Object // its report; of a day, none
	refs    []string      // of a report that did not come from MISP
	day     int64
	stamp   time.Time // when it was last changed, as far as the viewer may see that
	arrived time.Time // when it last came, or came again
}

// settled is how long after a change its second is over for sure: a change that comes to
// light later has a later second. Until then an event has the time before it, so that who
// has pulled it in that second pulls it again.
const settled = 30 * time.Second

// stampOf is the time of a change as events have it, in whole seconds.
func stampOf(position int64, now time.Time) time.Time {
	if position == 0 {
		return time.Time{}
	}
	t := time.UnixMicro(position).UTC()
	whole := t.Truncate(time.Second)
	if now.Sub(t) < settled {
		return whole.Add(-time.Second)
	}
	return whole
}

// lonely is what objects do not have in them that are in no event.
const lonely = `"` + misp.PropEventRef + `"`

// space is what the uuids of days are made in.
var space = uuid.MustParse("0e2f4c9e-5b1d-5c55-8a7c-3f8f1f0b9a54")

func (s *service) dayUUID(day int64) string {
	return uuid.NewSHA1(space, fmt.Appendf(nil, "%s\x00day %d", s.org().UUID, day)).String()
}

// heads returns all events that the viewer may see, in the order in which they came first.
func (c *call) heads(tx *store.Tx) ([]*head, error) {
	var out []*head
	for after := int64(0); ; {
		p, err := c.s.Objects.Read(tx, object.Ask{Types: []string{"report", "grouping"}, After: after, Limit: 1000,
			Bodies: true})
		if err != nil {
			return nil, err
		}
		for _, o := range p.Objects {
			h, err := headOf(o)
			if err != nil {
				return nil, err
			}
			if h != nil {
				out = append(out, h)
			}
		}
		if !p.More {
			break
		}
		after = p.Upto
	}
	if err := c.stamp(tx, out); err != nil {
		return nil, err
	}
	days, err := c.s.Objects.Days(tx, event.Live, "indicator", lonely)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		out = append(out, c.dayHead(d))
	}
	slices.SortStableFunc(out, func(a, b *head) int { return int(a.order - b.order) })
	return out, nil
}

// headOf returns the event of a report or grouping; nil if that is a part of another.
func headOf(o object.Object) (*head, error) {
	report, err := stix.Parse(o.Body)
	if err != nil {
		return nil, fmt.Errorf("read the object %s: %w", o.ID, err)
	}
	if _, part := report.Raw(misp.PropPart); part || report.Revoked() {
		return nil, nil
	}
	h := &head{Event: misp.ToMISP(report, nil, time.Time{}), number: strconv.FormatInt(o.N, 10), order: o.N, object: o,
		arrived: o.Added()}
	if _, ok := report.Raw(misp.PropEvent); !ok {
		h.refs = report.Strings("object_refs")
	}
	return h, nil
}

// stamp finds when events were last changed. What is marked more strictly than the report
// has a time of its own, for those who may see it.
func (c *call) stamp(tx *store.Tx, list []*head) error {
	ids := make([]string, len(list))
	for i, h := range list {
		ids[i] = h.object.ID
	}
	touched, err := object.Touched(tx, event.Live, ids)
	if err != nil {
		return err
	}
	now := c.s.DB.Now()
	for _, h := range list {
		h.stamp = h.Timestamp()
		strict := int64(0)
		for _, t := range touched[h.object.ID] {
			if t.Owner == h.object.Handling.Owner && t.TLP > h.object.Handling.TLP {
				strict = max(strict, t.Last)
			}
			if at := time.UnixMicro(t.Last).UTC(); at.After(h.arrived) {
				h.arrived = at
			}
		}
		last := strict
		if h.refs != nil {
			last = max(last, h.object.Seq)
			for some := range slices.Chunk(h.refs, 2000) {
				p, err := c.s.Objects.Read(tx, object.Ask{IDs: some, Limit: object.MaxPage})
				if err != nil {
					return err
				}
				for _, o := range p.Objects {
					last = max(last, o.Seq)
				}
			}
			h.arrived = time.UnixMicro(max(last, h.arrived.UnixMicro())).UTC()
			h.stamp = time.Time{}
		}
		if t := stampOf(last, now); t.After(h.stamp) {
			h.stamp = t
		}
		h.Fields["timestamp"] = strconv.FormatInt(h.stamp.Unix(), 10)
	}
	return nil
}

// dayHead is the event of a day.
func (c *call) dayHead(d object.Day) *head {
	at := stampOf(d.Last, c.s.DB.Now())
	day := time.Unix(d.Day*86400, 0).UTC()
	stamp := strconv.FormatInt(at.Unix(), 10)
	return &head{number: strconv.FormatInt(d.Day, 10), order: d.Day * 86400 * 1e6, day: d.Day, stamp: at,
		arrived: time.UnixMicro(d.Last).UTC(), Event: &misp.Event{Fields: map[string]any{
			"uuid": c.s.dayUUID(d.Day), "info": c.s.Title + ": indicators of " + day.Format(time.DateOnly),
			"date": day.Format(time.DateOnly), "threat_level_id": "4", "analysis": "2", "distribution": "0",
			"published": true, "timestamp": stamp, "publish_timestamp": stamp}}}
}

// find returns the event of a uuid or a number.
func (c *call) find(tx *store.Tx, id string) (*head, error) {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		if n < maxDay {
			return c.findDay(tx, n)
		}
		o, err := object.Numbered(tx, n)
		if err != nil {
			return nil, missing("event")
		}
		return c.headed(tx, o)
	}
	if !isID(id) {
		return nil, missing("event")
	}
	for _, name := range []string{misp.ReportID(id), "grouping--" + id} {
		if o, err := object.Get(tx, event.Live, name); err == nil {
			return c.headed(tx, o)
		}
	}
	days, err := c.s.Objects.Days(tx, event.Live, "indicator", lonely)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		if c.s.dayUUID(d.Day) == id {
			return c.dayHead(d), nil
		}
	}
	return nil, missing("event")
}

// maxDay is more than any day since 1970, and less than any number of an object.
const maxDay = 1_000_000

func (c *call) findDay(tx *store.Tx, day int64) (*head, error) {
	days, err := c.s.Objects.Days(tx, event.Live, "indicator", lonely)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		if d.Day == day {
			return c.dayHead(d), nil
		}
	}
	return nil, missing("event")
}

func (c *call) headed(tx *store.Tx, o object.Object) (*head, error) {
	if typ, _ := stix.SplitID(o.ID); typ != "report" && typ != "grouping" || o.Realm != event.Live {
		return nil, missing("event")
	}
	h, err := headOf(o)
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, missing("event")
	}
	return h, c.stamp(tx, []*head{h})
}

// whole is an event with all that is in it.
type whole struct {
	*head
	numbers map[string]string // of attributes and objects, by uuid
	parts   []object.Object
}

// load reads what is in an event. Sightings are read if said is true.
func (c *call) load(tx *store.Tx, h *head, said bool) (*whole, error) {
	copied := *h
	w := &whole{head: &copied, numbers: map[string]string{}}
	var parts []object.Object
	stamp := h.Fields["timestamp"]
	if h.object.ID == "" {
		rows, err := c.s.Objects.OfDay(tx, event.Live, "indicator", lonely, h.day)
		if err != nil {
			return nil, err
		}
		parsed := make([]*stix.Object, 0, len(rows))
		for _, r := range rows {
			o, err := stix.Parse(r.Body)
			if err != nil {
				return nil, fmt.Errorf("read the object %s: %w", r.ID, err)
			}
			parsed = append(parsed, o)
		}
		if said {
			more, err := stored.Said(tx, event.Live, parsed)
			if err != nil {
				return nil, err
			}
			parsed = append(parsed, more...)
		}
		parts, w.Event = rows, misp.Loose(h.Fields, parsed, c.s.DB.Now())
	} else {
		e, err := stored.Load(tx, c.s.Objects, h.object, c.s.DB.Now(), said)
		if err != nil {
			return nil, err
		}
		parts, w.Event = e.Parts, e.Event
	}
	w.Fields["timestamp"] = stamp
	w.parts = parts
	byID := map[string]string{}
	for _, p := range parts {
		byID[p.ID[max(0, len(p.ID)-36):]] = strconv.FormatInt(p.N, 10)
	}
	for _, p := range w.All() {
		if n, ok := byID[misp.IDOf(p.UUID())]; ok {
			w.numbers[p.UUID()] = n
		}
	}
	for _, o := range w.Objects {
		if n, ok := byID[misp.IDOf(o.UUID())]; ok {
			w.numbers[o.UUID()] = n
		}
	}
	return w, nil
}

// shown is how an event is written for the viewer.
func (c *call) shown(h *head) misp.View {
	v := misp.View{ID: h.number, Org: c.s.org(), Deleted: c.deleted()}
	if h.object.ID != "" {
		v.Handling = h.object.Handling
	} else {
		v.Handling = policy.Handling{TLP: policy.AmberStrict}
	}
	return v
}

// deleted reports whether withdrawn attributes are asked for: 1, true, [0,1].
func (c *call) deleted() bool {
	return slices.ContainsFunc(texts(c.value("deleted")), func(s string) bool {
		s = strings.Trim(s, "[]")
		return strings.Contains(s, "1") || strings.EqualFold(s, "true") || strings.EqualFold(s, "only")
	})
}

// owned reports whether the viewer's organisation gave an object.
func (c *call) owned(o object.Object) bool {
	return o.ID != "" && o.Handling.Owner == c.v.Member && c.owner()
}

// owner reports whether the viewer is of an organisation that can own something.
func (c *call) owner() bool { return c.v.Member != "" || c.v.Hub }
