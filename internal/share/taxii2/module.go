package taxii2

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/taxii"
)

// ModuleConfig is what a hub's or a node's TAXII server stands on.
type ModuleConfig struct {
	DB      *store.DB
	Objects *object.Store
	Title   func() string // of the hub or the member
	Log     *slog.Logger
	// Name returns what names the collections, once and for all, and no others anywhere.
	Name func(context.Context) (string, error)
	// Contribute offers members a collection to add objects to.
	Contribute bool
}

// Address is where TAXII clients find the server.
const Address = "/taxii2/"

// apiRoot is the name of the one API root.
const apiRoot = "api"

// settingKey holds what seals the cursors of pages, the same for all processes on a database.
const settingKey = "taxii.key"

// Module serves objects as TAXII 2.1 to whoever has an API token or a session. The tables of
// objects are another module's.
func Module(c ModuleConfig) role.Module {
	s := &service{ModuleConfig: c}
	return role.Module{
		Name:       "taxii",
		Migrations: []store.Migration{Migration()},
		Pages:      s.pages,
		Jobs: map[string]func(context.Context) error{"prune-taxii": func(ctx context.Context) error {
			return Prune(ctx, c.DB)
		}},
		Start: s.start,
	}
}

type service struct {
	ModuleConfig
	server atomic.Pointer[taxii.Server] // nil until Start
}

// contributed is whom a label discloses what a member adds to: AMBER+STRICT is for the hub
// itself, which it is given to, and not for its members.
func contributed(label policy.TLP) policy.Audience {
	if label == policy.AmberStrict || label == policy.Red {
		return policy.Audience{policy.Coordinators}
	}
	return policy.Audience{policy.Community}
}

// start makes the server.
func (s *service) start(ctx context.Context) error {
	key, err := s.key(ctx)
	if err != nil {
		return err
	}
	name, err := s.Name(ctx)
	if err != nil {
		return err
	}
	id := func(of string) string { return uuid.NewSHA1(uuid.NameSpaceURL, []byte("taxii:"+of+name)).String() }
	collections := []Collection{{Collection: taxii.Collection{
		ID: id(""), Alias: "shared", CanRead: true, Title: "What is shared with you",
		Description: "Objects of the community, as far as their marking lets you have them",
	}}}
	contribute := Collection{
		Collection: taxii.Collection{
			ID: id("contribute:"), Alias: "contribute", CanWrite: true, Title: "What you share",
			Description: "Objects that you add are your organisation's, and go to the community as their own " +
				"markings say: CLEAR, GREEN and AMBER to all members, AMBER+STRICT and RED to the hub's " +
				"coordinators. Without a marking an object is AMBER, and for the hub's coordinators alone",
		},
		Unmarked: policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.Coordinators}},
		Audience: contributed,
	}
	server, err := taxii.NewServer(taxii.Config{
		Base: Address, Discovery: taxii.Discovery{Title: s.Title()}, Key: key, Authenticate: authenticated,
		Challenge: `Basic realm="TAXII: any name, an API token as password", charset="UTF-8"`,
		Backend: Backend{Config{DB: s.DB, Objects: s.Objects, Root: apiRoot, Title: s.Title(),
			Collections: func(v policy.Viewer) []Collection {
				if s.Contribute && slices.Contains([]policy.Role{policy.RoleAnalyst, policy.RoleCoordinator,
					policy.RoleAdmin}, v.Role) {
					return append(slices.Clone(collections), contribute)
				}
				return collections
			}}},
		Failed: func(r *http.Request, err error) {
			s.Log.Error("a TAXII request failed", slog.String("path", r.URL.Path), slog.Any("err", err))
		},
	})
	if err != nil {
		return err
	}
	s.server.Store(server)
	return nil
}

// key returns the key for cursors, and makes it the first time.
func (s *service) key(ctx context.Context) ([]byte, error) {
	text, ok, err := s.DB.Setting(ctx, settingKey)
	if err != nil {
		return nil, err
	}
	if !ok {
		b := make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		text = hex.EncodeToString(b)
		if err := s.DB.SetSetting(ctx, settingKey, text); err != nil {
			return nil, err
		}
	}
	return hex.DecodeString(text)
}

// pages serves everything below Address. TAXII clients sign in with HTTP Basic: an API
// token is the password.
func (s *service) pages(site *web.Site) {
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server := s.server.Load()
		if server == nil {
			http.Error(w, "not started", http.StatusServiceUnavailable)
			return
		}
		if _, token, ok := r.BasicAuth(); ok {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Bearer "+token)
		}
		who, err := site.Who(w, r, policy.RoleReader)
		ctx := context.WithValue(r.Context(), refusalKey{}, err)
		if err == nil {
			ctx = With(r.Context(), who.Viewer)
		}
		server.ServeHTTP(w, r.WithContext(ctx))
	})
	site.Handle(Address, serve)
	site.Handle(Address[:len(Address)-1], serve)
}

type refusalKey struct{}

// authenticated refuses who was not let in.
func authenticated(r *http.Request) (context.Context, error) {
	if err, _ := r.Context().Value(refusalKey{}).(error); err != nil {
		if fault.Is(err, fault.Denied) {
			return nil, &taxii.Error{Title: "forbidden", HTTPStatus: "403", Description: "this needs another role"}
		}
		return nil, err
	}
	return r.Context(), nil
}
