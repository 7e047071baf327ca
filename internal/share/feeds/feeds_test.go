package feeds

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/fetch"
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

// source is a server whose list a test changes.
type source struct {
	address string
	body    string
	status  int
	asked   int
	auth    string
}

func newSource(t *testing.T) *source {
	s := &source{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked++
		s.auth = cmp.Or(r.Header.Get("Authorization"), r.Header.Get("X-Key"))
		if s.status != 0 {
			w.WriteHeader(s.status)
			return
		}
		tag := fmt.Sprintf(`"%d-%d"`, len(s.body), len(strings.Split(s.body, "x")))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, s.body)
	}))
	t.Cleanup(srv.Close)
	s.address = srv.URL + "/list.txt"
	return s
}

type bench struct {
	*Service
	t    *testing.T
	hand *clock.Hand
}

func each(t *testing.T, body func(t *testing.T, b *bench)) {
	now, hand := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		body(t, newBench(t, db, hand))
	}, storetest.With(identity.Migration(), object.Migration(), Migration()), storetest.Clock(now))
}

func newBench(t *testing.T, db *store.DB, hand *clock.Hand) *bench {
	s := New(Config{DB: db, Objects: object.New(db), Log: slog.New(slog.DiscardHandler), Folder: t.TempDir(),
		Fetch: fetch.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Plain: true}})
	return &bench{s, t, hand}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) feed(f Feed) Feed {
	b.t.Helper()
	f.Name, f.Kind, f.Every = cmp.Or(f.Name, "Feed A"), cmp.Or(f.Kind, List), 3600
	f.Label = cmp.Or(f.Label, policy.Green)
	f.check(func(field string, t i18n.Text) { b.t.Fatalf("%s: %s", field, t.EN) })
	f, err := b.add(b.t.Context(), sharetest.Desk, f)
	b.must(err)
	return f
}

// read reads a source, a minute after the last time.
func (b *bench) read(id string) Feed {
	b.t.Helper()
	b.hand.Add(time.Minute)
	b.must(b.Run(b.t.Context(), id))
	f, err := b.get(b.t.Context(), id)
	b.must(err)
	return f
}

// live are the patterns of indicators that a viewer may see and that are not over.
func (b *bench) live(v policy.Viewer) (list []string) {
	b.t.Helper()
	b.must(b.DB.Read(b.t.Context(), store.As(v), func(tx *store.Tx) error {
		p, err := b.Objects.Read(tx, object.Ask{Limit: 1000, Bodies: true})
		for _, o := range p.Objects {
			x, err := stix.Parse(o.Body)
			if err != nil {
				return err
			}
			if until, ok := x.Time("valid_until"); ok && !until.Time().After(tx.Now()) {
				continue
			}
			list = append(list, cmp.Or(x.Text("pattern"), x.Type()+" "+x.Text("value")+x.Text("name")))
		}
		return err
	}))
	slices.Sort(list)
	return list
}

func pattern(name string) string { return "[domain-name:value = '" + name + "']" }

var power = sharetest.Viewers["power"]

// What a list says is there; what changed is written, what is gone from a complete list ends and can come
// back, and what did not change is not read again.
func TestList(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		src := newSource(t)
		src.body = "a.example\nb.example\nnot a value\n127.0.0.1\n"
		f := b.feed(Feed{Address: src.address, Complete: true, Secret: "token"})
		f = b.read(f.ID)
		want := []string{pattern("a.example"), pattern("b.example"), "ipv4-addr 127.0.0.1"}
		if got := b.live(power); !slices.Equal(got, want) || f.Taken != 3 || f.Refused != 1 || f.Silent != 1 ||
			f.Told != "text" ||
			len(f.Notes) != 2 || src.auth != "Bearer token" {
			t.Fatalf("%v %+v %s", got, f, src.auth)
		}
		if f = b.read(f.ID); f.Taken != 3 || src.asked != 2 { // 304: what is said of the last reading stays
			t.Errorf("%+v", f)
		}
		src.body = "b.example\nc.example\n"
		f = b.read(f.ID)
		if got := b.live(power); !slices.Contains(got, pattern("c.example")) || slices.Contains(got,
			pattern("a.example")) || f.Taken != 1 {
			t.Errorf("%v %+v", got, f)
		}
		src.body = "b.example\nc.example\na.example\n"
		b.read(f.ID)
		if got := b.live(power); !slices.Contains(got, pattern("a.example")) {
			t.Errorf("what came back is not there: %v", got)
		}
		b.must(b.remove(t.Context(), sharetest.Desk, f.ID))
		b.hand.Add(time.Second)
		if got := b.live(power); slices.Contains(got, pattern("b.example")) {
			t.Errorf("%v", got)
		}
	})
}

