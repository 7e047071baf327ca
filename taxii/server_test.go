package taxii_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/meneki/meneki/taxii"
	"github.com/meneki/meneki/taxii/taxiitest"
)

var (
	start = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	key   = bytes.Repeat([]byte{7}, 32)
)

const (
	readWrite = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
	readOnly  = "52892447-4d7e-4f70-b94d-d7f22742ff63"
	writeOnly = "64993447-4d7e-4f70-b94d-d7f33742ee63"
	closed    = "472c94ae-3113-4e3e-a4dd-a9f4ac7471d4"
)

// memory is a backend with a collection of each kind.
func memory() *taxii.Memory {
	m := taxii.NewMemory(func() time.Time { return start })
	m.AddRoot("first", taxii.Root{Title: "First"},
		taxii.Collection{ID: readWrite, Title: "Both", Alias: "both", CanRead: true, CanWrite: true},
		taxii.Collection{ID: readOnly, Title: "Read", CanRead: true},
		taxii.Collection{ID: writeOnly, Title: "Write", CanWrite: true},
		taxii.Collection{ID: closed, Title: "Closed"})
	m.AddRoot("second", taxii.Root{Title: "Second"})
	return m
}

func serve(t *testing.T, b taxii.Backend) *httptest.Server {
	t.Helper()
	s, err := taxii.NewServer(taxii.Config{Discovery: taxii.Discovery{Title: "Example"}, Backend: b, Key: key,
		MaxContent: 2 << 20, Authenticate: func(r *http.Request) (context.Context, error) {
			if user, password, _ := r.BasicAuth(); user != "a" || password != "b" {
				return nil, errors.New("no")
			}
			return r.Context(), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return h
}

// basic signs in.
type basic struct{}

func (basic) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth("a", "b")
	return http.DefaultTransport.RoundTrip(r)
}

func TestStatements(t *testing.T) {
	taxiitest.Run(t, func(t *testing.T) taxiitest.Fixture {
		m := memory()
		h := serve(t, m)
		return taxiitest.Fixture{Discovery: h.URL + "/taxii2/", Root: h.URL + "/taxii2/first/",
			HTTP: &http.Client{Transport: basic{}}, Anonymous: http.DefaultClient,
			ReadWrite: readWrite, ReadOnly: readOnly, WriteOnly: writeOnly, Closed: closed, Alias: "both",
			Restarted: func(t *testing.T) string { return serve(t, m).URL + "/taxii2/first/" }}
	})
}
