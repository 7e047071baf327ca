package mispapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
)

// eventFilters are those that ask for whole events.
type eventFilters struct {
	tags, orgs, ids, uuids, info, level, analysis, distribution *match
	timestamp, published, last                                  *span
	from, to                                                    string
	onlyPublished                                               string
}

// indexKnown are the parameters of events/index, without underscores.
var indexKnown = set(`minimal published tag tags searchtag org searchorg publishtimestamp timestamp eventinfo
	searcheventinfo datefrom dateuntil searchdatefrom searchdateuntil eventid searcheventid uuid hasproposal
	searchhasproposal sharinggroup email searchemail threatlevel searchthreatlevel distribution analysis attribute all
	searchall limit page sort direction order returnformat searchpublished dateuntil hasproposal value
	searchpublishtimestamp searchtimestamp searchminimal searchdistribution searchanalysis protected excludegalaxy
	excludelocaltags desc order locked`)

func (c *call) eventFilters(index bool) (f eventFilters, err error) {
	f.tags = matching(c.value("tag", "tags", "searchtag", "event_tags", "eventtags"), index)
	f.orgs = matching(c.value("org", "searchorg"), true)
	f.ids = matching(c.value("eventid", "searcheventid", "event_id"), true)
	f.uuids = matching(c.value("uuid"), true)
	if s := c.text("eventinfo", "searcheventinfo"); s != "" {
		f.info = &match{any: []string{"%" + strings.Trim(s, "%") + "%"}}
	}
	f.level = matching(c.value("threatlevel", "searchthreatlevel", "threat_level_id"), true)
	f.analysis = matching(c.value("analysis", "searchanalysis"), true)
	f.distribution = matching(c.value("distribution", "searchdistribution"), true)
	if f.timestamp, err = c.span("timestamp", "searchtimestamp", "event_timestamp"); err != nil {
		return f, err
	}
	if f.published, err = c.span("publish_timestamp", "searchpublishtimestamp"); err != nil {
		return f, err
	}
	if f.last, err = c.span("last"); err != nil {
		return f, err
	}
	for _, at := range []struct {
		to    *string
		names []string
	}{{&f.from, []string{"datefrom", "searchdatefrom", "from"}}, {&f.to, []string{"dateuntil", "searchdateuntil",
		"to"}}} {
		if s := c.text(at.names...); s != "" {
			t, ok := moment(s, c.s.DB.Now())
			if !ok {
				return f, invalid("The filter " + at.names[0] + " is no date.")
			}
			*at.to = t.Format(time.DateOnly)
		}
	}
	f.onlyPublished = c.text("published", "searchpublished")
	return f, nil
}

// holds reports whether an event is asked for. One that came later than it says it was
// changed is found by either, so that who asks for what is new misses nothing.
func (f eventFilters) holds(c *call, h *head) bool {
	org := c.s.org()
	if o, ok := h.Fields["Orgc"].(map[string]any); ok {
		org = misp.Organisation{Name: scalar(o["name"]), UUID: scalar(o["uuid"])}
	}
	published := h.Text("published") == "true" || h.Text("published") == "1"
	switch f.onlyPublished {
	case "1", "true", "True":
		if !published {
			return false
		}
	case "0", "false", "False":
		if published {
			return false
		}
	}
	date := h.Text("date")
	return f.tags.meets(h.Tags()...) && f.orgs.meets(org.Name, org.UUID, org.ID) &&
		f.ids.meets(h.number, h.UUID()) && f.uuids.meets(h.UUID()) && f.info.meets(h.Text("info")) &&
		f.level.meets(h.Text("threat_level_id")) && f.analysis.meets(h.Text("analysis")) &&
		f.distribution.meets(h.Text("distribution")) && f.timestamp.holds(h.stamp, h.arrived) &&
		f.published.holds(h.Published()) && f.last.holds(h.Published(), h.arrived) &&
		(f.from == "" || date >= f.from) && (f.to == "" || date <= f.to)
}

// page cuts a list by the parameters limit and page. Without a limit it is whole.
func page[T any](c *call, list []T) ([]T, error) {
	limit, err := c.count("limit", 0)
	if err != nil || limit == 0 {
		return list, err
	}
	n, err := c.count("page", 1)
	if err != nil {
		return nil, err
	}
	from := min((max(n, 1)-1)*limit, len(list))
	return list[from:min(from+limit, len(list))], nil
}