// A list that is empty or half as long is held, and what was there stays until a person says otherwise.
func TestHeld(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		src := newSource(t)
		for i := range 40 {
			src.body += fmt.Sprintf("h%d.example\n", i)
		}
		f := b.feed(Feed{Address: src.address, Complete: true})
		b.read(f.ID)
		for _, body := range []string{"", "h1.example\n"} {
			src.body = body
			if f = b.read(f.ID); f.Held.Zero() || len(b.live(power)) != 40 {
				t.Fatalf("%q: %+v, %d", body, f.Held, len(b.live(power)))
			}
			if list, _, _ := b.due(t.Context()); len(list) != 0 {
				t.Error("a held source is read on")
			}
			if body == "" {
				b.must(b.takeAllTheSame(t.Context(), sharetest.Desk, f.ID))
				b.takesAll(f.ID) // as if nobody had said so
			}
		}
		b.must(b.takeAllTheSame(t.Context(), sharetest.Desk, f.ID))
		if f = b.read(f.ID); !f.Held.Zero() || len(b.live(power)) != 1 {
			t.Errorf("%+v %v", f.Held, b.live(power))
		}
	})
}

// An error page, a server in trouble and an answer that is cut short change nothing, and are said.
func TestTrouble(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		src := newSource(t)
		src.body = "a.example\n"
		f := b.feed(Feed{Address: src.address, Complete: true})
		b.must(b.pause(t.Context(), sharetest.Desk, f.ID, false))
		b.read(f.ID)
		src.body = "<!DOCTYPE html><html>sign in</html>"
		var due time.Time
		for i := range 3 {
			b.hand.Add(time.Hour)
			if err := b.Run(t.Context(), f.ID); err == nil {
				t.Fatal("a web page is taken")
			}
			f, _ = b.get(t.Context(), f.ID)
			wait := f.Due.Sub(f.Tried)
			if f.Failures != int64(i+1) || f.Error.Zero() || len(b.live(power)) != 1 || i > 0 &&
				wait <= f.Due.Sub(due) && wait < 2*time.Hour {
				t.Errorf("%d: %+v", i, f)
			}
			due = f.Tried
		}
		src.status = http.StatusServiceUnavailable
		if err := b.Run(t.Context(), f.ID); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v", err)
		}
		src.status, src.body = 0, "a.example\nb.example\n"
		if f = b.read(f.ID); f.Failures != 0 || !f.Error.Zero() || len(b.live(power)) != 2 {
			t.Errorf("%+v", f)
		}
	})
}

// The handling is that of the source, or the object's own where that is stricter; a marking that nobody
// knows is RED.
func TestHandling(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		src := newSource(t)
		src.body = "value,tlp\ngreen.example,green\nclear.example,clear\nred.example,red\nodd.example,purple\n" +
			"amber.example,amber\n"
		f := b.feed(Feed{Address: src.address})
		b.read(f.ID)
		city, outside := sharetest.Viewers["city"], policy.Viewer{User: "x"}
		if got := b.live(city); !slices.Equal(got, []string{pattern("amber.example"), pattern("clear.example"),
			pattern("green.example")}) {
			t.Errorf("%v", got)
		}
		if got := b.live(outside); len(got) != 0 {
			t.Errorf("%v", got)
		}
	})
}

// STIX comes as it is; what we have given out and comes back changes nothing.
func TestLoop(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		src := newSource(t)
		src.body = "a.example\n"
		f := b.feed(Feed{Address: src.address})
		b.read(f.ID)
		var mine []*stix.Object
		var before int64
		b.must(b.DB.Read(t.Context(), store.As(power), func(tx *store.Tx) error {
			p, err := b.Objects.Read(tx, object.Ask{Limit: 10, Bodies: true})
			for _, o := range p.Objects {
				x, _ := stix.Parse(o.Body)
				mine, before = append(mine, x), o.Seq
			}
			return err
		}))
		var doc strings.Builder
		b.must(stix.WriteBundle(&doc, "", mine...))
		back := newSource(t)
		back.body = doc.String()
		echo := b.feed(Feed{Name: "Echo", Address: back.address, Label: policy.Clear})
		if echo = b.read(echo.ID); echo.Taken != 0 || echo.Refused != 0 {
			t.Errorf("%+v", echo)
		}
		b.must(b.DB.Read(t.Context(), store.As(power), func(tx *store.Tx) error {
			p, err := b.Objects.Read(tx, object.Ask{Limit: 10, After: before})
			if len(p.Objects) != 0 {
				t.Errorf("%d new versions", len(p.Objects))
			}
			return err
		}))
	})
}

