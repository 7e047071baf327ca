package pseudonym

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// cover gives objects of a member other ids and another creator.
type cover struct {
	s     *Service
	name  *stix.Object      // the pseudonym's identity
	ids   map[string]string // of the objects that are given, and of the identities among them
	words []string          // what would tell the member, folded
}

// cover returns how a member's objects are made nobody's. names are what it is called, and
// its domains.
func (s *Service) cover(member string, list []*stix.Object, names []string) (*cover, error) {
	name, err := s.Identity(member)
	if err != nil {
		return nil, err
	}
	c := &cover{s: s, name: name, ids: map[string]string{}}
	for _, o := range list {
		switch {
		case o.Type() == "identity":
			c.ids[o.ID()] = name.ID()
		case !o.Created().IsZero() && o.Type() != "marking-definition":
			c.ids[o.ID()] = o.Type() + "--" + s.uuid("object", member, o.ID())
		}
		if by := o.CreatedByRef(); by != "" {
			c.ids[by] = name.ID()
		}
	}
	for _, n := range names {
		if n = store.Fold(strings.TrimSpace(n)); len([]rune(n)) >= 3 {
			c.words = append(c.words, n)
		}
	}
	return c, nil
}

// object returns an object under its other id and creator. One in which the member's name or
// a domain of its own stands is refused: no rewriting could tell what else it says.
func (c *cover) object(o *stix.Object) (*stix.Object, error) {
	dec := json.NewDecoder(bytes.NewReader(o.Bytes()))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("read an object: %w", err)
	}
	doc, _ = c.replace(doc).(map[string]any)
	if !o.Created().IsZero() {
		doc["created_by_ref"] = c.name.ID()
	}
	if where := c.told(doc, ""); where != "" {
		return nil, fault.New(fault.Invalid, i18n.T("{0} holds your organisation's name or a domain of its own",
			"{0} に自組織の名称またはドメインが含まれています").With(where))
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write an object: %w", err)
	}
	next, err := stix.Parse(raw)
	if err != nil {
		return nil, err
	}
	if bad := stix.Validate(next); len(bad) > 0 {
		return nil, bad[0]
	}
	return next, nil
}

// replace puts the other ids in the place of those that are given, everywhere.
func (c *cover) replace(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			v[name] = c.replace(x)
		}
	case []any:
		for i, x := range v {
			v[i] = c.replace(x)
		}
	case string:
		if id, ok := c.ids[v]; ok {
			return id
		}
	}
	return v
}

// told returns where in a value the member is named; empty if nowhere.
func (c *cover) told(v any, at string) string {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if where := c.told(x, strings.TrimPrefix(at+"."+name, ".")); where != "" {
				return where
			}
		}
	case []any:
		for i, x := range v {
			if where := c.told(x, fmt.Sprintf("%s[%d]", at, i)); where != "" {
				return where
			}
		}
	case string:
		folded := store.Fold(v)
		for _, w := range c.words {
			if strings.Contains(folded, w) {
				return at
			}
		}
	}
	return ""
}