func (c *call) count(name string, missing int) (int, error) {
	s := c.text(name)
	if s == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1_000_000 {
		return 0, invalid("The parameter " + name + " is no number up to 1000000.")
	}
	return n, nil
}

// index lists events without what is in them.
func (c *call) index() (any, error) {
	if err := c.check(indexKnown); err != nil {
		return nil, err
	}
	f, err := c.eventFilters(true)
	if err != nil {
		return nil, err
	}
	var list []*head
	err = c.seen(func(tx *store.Tx) error {
		all, err := c.heads(tx)
		for _, h := range all {
			if err == nil && f.holds(c, h) {
				list = append(list, h)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c.sort(list)
	if list, err = page(c, list); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(list))
	for _, h := range list {
		m := h.JSON(c.shown(h))
		if c.flag("minimal", "searchminimal") {
			org, _ := m["Orgc"].(map[string]any)
			out = append(out, map[string]any{"id": m["id"], "uuid": m["uuid"], "timestamp": m["timestamp"],
				"sighting_timestamp": "0", "published": m["published"], "orgc_uuid": org["uuid"]})
			continue
		}
		tagged := []any{}
		tags, _ := m["Tag"].([]any)
		for _, t := range tags {
			tag, _ := t.(map[string]any)
			tagged = append(tagged, map[string]any{"event_id": m["id"], "tag_id": tag["id"], "local": false,
				"Tag": tag})
		}
		for _, k := range []string{"Attribute", "Object", "EventReport", "ShadowAttribute", "RelatedEvent", "Tag",
			"attribute_count", "CryptographicKey"} {
			delete(m, k)
		}
		m["EventTag"] = tagged
		out = append(out, m)
	}
	return out, nil
}

// sort sorts events as it is asked for; the order is that in which they came first.
func (c *call) sort(list []*head) {
	field := c.text("sort", "order")
	field, direction, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(field), "event."), " ")
	if d := c.text("direction"); d != "" {
		direction = strings.ToLower(d)
	}
	key := func(h *head) string { return "" }
	switch field {
	case "date", "info", "uuid":
		key = func(h *head) string { return h.Text(field) }
	case "timestamp", "publish_timestamp":
		key = func(h *head) string { return strings.Repeat("0", max(0, 20-len(h.Text(field)))) + h.Text(field) }
	}
	slices.SortStableFunc(list, func(a, b *head) int { return strings.Compare(key(a), key(b)) })
	if strings.TrimSpace(direction) == "desc" {
		slices.Reverse(list)
	}
}

// view shows one event.
func (c *call) view() (any, error) {
	var out map[string]any
	err := c.seen(func(tx *store.Tx) error {
		h, err := c.find(tx, c.id())
		if err != nil {
			return err
		}
		if c.r.Method == http.MethodHead {
			out = map[string]any{}
			return nil
		}
		out, err = c.write(tx, h, !c.flag("noSightings"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// write writes an event whole.
func (c *call) write(tx *store.Tx, h *head, said bool) (map[string]any, error) {
	w, err := c.load(tx, h, said)
	if err != nil {
		return nil, err
	}
	v := c.shown(h)
	v.Numbers = w.numbers
	m := w.JSON(v)
	if c.flag("excludeGalaxy") {
		m["Galaxy"] = []any{}
	}
	return map[string]any{"Event": m}, nil
}

// manifest is what a feed's manifest.json says of the events.
func (c *call) manifest() (any, error) {
	out := map[string]any{}
	err := c.seen(func(tx *store.Tx) error {
		list, err := c.heads(tx)
		for _, h := range list {
			out[h.UUID()] = misp.ManifestEntry(h.JSON(c.shown(h)))
		}
		return err
	})
	return out, err
}

// hashes is what a feed's hashes.csv says of the values.
func (c *call) hashes() (any, error) {
	var b strings.Builder
	err := c.seen(func(tx *store.Tx) error {
		list, err := c.heads(tx)
		if err != nil {
			return err
		}
		for _, h := range list {
			w, err := c.load(tx, h, false)
			if err != nil {
				return err
			}
			b.Write(misp.Hashes(w.Event))
		}
		return nil
	})
	return text{"text/csv; charset=UTF-8", []byte(b.String())}, err
}