func TestCollection(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		srv := taxiiServer(t, b)
		f := b.feed(Feed{Kind: TAXII, Address: srv + "/taxii2/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"})
		f = b.read(f.ID)
		if got := b.live(power); len(got) != 2 || f.Place == "" || f.Records != 3 || f.Refused != 1 {
			t.Errorf("%v %+v", got, f)
		}
		if f = b.read(f.ID); f.Taken != 0 {
			t.Errorf("%+v", f)
		}
		if l := b.try(t.Context(), f); !l.Error.Zero() || len(l.First) != 1 {
			t.Errorf("%+v", l)
		}
	})
}

// taxiiServer is a server with one collection, of which one object is broken.
func taxiiServer(t *testing.T, b *bench) string {
	indicator := func(n int, p string) string {
		return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012d","created":`+
			`"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"%s","pattern_type":"stix",`+
			`"valid_from":"2026-01-01T00:00:00Z"}`, n, p)
	}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", taxii.MediaType)
		fmt.Fprint(w, body)
	}
	const root = "/taxii2/api/collections/"
	mux.HandleFunc(root, func(w http.ResponseWriter, r *http.Request) {
		answer(w,
			`{"collections":[{"id":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","title":"C","can_read":true,"can_write":false}]}`)
	})
	mux.HandleFunc(root+"91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("added_after") != "" {
			answer(w, `{}`)
			return
		}
		w.Header().Set("X-TAXII-Date-Added-First", "2026-01-01T00:00:00.000000Z")
		w.Header().Set("X-TAXII-Date-Added-Last", "2026-01-01T00:00:01.000000Z")
		answer(w, `{"objects":[`+indicator(1, "[domain-name:value = 'a.example']")+`,{"type":"indicator"},`+
			indicator(2, "[domain-name:value = 'b.example']")+`]}`)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAdvisories(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		const doc = `{"document":{"category":"csaf_security_advisory","csaf_version":"2.0","title":"Pump %d","publisher":{"name":"V",
"namespace":"https://v.example"},"distribution":{"tlp":{"label":"%s"}},"tracking":{"id":"V-%d","initial_release_date":"2026-01-01T00:00:00Z",
"current_release_date":"2026-01-0%dT00:00:00Z"}},"vulnerabilities":[{"cve":"CVE-2026-000%d","notes":[{"category":"summary","text":"x"}]}]}`
		changes := "\"2026/v-1.json\",\"2026-01-01T00:00:00Z\"\n2026/gone.json,2026-01-02T00:00:00Z\n" +
			"../../etc/passwd.json,2026-01-01T00:00:00Z\n"
		asked := map[string]int{}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked[r.URL.Path]++
			switch r.URL.Path {
			case "/csaf/changes.csv":
				fmt.Fprint(w, changes)
			case "/csaf/2026/v-1.json":
				fmt.Fprintf(w, doc, 1, "WHITE", 1, 1, 1)
			case "/csaf/2026/v-2.json":
				fmt.Fprintf(w, doc, 2, "RED", 2, 3, 2)
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		t.Cleanup(srv.Close)
		f := b.feed(Feed{Kind: CSAF, Address: srv.URL + "/csaf/"})
		f = b.read(f.ID)
		if got := b.live(power); !slices.Equal(got, []string{"report Pump 1", "vulnerability CVE-2026-0001"}) ||
			f.Refused != 2 {
			t.Errorf("%v %+v", got, f)
		}
		changes += "2026/v-2.json,2026-01-03T00:00:00Z\n"
		b.read(f.ID)
		if got := b.live(power); len(got) != 2 || asked["/csaf/2026/v-1.json"] != 1 ||
			asked["/csaf/2026/v-2.json"] != 1 {
			t.Errorf("%v %v", got, asked) // RED: not for everybody
		}
	})
}
