package mispapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// call is one request of a client.
type call struct {
	s     *service
	r     *http.Request
	ctx   context.Context
	v     policy.Viewer
	keyed bool // by a token, not by a browser's session
	path  string

	controller, action string
	args               []string
	named              map[string]string // as a:b in the path
	sent               any               // the body
}

// handler answers a call.
type handler func(*call) (any, error)

// reads are the calls that change nothing, by controller and action.
func reads() map[string]handler {
	return map[string]handler{
		"servers/getversion": (*call).version, "servers/getpymispversion": (*call).pyVersion,
		"users/view": (*call).user, "users/index": (*call).users, "roles/index": (*call).roles,
		"events/index": (*call).index, "events/view": (*call).view, "events/restsearch": (*call).searchEvents,
		"events/hashes": (*call).hashes, "events/manifest": (*call).manifest,
		"attributes/restsearch": (*call).searchAttributes, "attributes/view": (*call).viewAttribute,
		"attributes/index": (*call).searchAttributes, "attributes/describetypes": (*call).describeTypes,
		"objects/restsearch": (*call).searchObjects, "objects/view": (*call).viewObject,
		"tags/index": (*call).tags, "tags/search": (*call).tags, "tags/view": (*call).viewTag,
		"sightings/listsightings": (*call).sightings, "sightings/index": (*call).sightings,
		"sightings/restsearch": (*call).sightings,
		"eventreports/index":   (*call).reports, "eventreports/view": (*call).viewReport,
		"organisations/index": (*call).organisations, "organisations/view": (*call).organisation,
		"sharinggroups/index":       empty(map[string]any{"response": []any{}}),
		"warninglists/index":        empty(map[string]any{"Warninglists": []any{}}),
		"warninglists/checkvalue":   empty([]any{}),
		"noticelists/index":         empty([]any{}),
		"feeds/index":               empty([]any{}),
		"taxonomies/index":          empty([]any{}),
		"galaxies/index":            empty([]any{}),
		"galaxyclusters/restsearch": empty(map[string]any{"response": []any{}}),
		"galaxyclusters/index":      empty([]any{}),
		"shadowattributes/index":    empty([]any{}),
		"objecttemplates/index":     empty([]any{}),
		"communities/index":         empty([]any{}),
		"decayingmodel/index":       empty([]any{}),
		"eventblocklists/index":     empty([]any{}),
		"orgblocklists/index":       empty([]any{}),
		"analystdata/indexminimal":  empty(map[string]any{}),
		"servers/index":             empty([]any{}),
		"usersettings/index":        empty([]any{}),
	}
}

// writes are the calls that change something, for analysts with a token.
func writes() map[string]handler {
	return map[string]handler{
		"events/add": (*call).addEvent, "events/edit": (*call).editEvent, "events/delete": (*call).deleteEvent,
		"events/publish": (*call).publish, "events/alert": (*call).publish, "events/unpublish": (*call).unpublish,
		"events/addtag": (*call).attachTag, "events/removetag": (*call).removeTag,
		"attributes/add": (*call).addAttribute, "attributes/edit": (*call).editAttribute,
		"attributes/delete": (*call).deleteAttribute, "attributes/restore": (*call).restoreAttribute,
		"attributes/addtag": (*call).attachTag, "attributes/removetag": (*call).removeTag,
		"objects/add": (*call).addObject, "objects/edit": (*call).editObject, "objects/delete": (*call).deleteObject,
		"objectreferences/add": (*call).addReference, "objectreferences/delete": (*call).deleteReference,
		"tags/add": (*call).addTag, "tags/attachtagtoobject": (*call).attachTag,
		"tags/removetagfromobject": (*call).removeTag,
		"sightings/add":            (*call).addSighting, "sightings/delete": (*call).deleteSighting,
		"eventreports/add": (*call).addReport, "eventreports/edit": (*call).editReport,
		"eventreports/delete":  (*call).deleteReport,
		"shadowattributes/add": noProposals, "shadowattributes/edit": noProposals,
		"shadowattributes/delete": noProposals,
	}
}

// noProposals refuses changes that somebody proposes: only who gave an event changes it.
func noProposals(*call) (any, error) {
	return nil, &refusal{status: http.StatusForbidden, name: "Proposals are not taken here.",
		message: "Only the organisation that gave an event changes it. Report a sighting, or add an event of your own."}
}

func empty(v any) handler { return func(*call) (any, error) { return v, nil } }

// answer finds the handler of a request and calls it.
func (c *call) answer() (any, error) {
	if err := c.read(); err != nil {
		return nil, err
	}
	name := c.controller + "/" + c.action
	if h, ok := reads()[name]; ok {
		return h(c)
	}
	h, ok := writes()[name]
	switch {
	case !ok:
		return nil, &refusal{status: http.StatusNotFound, name: "The requested address '" + c.path +
			"' was not found on this server.",
			message: "This server answers the calls of MISP's API that exchange events."}
	case c.r.Method != http.MethodPost && c.r.Method != http.MethodPut && c.r.Method != http.MethodDelete:
		return nil, &refusal{status: http.StatusMethodNotAllowed,
			name: "This function is only accessible via POST requests."}
	case c.s.ReadOnly:
		return nil, &refusal{status: http.StatusForbidden, name: "This server serves what it received.",
			message: "A node serves what it received. Add at the hub, which shares it."}
	case !c.keyed: // a browser's session is used by any page that the person has open
		return nil, denied()
	case c.v.Role != policy.RoleAnalyst && c.v.Role != policy.RoleCoordinator && c.v.Role != policy.RoleAdmin:
		return nil, denied()
	}
	return h(c)
}

