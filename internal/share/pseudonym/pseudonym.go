// Package pseudonym takes objects whose giver is not to be known to those who get them. The
// hub keeps them as its own, under a name that is the same for all that a member gives in
// this way and that tells nothing else. Only the giver's people and the hub's coordinators
// see who it is.
//
// Nobody may change who created an object (STIX 2.1, section 3.6.2), so what is given becomes
// another object: with an id of its own, made out of the old one by a key that only the hub
// has, so that the giver's next version is the next version here too.
package pseudonym

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

//go:embed sql templates
var files embed.FS

// Migration is the table of who gave what.
func Migration() store.Migration { return store.Migration{Name: "pseudonym", FS: files} }

// Templates are the pages.
func Templates() fs.FS { return files }

// Members is the community, as a directory of package identity has it.
type Members interface{ identity.Names }

// Config is what a Service stands on.
type Config struct {
	DB      *store.DB
	Objects *object.Store
	Members Members
	// Domains returns the domains that belong to a member.
	Domains func(ctx context.Context, member string) ([]string, error)
	Notify  func() // called after something changed that a page shows
}

// Service takes objects under pseudonyms. It is safe for concurrent use.
type Service struct {
	Config
	key []byte // set by start
}

// New returns a Service.
func New(c Config) *Service { return &Service{Config: c} }

// settingKey holds what pseudonyms and ids are made by.
const settingKey = "pseudonym.key"

// start reads the key, and makes it the first time.
func (s *Service) start(ctx context.Context) error {
	text, ok, err := s.DB.Setting(ctx, settingKey)
	if err != nil {
		return err
	}
	if !ok {
		b := make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		text = hex.EncodeToString(b)
		if err := s.DB.SetSetting(ctx, settingKey, text); err != nil {
			return err
		}
	}
	s.key, err = hex.DecodeString(text)
	return err
}

// uuid returns a UUID that stands for some words, and that nobody without the key can make.
func (s *Service) uuid(words ...string) string {
	mac := hmac.New(sha256.New, s.key)
	for _, w := range words {
		fmt.Fprintf(mac, "%d:%s", len(w), w)
	}
	var u uuid.UUID
	copy(u[:], mac.Sum(nil))
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80 // of version 4
	return u.String()
}

// Identity returns the identity object of a member's pseudonym.
func (s *Service) Identity(member string) (*stix.Object, error) {
	id := s.uuid("identity", member)
	at := stix.TimestampOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) // tells nothing
	o, err := stix.Identity{Common: stix.Common{ID: "identity--" + id, Created: at, Modified: at},
		Name: "Contributor " + strings.ToUpper(id[:8]), Class: "organization"}.Object()
	if err != nil {
		return nil, fmt.Errorf("make a pseudonym: %w", err)
	}
	return o, nil
}

// Given is an object that was given under a pseudonym, as its giver sees it.
type Given struct {
	Object   string          `db:"object"`
	Label    string          `db:"label"`
	At       time.Time       `db:"at"`
	Handling policy.Handling `db:",handling"`
}

// List returns what was given, the latest first: to a member its own, to the hub's
// coordinators all.
func List(tx *store.Tx) ([]Given, error) {
	return store.Query[Given](tx, `SELECT p.object, p.label, p.at, p.tlp, p.owner, p.audience
		FROM pseudonym_object p WHERE SCOPE(p) ORDER BY p.at DESC, p.object LIMIT 500`)
}

// Outcome is what became of one object.
type Outcome struct {
	Was string // its id, as it was given
	ID  string // its id here; empty if it was refused
	Err error
}

// maxObjects is how many objects are given at a time.
const maxObjects = 200

