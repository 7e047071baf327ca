package mispapi

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// searchKnown are the parameters of restSearch, without underscores. Those that ask how an
// answer is written, and have no meaning here, are taken and do nothing.
var searchKnown = set(`returnformat page limit value type category org tags tag eventtags quickfilter from to last
	eventid withattachments metadata uuid publishtimestamp timestamp published enforcewarninglist toids deleted
	includeeventuuid includeeventtags eventtimestamp sgreferenceonly eventinfo searchall requestedattributes
	includecontext headerless includesightings includedecayscore includecorrelations objectname excludedecayed
	sharinggroup threatlevelid includewarninglisthits attackgalaxy includegalaxy includerelatedtags eventinfo
	includeproposals objectrelation firstseen lastseen analysis distribution order sort direction includefullmodel
	includeservercorrelations extendevent excludelocaltags excludegalaxy datefrom dateuntil includeattachments scope
	includeallTags includealltags noticelist nosightings minimal simple`)

// candidates are the objects in which attributes that are asked for may be. A value that
// stands for itself is looked up; what no look-up answers is found by reading all.
func (c *call) candidates(tx *store.Tx, f attributeFilters) ([]object.Object, error) {
	var out []object.Object
	seen := map[int64]bool{}
	add := func(list []object.Object) {
		for _, o := range list {
			typ, _ := stix.SplitID(o.ID)
			if !seen[o.N] && slices.Contains(carriers, typ) {
				seen[o.N] = true
				out = append(out, o)
			}
		}
	}
	if f.uuids != nil && len(f.uuids.any) > 0 {
		var ids []string
		for _, u := range f.uuids.any {
			ids = append(ids, misp.CarrierIDs(strings.ToLower(u))...)
		}
		p, err := c.s.Objects.Read(tx, object.Ask{IDs: ids, Limit: object.MaxPage, Bodies: true})
		add(p.Objects)
		return out, err
	}
	if list, ok := lookups(f.values); ok {
		for _, v := range list {
			found, err := object.ByValue(tx, event.Live, v, object.MaxPage)
			if err != nil {
				return nil, err
			}
			add(found)
			var facts []string
			for _, o := range found {
				facts = append(facts, o.ID)
			}
			if found, err = object.ReferringAny(tx, event.Live, facts, []string{"observed-data"}); err != nil {
				return nil, err
			}
			add(found)
		}
	} else {
		for after := int64(0); ; {
			p, err := c.s.Objects.Read(tx, object.Ask{Types: carriers, After: after, Limit: 2000, Bodies: true})
			if err != nil {
				return nil, err
			}
			add(p.Objects)
			if !p.More {
				break
			}
			after = p.Upto
		}
	}
	slices.SortFunc(out, func(a, b object.Object) int { return int(a.N - b.N) })
	return out, nil
}

// lookups are the observables that values are; ok is false if one is none.
func lookups(values []string) (out []event.Observable, ok bool) {
	for _, s := range values {
		found := false
		for _, t := range []event.ObservableType{event.IPv4, event.IPv6, event.Domain, event.URL, event.Email,
			event.MD5,
			event.SHA1, event.SHA256} {
			if v, is := event.Canonical(t, s); is {
				found = true
				out = append(out, event.Observable{Type: t, Value: v})
			}
		}
		if !found {
			return nil, false
		}
	}
	return out, len(values) > 0
}

// found is an attribute that is asked for, and its event.
type found struct {
	part
	home *head
}

// many is from how many attributes on all events are read at once.
const many = 50

// attributes finds attributes, in the order in which they came first.
func (c *call) attributes(tx *store.Tx) ([]found, error) {
	f, err := c.attributeFilters()
	if err != nil {
		return nil, err
	}
	e, err := c.eventFilters(false)
	if err != nil {
		return nil, err
	}
	// These say something of attributes here.
	e.tags, e.uuids, e.timestamp, e.last = matching(c.value("event_tags"), false), nil, nil, nil
	if e.timestamp, err = c.span("event_timestamp"); err != nil {
		return nil, err
	}
	rows, err := c.candidates(tx, f)
	if err != nil {
		return nil, err
	}
	homes := c.homes()
	if len(rows) > many {
		if err := homes.fill(tx); err != nil {
			return nil, err
		}
	}
	// A value is found in every spelling: what was looked up needs no comparing.
	if _, ok := lookups(f.values); ok && f.uuids == nil {
		f = f.spelled()
	}
	name := matching(c.value("object_name"), true)
	var out []found
	for _, row := range rows {
		parts, err := partsOf(row)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			at := time.Unix(number(p.Fields["timestamp"]), 0)
			if p.Deleted() && !c.deleted() || !f.holds(p.Attribute, p.object.Labels(), at, row.Added()) {
				continue
			}
			if name != nil {
				in, err := c.objectName(tx, p)
				if err != nil {
					return nil, err
				}
				if !name.meets(in) {
					continue
				}
			}
			home, err := homes.of(tx, row, p.object)
			if err != nil {
				return nil, err
			}
			if home == nil || !e.holds(c, home) || !f.last.holds(home.Published(), row.Added()) {
				continue
			}
			out = append(out, found{p, home})
		}
	}
	return out, nil
}

