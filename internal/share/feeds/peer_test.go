package feeds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/stix"
	"github.com/meneki/meneki/taxii"
)

const peerCollection = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"

// peerServer is somebody's TAXII server, and what it has.
type peerServer struct {
	*taxii.Memory
	address string
	down    bool
}

func newPeerServer(t *testing.T, b *bench) *peerServer {
	s := &peerServer{Memory: taxii.NewMemory(b.DB.Now)}
	s.AddRoot("api", taxii.Root{Title: "x"}, taxii.Collection{ID: peerCollection, Title: "C", CanRead: true,
		CanWrite:   true,
		MediaTypes: []string{taxii.MediaSTIX}})
	server, err := taxii.NewServer(taxii.Config{Backend: s.Memory, Key: bytes.Repeat([]byte("k"), 32),
		Authenticate: func(r *http.Request) (context.Context, error) {
			if s.down || r.Header.Get("Authorization") != "Bearer secret" {
				return nil, errors.New("not now")
			}
			return r.Context(), nil
		}})
	b.must(err)
	srv := httptest.NewServer(server)
	t.Cleanup(srv.Close)
	s.address = srv.URL + "/taxii2/api/collections/" + peerCollection + "/"
	return s
}

func (s *peerServer) ids(t *testing.T) (list []string) {
	p, err := s.Records(t.Context(), "api", peerCollection, taxii.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Records {
		list = append(list, r.ID[len(r.ID)-2:])
	}
	slices.Sort(list)
	return list
}

// given puts an object into the hub as somebody gave it.
func (b *bench) given(n int, h policy.Handling, source, more string) {
	b.t.Helper()
	label, ok := stix.TLPMarkingID(h.TLP.String())
	if !ok {
		b.t.Fatal(h)
	}
	o,
		err := stix.Parse([]byte(fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-0000000000%02d",`+
		`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"%s","pattern_type":"stix",`+
		`"valid_from":"2026-01-01T00:00:00Z","object_marking_refs":["%s"%s]}`, n, pattern(fmt.Sprintf("h%d.example",
		n)), label, more)))
	b.must(err)
	b.must(b.DB.Write(b.t.Context(), store.System("test"), func(tx *store.Tx) error {
		out, err := b.Objects.Put(tx, []object.Item{{Object: o, Handling: h, Realm: event.Live, Source: source}})
		if err == nil {
			err = out[0].Err
		}
		return err
	}))
}

// What goes to a peer is at most what it may have, of what was given here, each once; what it could not
// take for a while goes later.
func TestPeer(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		srv := newPeerServer(t, b)
		green, clear := policy.Handling{TLP: policy.Green}, policy.Handling{TLP: policy.Clear}
		b.given(1, green, "cycle", "")
		b.given(2, clear, "taxii", "")
		b.given(3, policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.Community}}, "cycle", "")
		b.given(4, policy.Handling{TLP: policy.Red, Audience: policy.Audience{policy.Coordinators}}, "cycle", "")
		b.given(5, policy.Handling{TLP: policy.AmberStrict, Owner: "power"}, "cycle", "")
		b.given(6, green, "feed:x", "")
		b.given(7, green, "cycle", `,"marking-definition--00000000-0000-4000-8000-0000000000aa"`)
		p := Peer{Name: "Hub B", Address: srv.address, Most: policy.Green, Secret: "secret"}
		p.check(func(field string, _ i18n.Text) { t.Fatal(field) })
		b.must(b.addPeer(t.Context(), sharetest.Desk, p))
		b.must(b.sendAll(t.Context()))
		if got := srv.ids(t); !slices.Equal(got, []string{"01", "02"}) {
			t.Fatalf("%v", got)
		}
		srv.down = true
		b.given(8, green, "cycle", "")
		for i := range 3 {
			b.hand.Add(time.Hour)
			b.must(b.sendAll(t.Context()))
			list, err := b.peers(t.Context())
			b.must(err)
			if list[0].Failures != int64(i+1) || list[0].Error.Zero() ||
				list[0].Due.Sub(list[0].Tried) != time.Minute<<i {
				t.Errorf("%+v", list[0])
			}
		}
		srv.down = false
		b.hand.Add(time.Hour)
		b.must(b.sendAll(t.Context()))
		list, err := b.peers(t.Context())
		b.must(err)
		if got := srv.ids(t); !slices.Equal(got, []string{"01", "02", "08"}) || list[0].Sent != 3 ||
			list[0].Failures != 0 {
			t.Errorf("%v %+v", got, list[0])
		}
		b.must(b.addPeer(t.Context(), sharetest.Desk, Peer{Name: "Clear only", Address: newPeerServer(t, b).address,
			Most: policy.Clear}))
		second, err := b.peers(t.Context())
		b.must(err)
		bodies, _, _, err := b.outgoing(t.Context(), second[0])
		b.must(err)
		if len(bodies) != 1 || !strings.Contains(string(bodies[0]), "h2.example") {
			t.Errorf("%s", bodies)
		}
	})
}