// Give takes STIX objects for v's member: a bundle, one object, or a list. Each is taken or
// refused on its own; the identity objects among them are left out.
func (s *Service) Give(ctx context.Context, v policy.Viewer, text string, tlp policy.TLP,
	audience policy.Audience) ([]Outcome, error) {
	if v.Member == "" || !identity.AtLeast(v.Role, policy.RoleAnalyst) {
		return nil, fault.New(fault.Denied, i18n.T("an analyst of a member does this",
			"この操作は構成員の分析担当者が行います"))
	}
	switch {
	case tlp == policy.Red || !tlp.Known():
		return nil, fault.New(fault.Invalid, i18n.T("choose a label other than TLP:RED, which is for named persons",
			"TLP:RED 以外の区分を選んでください（RED は個人を指定する区分です）"))
	case strings.TrimSpace(text) == "":
		return nil, fault.New(fault.Invalid, i18n.T("this must be filled in", "入力してください"))
	}
	if err := marking.Check(audience); err != nil {
		return nil, err
	}
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "["):
		text = `{"type":"bundle","id":"bundle--` + uuid.NewString() + `","objects":` + text + `}`
	case !strings.Contains(text, `"bundle"`):
		text = `{"type":"bundle","id":"bundle--` + uuid.NewString() + `","objects":[` + text + `]}`
	}
	list, errs := stix.ParseBundle(strings.NewReader(text), stix.Limits{Bytes: 4 << 20, Objects: maxObjects})
	var out []Outcome
	for _, err := range errs {
		out = append(out, Outcome{Err: err})
	}
	domains, err := s.Domains(ctx, v.Member)
	if err != nil {
		return nil, err
	}
	c, err := s.cover(v.Member, list, append(domains, s.Members.Name(ctx, v.Member)))
	if err != nil {
		return nil, err
	}
	unmarked := policy.Handling{TLP: tlp, Audience: audience}
	var items []object.Item
	for _, o := range list {
		if o.Type() == "identity" {
			continue // it is what must not be told
		}
		next, err := c.object(o)
		if err != nil {
			out = append(out, Outcome{Was: o.ID(), Err: err})
			continue
		}
		d := marked.Of(next, marked.Among(list), unmarked, s.DB.Now())
		d = policy.Combine(d, policy.Decision{Handling: unmarked}) // what is chosen here is not widened
		items = append(items, object.Item{Object: next, Handling: d.Handling, Source: "pseudonym", Held: true})
		out = append(out, Outcome{Was: o.ID(), ID: next.ID()})
	}
	return out, s.keep(ctx, v, c.name, items, out)
}

// keep stores what was given, and who gave it for those who may know.
func (s *Service) keep(ctx context.Context, v policy.Viewer, name *stix.Object, items []object.Item,
	out []Outcome) error {
	if len(items) == 0 {
		return nil
	}
	err := s.DB.Write(ctx, store.System("pseudonym: the hub keeps it as its own"), func(tx *store.Tx) error {
		all := append([]object.Item{{Object: name, Handling: policy.Handling{TLP: policy.Green}, Source: "pseudonym"}},
			items...)
		done, err := s.Objects.Put(tx, all)
		if err != nil {
			return err
		}
		for i, o := range done[1:] {
			it := items[i].Object
			if o.Err != nil {
				for k := range out {
					if out[k].ID == it.ID() {
						out[k].ID, out[k].Err = "", o.Err
					}
				}
				continue
			}
			if _, err := tx.Exec(`DELETE FROM pseudonym_object WHERE object = $1 AND SCOPE(pseudonym_object)`,
				it.ID()); err != nil {
				return err
			}
			if err := store.Insert(tx, "pseudonym_object", []Given{{it.ID(), label(it), tx.Now(),
				knows(v.Member)}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.Notify()
	}
	return err
}

// knows is the handling of who gave a thing: for its people and the hub's coordinators.
func knows(member string) policy.Handling {
	return policy.Handling{TLP: policy.Red, Owner: member, Audience: policy.Audience{policy.Coordinators}}
}

func label(o *stix.Object) string {
	for _, name := range []string{"name", "value", "pattern", "content"} {
		if t := o.Text(name); t != "" {
			return event.Clip(t, 200)
		}
	}
	return o.Type()
}

// Withdraw revokes an object that v's member gave: it is told to all who have it.
func (s *Service) Withdraw(ctx context.Context, v policy.Viewer, id string) error {
	none := fault.New(fault.NotFound, i18n.T("there is no such object, or it is not there for you",
		"オブジェクトが存在しないか、閲覧できません"))
	err := s.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		list, err := store.Query[string](tx, `SELECT p.object FROM pseudonym_object p WHERE p.object = $1
			AND p.owner = $2 AND SCOPE(p)`, id, v.Member)
		if err == nil && (len(list) == 0 || v.Member == "" || !identity.AtLeast(v.Role, policy.RoleAnalyst)) {
			return none
		}
		return err
	})
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, store.System("pseudonym: its giver withdraws it"), func(tx *store.Tx) error {
		o, err := object.Get(tx, event.Live, id)
		if err != nil {
			return err
		}
		old, err := stix.Parse(o.Body)
		if err != nil {
			return fmt.Errorf("read %s: %w", id, err)
		}
		if old.Revoked() {
			return nil
		}
		if old.Modified().IsZero() {
			return s.Objects.Delete(tx, event.Live, id, "")
		}
		next, err := stix.NewVersion(old, tx.Now(), map[string]any{"revoked": true})
		if err != nil {
			return fmt.Errorf("revoke %s: %w", id, err)
		}
		out, err := s.Objects.Put(tx, []object.Item{{Object: next, Handling: o.Handling, Source: "pseudonym"}})
		if err == nil {
			err = out[0].Err
		}
		return err
	})
	if err == nil {
		s.Notify()
	}
	return err
}