// objectName is the name of the object of MISP that an attribute is in, or "".
func (c *call) objectName(tx *store.Tx, p part) (string, error) {
	ref := p.object.Text(misp.PropObjectRef)
	if ref == "" {
		return "", nil
	}
	rows, err := object.Own(tx, event.Live, p.row.Handling.Owner, []string{ref})
	if err != nil || len(rows) == 0 {
		return "", err
	}
	o, err := stix.Parse(rows[0].Body)
	if err != nil {
		return "", fmt.Errorf("read the object %s: %w", ref, err)
	}
	return o.Text("x_misp_name"), nil
}

// spelled returns the filters with values in the form in which they are compared too.
func (f attributeFilters) spelled() attributeFilters {
	f.value = &match{not: f.value.not}
	return f
}

func number(v any) int64 {
	t, ok := moment(scalar(v), time.Time{})
	if !ok {
		return 0
	}
	return t.Unix()
}

// searchAttributes is attributes/restSearch.
func (c *call) searchAttributes() (any, error) {
	if err := c.check(searchKnown); err != nil {
		return nil, err
	}
	var list []found
	said := map[string][]map[string]any{}
	err := c.seen(func(tx *store.Tx) (err error) {
		if list, err = c.attributes(tx); err != nil {
			return err
		}
		if list, err = page(c, list); err != nil || !c.flag("includeSightings") {
			return err
		}
		var ids []string
		for _, f := range list {
			ids = append(ids, f.row.ID)
		}
		said, err = c.saidOf(tx, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	switch format := c.text("returnFormat"); format {
	case "", "json":
		out := make([]any, len(list))
		for i, f := range list {
			f.Sightings = append(f.Sightings, said[f.row.ID]...)
			out[i] = c.writeAttribute(f.part, f.home)
		}
		return map[string]any{"response": map[string]any{"Attribute": out}}, nil
	case "csv":
		return writeCSV(list)
	case "text":
		var b strings.Builder
		for _, f := range list {
			b.WriteString(strings.NewReplacer("\r", " ", "\n", " ").Replace(f.Value()) + "\n")
		}
		return text{"text/plain; charset=UTF-8", []byte(b.String())}, nil
	case "stix2":
		var rows []object.Object
		for _, f := range list {
			rows = append(rows, f.row)
		}
		return c.bundle(rows)
	default:
		return nil, format1(format)
	}
}

func format1(s string) error {
	return invalid(fmt.Sprintf("The returnFormat %q is not known here: use json, csv, text or stix2.", s))
}

func writeCSV(list []found) (any, error) {
	var b bytes.Buffer
	rows := make([]misp.Located, len(list))
	for i, f := range list {
		rows[i] = misp.Located{Placed: misp.Placed{Attribute: f.Attribute}, Event: f.home.number}
	}
	err := misp.WriteCSV(&b, rows)
	return text{"text/csv; charset=UTF-8", b.Bytes()}, err
}

// bundle is objects as STIX, with the observables that they refer to.
func (c *call) bundle(rows []object.Object) (any, error) {
	var list []*stix.Object
	err := c.seen(func(tx *store.Tx) error {
		seen := map[string]bool{}
		var refs []string
		take := func(rows []object.Object) error {
			for _, r := range rows {
				o, err := stix.Parse(r.Body)
				if err != nil {
					return fmt.Errorf("read the object %s: %w", r.ID, err)
				}
				if !seen[o.ID()] {
					seen[o.ID()] = true
					list = append(list, o)
					refs = append(refs, o.Strings("object_refs")...)
				}
				if by := o.CreatedByRef(); by != "" {
					refs = append(refs, by)
				}
			}
			return nil
		}
		if err := take(rows); err != nil {
			return err
		}
		refs = slices.DeleteFunc(refs, func(id string) bool { return seen[id] })
		for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(refs))), 2000) {
			p, err := c.s.Objects.Read(tx, object.Ask{IDs: some, Limit: object.MaxPage, Bodies: true})
			if err != nil {
				return err
			}
			if err := take(p.Objects); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := stix.WriteBundle(&b, "", list...); err != nil {
		return nil, err
	}
	return text{"application/json; charset=UTF-8", b.Bytes()}, nil
}

// searchObjects is objects/restSearch: objects of MISP with an attribute that is asked for.
func (c *call) searchObjects() (any, error) {
	if err := c.check(searchKnown); err != nil {
		return nil, err
	}
	f, err := c.attributeFilters()
	if err != nil {
		return nil, err
	}
	e, err := c.eventFilters(false)
	if err != nil {
		return nil, err
	}
	f.uuids, f.changed, f.last, e.tags = nil, nil, nil, nil
	uuids, name := e.uuids, matching(c.value("object_name"), true)
	e.uuids = nil
	out := []any{}
	err = c.seen(func(tx *store.Tx) error {
		heads, err := c.heads(tx)
		if err != nil {
			return err
		}
		for _, h := range heads {
			if h.object.ID == "" || !e.holds(c, h) {
				continue
			}
			w, err := c.load(tx, h, false)
			if err != nil {
				return err
			}
			v := c.shown(h)
			v.Numbers = w.numbers
			for _, o := range w.Objects {
				if o.Deleted() && !c.deleted() || !uuids.meets(o.UUID()) || !name.meets(scalar(o.Fields["name"])) {
					continue
				}
				if f.any() && !slices.ContainsFunc(o.Attributes, func(a *misp.Attribute) bool {
					return f.holds(a, w.Tags())
				}) {
					continue
				}
				out = append(out, map[string]any{"Object": o.JSON(v, w.UUID())})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if out, err = page(c, out); err != nil {
		return nil, err
	}
	return map[string]any{"response": out}, nil
}