// read takes the address and the body apart.
func (c *call) read() error {
	c.named = map[string]string{}
	rest := strings.TrimPrefix(strings.TrimPrefix(c.r.URL.EscapedPath(), strings.TrimSuffix(Address, "/")), "/")
	var parts []string
	for s := range strings.SplitSeq(rest, "/") {
		p, err := url.PathUnescape(s)
		if err != nil || len(p) > 2000 {
			return invalid("The address cannot be read.")
		}
		if k, v, ok := strings.Cut(p, ":"); ok && len(parts) > 0 {
			c.named[strings.ToLower(k)] = strings.ReplaceAll(v, "+", " ")
		} else if p != "" {
			parts = append(parts, p)
		}
	}
	for k, v := range c.r.URL.Query() {
		c.named[strings.ToLower(k)] = v[0]
	}
	if len(parts) > 0 {
		parts[len(parts)-1] = strings.TrimSuffix(parts[len(parts)-1], ".json")
	}
	switch len(parts) {
	case 0:
		parts = []string{"servers", "getVersion"}
	case 1:
		parts = append(parts, c.plain(parts[0]))
	}
	c.controller = strings.ToLower(strings.ReplaceAll(parts[0], "_", ""))
	c.action = strings.ToLower(strings.ReplaceAll(parts[1], "_", ""))
	c.args = parts[2:]
	if isID(parts[1]) { // events/5 is events/view/5
		c.action, c.args = map[string]string{http.MethodPut: "edit", http.MethodDelete: "delete",
			http.MethodPost: "edit"}[c.r.Method], parts[1:]
		if c.action == "" {
			c.action = "view"
		}
	}
	return c.readBody()
}

// plain is the action of an address that names none: a feed's files, or a list.
func (c *call) plain(first string) string {
	if c.r.Method == http.MethodPost && first == "events" {
		return "add"
	}
	return "index"
}

func (c *call) readBody() error {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return nil
	}
	raw, err := io.ReadAll(c.r.Body)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if deep(raw) {
		return invalid("The JSON is nested too deeply.")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&c.sent); err != nil {
		return invalid("The body is no JSON: " + err.Error())
	}
	if m, ok := c.sent.(map[string]any); ok && len(m) == 1 { // {"request": {…}}
		if inner, ok := m["request"].(map[string]any); ok {
			c.sent = inner
		}
	}
	return nil
}

// deep reports whether JSON is nested more than any request of MISP.
func deep(raw []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch b := raw[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			if depth++; depth > 40 {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

// isID reports whether a part of an address names a thing: a number or a uuid.
func isID(s string) bool {
	if _, err := strconv.ParseUint(s, 10, 63); err == nil {
		return true
	}
	return len(s) == 36 && strings.Count(s, "-") == 4
}

// id is the thing that the address names.
func (c *call) id() string {
	if len(c.args) > 0 {
		return strings.ToLower(c.args[0])
	}
	return ""
}

// body is what was sent, if it is an object.
func (c *call) body() map[string]any {
	m, _ := c.sent.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	return m
}

// value returns a parameter: of the body, else of the address.
func (c *call) value(names ...string) any {
	for _, n := range names {
		for k, v := range c.body() {
			if strings.EqualFold(k, n) && v != nil && v != "" {
				return v
			}
		}
		if v := c.named[strings.ToLower(n)]; v != "" {
			return v
		}
	}
	return nil
}

func (c *call) text(names ...string) string { return scalar(c.value(names...)) }

// flag reads a parameter as yes or no.
func (c *call) flag(names ...string) bool {
	s := c.text(names...)
	return s != "" && s != "0" && !strings.EqualFold(s, "false")
}

// scalar is a JSON value as text.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// seen runs fn on what the viewer may see.
func (c *call) seen(fn func(tx *store.Tx) error) error {
	return c.s.DB.Read(c.ctx, store.As(c.v), fn)
}

// moment reads a time: seconds since 1970, a date, or how long ago: 5m, 12h, 7d.
func moment(s string, now time.Time) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil && n >= 0 && n < 1e11 {
		return time.Unix(int64(n), 0).UTC(), true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	if s == "" {
		return time.Time{}, false
	}
	unit, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour,
		'w': 7 * 24 * time.Hour}[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 20)
	if !ok || err != nil {
		return time.Time{}, false
	}
	return now.Add(-time.Duration(n) * unit), true //nolint:gosec // bounded by 20 bits
}

// span is a stretch of time that a filter asks for; nil asks for none.
type span struct{ from, to time.Time }

func (s *span) holds(times ...time.Time) bool {
	return s == nil || slices.ContainsFunc(times, func(t time.Time) bool {
		return !t.IsZero() && !t.Before(s.from) && (s.to.IsZero() || !t.After(s.to))
	})
}

// span reads a filter of time: one moment, from which on, or two.
func (c *call) span(names ...string) (*span, error) {
	v := c.value(names...)
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := &span{}
	for i, x := range list {
		t, ok := moment(scalar(x), c.s.DB.Now())
		switch {
		case !ok || i > 1:
			return nil, invalid("The filter " + names[0] + " is no time: give seconds since 1970, a date, or 7d.")
		case i == 0:
			out.from = t
		default:
			out.to = t
		}
	}
	if !out.to.IsZero() && out.to.Before(out.from) {
		out.from, out.to = out.to, out.from
	}
	return out, nil
}
