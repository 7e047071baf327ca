package consent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// Thing is an object that a consultation or a request is about.
type Thing struct {
	ID        string
	Title     string
	Path      string // its page
	Body      []byte // STIX; nil if it is gone
	Handling  policy.Handling
	indicator bool // one of the cycle's, which the publisher marks
}

// find returns an object that the scope of tx may see, or fault.NotFound.
func find(tx *store.Tx, id string) (Thing, error) {
	i, err := indicator.Get(tx, id)
	if err == nil {
		return Thing{ID: id, Title: i.Title().EN, Path: web.Path("/indicators/{0}", id), Body: []byte(i.Body),
			Handling: i.Handling, indicator: true}, nil
	}
	if !fault.Is(err, fault.NotFound) {
		return Thing{}, err
	}
	o, err := object.Get(tx, event.Live, id)
	if fault.Is(err, fault.NotFound) {
		return Thing{}, fault.New(fault.NotFound, i18n.T("there is no such object, or it is not there for you",
			"オブジェクトが存在しないか、閲覧できません"))
	}
	if err != nil {
		return Thing{}, err
	}
	t := Thing{ID: id, Title: id, Body: o.Body, Handling: o.Handling}
	if s, err := stix.Parse(o.Body); err == nil {
		for _, name := range []string{"name", "value", "summary", "content"} {
			if v := s.Text(name); v != "" {
				t.Title = web.Defang(event.Clip(v, 200))
				break
			}
		}
	}
	return t, nil
}

// mark marks an object for its owner, whose viewer v is.
func (s *Service) mark(ctx context.Context, v policy.Viewer, t Thing, h policy.Handling) error {
	if v.Member == "" || v.Member != t.Handling.Owner {
		return fault.New(fault.NotFound, i18n.T("the object is not there any more", "オブジェクトは既に存在しません"))
	}
	if t.indicator {
		return s.Indicators.SetMarking(ctx, v, t.ID, h.TLP, h.Audience)
	}
	return s.DB.Write(ctx, store.System("consent: the owner marks its object"), func(tx *store.Tx) error {
		h.Owner = v.Member
		o, err := stix.Parse(t.Body)
		if err != nil || o.Modified().IsZero() {
			return s.Objects.SetHandling(tx, event.Live, t.ID, v.Member, h)
		}
		refs := slices.DeleteFunc(o.ObjectMarkingRefs(), func(id string) bool {
			_, tlp := stix.TLPName(id)
			return tlp
		})
		if id, ok := stix.TLPMarkingID(h.TLP.String()); ok {
			refs = append(refs, id)
		}
		at := tx.Now()
		if m := o.Modified().Time(); !at.After(m) {
			at = m.Add(time.Millisecond)
		}
		next, err := stix.NewVersion(o, at, map[string]any{"object_marking_refs": refs})
		if err != nil {
			return fmt.Errorf("mark %s: %w", t.ID, err)
		}
		out, err := s.Objects.Put(tx, []object.Item{{Object: next, Handling: h, Source: "consent"}})
		if err == nil {
			err = out[0].Err
		}
		return err
	})
}