// Two hubs that send to one another and read one another have each thing once, and nothing goes round.
func TestTwoHubs(t *testing.T) {
	each(t, func(t *testing.T, a *bench) {
		srv := newPeerServer(t, a)
		a.given(1, policy.Handling{TLP: policy.Green}, "cycle", "")
		b := newBench(t, storetest.SQLite(t, storetest.With(identity.Migration(), object.Migration(), Migration()),
			storetest.Clock(a.DB.Now)), a.hand)
		b.given(2, policy.Handling{TLP: policy.Green}, "cycle", "")
		for _, x := range []*bench{a, b} {
			b.must(x.addPeer(t.Context(), sharetest.Desk, Peer{Name: "both", Address: srv.address, Most: policy.Green,
				Secret: "secret"}))
			x.feed(Feed{Name: "both", Kind: TAXII, Address: srv.address, Secret: "secret"})
		}
		for range 3 {
			for _, x := range []*bench{a, b} {
				x.hand.Add(time.Hour)
				b.must(x.sendAll(t.Context()))
				all, err := x.all(t.Context())
				b.must(err)
				x.read(all[0].ID)
			}
		}
		if got := srv.ids(t); !slices.Equal(got, []string{"01", "02"}) {
			t.Errorf("%v", got)
		}
		for _, x := range []*bench{a, b} {
			list, err := x.peers(t.Context())
			b.must(err)
			if got := x.live(power); len(got) != 2 || list[0].Sent != 1 {
				t.Errorf("%v, %d sent", got, list[0].Sent)
			}
		}
	})
}

func TestPeerPage(t *testing.T) {
	b := newBench(t, storetest.SQLite(t, storetest.With(identity.Migration(), object.Migration(), Migration())), nil)
	h := b.console()
	form := url.Values{"peer-name": {"Hub B"}, "peer-address": {"https://b.example/taxii2/api/collections/x/"},
		"peer-most":   {"green"},
		"peer-secret": {"very-secret"}}
	for as, want := range map[string]int{"power": 403, "reader": 403, "desk": 303} {
		if code, _ := sharetest.Ask(t, h, as, "POST", "/feeds/peers", form, ""); code != want {
			t.Errorf("%s: %d", as, code)
		}
	}
	form.Set("peer-most", "amber")
	if code, _ := sharetest.Ask(t, h, "desk", "POST", "/feeds/peers", form, ""); code != 422 {
		t.Errorf("AMBER leaves: %d", code)
	}
	code, body := sharetest.Get(t, h, "desk", "/feeds")
	if code != 200 || !strings.Contains(body, "Hub B") || strings.Contains(body, "very-secret") {
		t.Errorf("%d", code)
	}
	if _, body := sharetest.Get(t, h, "power", "/feeds"); strings.Contains(body, "Hub B") {
		t.Error("a member sees the peers")
	}
}

// A MISP feed: new and changed events are taken, what is not there is tried again, what an event has no
// more is withdrawn, an empty manifest changes nothing.
func TestMISPFolder(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		const one, gone = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
		attribute := func(n int, name string) string {
			return fmt.Sprintf(`{"uuid":"33333333-3333-4333-8333-33333333333%d","type":"domain","category":"Network activity","to_ids":true,`+
				`"value":"%s","timestamp":"1790000000"}`, n, name)
		}
		event := func(stamp string, attributes ...string) string {
			return `{"Event":{"uuid":"` + one + `","info":"x","date":"2026-09-01","timestamp":"` + stamp +
				`","published":true,"distribution":"3",` +
				`"Tag":[{"name":"tlp:clear"}],"Attribute":[` + strings.Join(attributes, ",") + `]}}`
		}
		manifest := `{"` + one + `":{"timestamp":1790000000},"` + gone +
			`":{"timestamp":"1"},"../../etc/passwd":{"timestamp":1}}`
		files := map[string]string{"/f/manifest.json": manifest,
			"/f/" + one + ".json": event("1790000000", attribute(1, "a.example"), attribute(2, "b.example"))}
		asked := map[string]int{}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked[r.URL.Path]++
			if text, ok := files[r.URL.Path]; ok {
				fmt.Fprint(w, text)
				return
			}
			w.WriteHeader(http.StatusNotFound)
		}))
		t.Cleanup(srv.Close)
		f := b.feed(Feed{Kind: MISP, Address: srv.URL + "/f/"})
		f = b.read(f.ID)
		if got := strings.Join(b.live(power), "\n"); !strings.Contains(got, "a.example") || !strings.Contains(got,
			"b.example") || f.Refused != 2 {
			t.Fatalf("%s %+v", got, f)
		}
		b.read(f.ID)
		if asked["/f/"+one+".json"] != 1 || asked["/f/"+gone+".json"] != 2 {
			t.Errorf("%v", asked)
		}
		files["/f/manifest.json"] = strings.Replace(manifest, "1790000000", "1790000100", 1)
		files["/f/"+one+".json"] = event("1790000100", attribute(1, "a.example"))
		b.read(f.ID)
		n := 0
		b.must(b.DB.Read(t.Context(), store.As(power), func(tx *store.Tx) error {
			p, err := b.Objects.Read(tx, object.Ask{Types: []string{"indicator"}, Limit: 100})
			for _, o := range p.Objects {
				if o.Flags&object.Revoked == 0 {
					n++
				}
			}
			return err
		}))
		if n != 1 {
			t.Errorf("%d indicators are not withdrawn", n)
		}
		files["/f/manifest.json"] = "{}"
		if f = b.read(f.ID); f.Records != 0 || len(b.live(power)) == 0 {
			t.Errorf("%+v", f)
		}
		list := newSource(t)
		list.body = event("1790000100", attribute(1, "a.example"))
		if g := b.read(b.feed(Feed{Name: "One event", Address: list.address}).ID); g.Told != "misp" || g.Refused != 0 {
			t.Errorf("%+v", g)
		}
	})
}
