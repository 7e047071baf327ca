package taxii2_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/taxii2"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/taxii"
	"github.com/meneki/meneki/taxii/taxiitest"
)

const (
	readWrite = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
	readOnly  = "52892447-4d7e-4f70-b94d-d7f22742ff63"
	writeOnly = "64993447-4d7e-4f70-b94d-d7f33742ee63"
	closed    = "472c94ae-3113-4e3e-a4dd-a9f4ac7471d4"
)

// collections are one of each kind, of objects in a realm.
func collections(realm string) []taxii2.Collection {
	unmarked := policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.Community}}
	var list []taxii2.Collection
	for _, c := range []taxii.Collection{
		{ID: readWrite, Title: "Both", Alias: "both", CanRead: true, CanWrite: true},
		{ID: readOnly, Title: "Read", CanRead: true},
		{ID: writeOnly, Title: "Write", CanWrite: true},
		{ID: closed, Title: "Closed"},
	} {
		list = append(list, taxii2.Collection{Collection: c, Realm: realm, Unmarked: unmarked})
	}
	return list
}

// serve serves a realm of a database to members who sign in with their id.
func serve(t *testing.T, db *store.DB, realm string) string {
	t.Helper()
	s, err := taxii.NewServer(taxii.Config{Discovery: taxii.Discovery{Title: "Example"},
		Key:        bytes.Repeat([]byte{7}, 32),
		MaxContent: 2 << 20, Failed: func(r *http.Request, err error) { t.Errorf("%s %s: %v", r.Method, r.URL, err) },
		Backend: taxii2.Backend{Config: taxii2.Config{DB: db, Objects: object.New(db), Root: "api", Title: "API",
			Collections: func(policy.Viewer) []taxii2.Collection { return collections(realm) }}},
		Authenticate: func(r *http.Request) (context.Context, error) {
			member, _, ok := r.BasicAuth()
			if !ok {
				return nil, errors.New("no credentials")
			}
			return taxii2.With(r.Context(), policy.Viewer{Member: member, User: "u", Machine: true}), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return h.URL + "/taxii2/"
}

type as string

func (a as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(string(a), "")
	return http.DefaultTransport.RoundTrip(r)
}

func TestStatements(t *testing.T) {
	open := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
		"postgres": storetest.Postgres,
	}
	for engine, url := range open {
		t.Run(engine, func(t *testing.T) {
			db := storetest.Open(t, url(t), storetest.With(object.Migration(), taxii2.Migration()))
			taxiitest.Run(t, func(t *testing.T) taxiitest.Fixture {
				base := serve(t, db, t.Name())
				return taxiitest.Fixture{Discovery: base, Root: base + "api/", HTTP: &http.Client{Transport: as("a")},
					Anonymous: http.DefaultClient, ReadWrite: readWrite, ReadOnly: readOnly, WriteOnly: writeOnly,
					Closed: closed, Alias: "both", Restarted: func(t *testing.T) string {
						return serve(t, db, t.Name()) + "api/"
					}}
			})
		})
	}
}
