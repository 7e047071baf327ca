package aside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/web"
)

const (
	secret  = "TLP-RED-SECRET"
	hostile = `Beta <script>alert("x")</script>`
)

// hub is a queue whose consumer fails for as long as err is not nil, with its pages.
type hub struct {
	db     *store.DB
	q      *queue.Queue
	err    error
	looked int
	h      http.Handler
}

var viewers = map[string]policy.Viewer{
	"admin":  {User: "u1", Name: "Ada", Hub: true, Role: policy.RoleAdmin},
	"desk":   {User: "u2", Name: "Desk", Hub: true, Coordinator: true, Role: policy.RoleCoordinator},
	"member": {User: "u3", Name: "Bob", Member: "m1", Role: policy.RoleAdmin},
}

func each(t *testing.T, body func(t *testing.T, h *hub)) {
	t.Helper()
	now, _ := clock.Fixed(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC))
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := &hub{db: db, err: fault.Coded(fault.HubFindingField, errors.New(secret), "count")}
		q, err := queue.New(t.Context(), db, slog.New(slog.DiscardHandler), h.consumer())
		if err != nil {
			t.Fatal(err)
		}
		h.q = q
		auth := func(r *http.Request) (policy.Viewer, error) {
			v, ok := viewers[r.Header.Get("X-As")]
			if !ok {
				return v, fault.New(fault.Unauthenticated, fault.Unauthenticated.Title())
			}
			return v, nil
		}
		c := PageConfig{DB: db, Look: func() { h.looked++ },
			Members: names{}}
		site := web.New(web.Config{Clock: now, Auth: auth})
		Pages(site, c)
		site.AddTabs(Tab())
		mux := http.NewServeMux()
		API(api.New(mux, api.Config{Auth: auth, Version: "test", Clock: now}), c)
		mux.Handle("/", site.Handler())
		h.h = mux
		body(t, h)
	}, storetest.With(identity.Migration()), storetest.Clock(now))
}

func (h *hub) consumer() queue.Consumer {
	return queue.Consumer{Name: "casework", Topics: map[string]queue.Handler{
		"finding": func(*store.Tx, queue.Message) error { return h.err },
	}}
}

// fail sets n messages aside.
func (h *hub) fail(t *testing.T, n int) {
	t.Helper()
	err := h.db.Write(t.Context(), System(), func(tx *store.Tx) error {
		tx.SetLane("m1")
		for i := range n {
			body := map[string]any{"title": secret, "n": i}
			if err := tx.Emit("finding", fmt.Sprintf("finding-%05d", i), body); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = h.q.Drain(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hub) all(t *testing.T) (p list.Page[Message]) {
	t.Helper()
	err := h.db.Read(t.Context(), System(), func(tx *store.Tx) (err error) {
		p, err = Page(tx, list.Ask{Limit: 5000, Count: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *hub) do(t *testing.T, as, method, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	r.Header.Set("X-As", as)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	return w
}

func (h *hub) actions(t *testing.T) (out []string) {
	t.Helper()
	err := h.db.Read(t.Context(), System(), func(tx *store.Tx) (err error) {
		out, err = store.Query[string](tx, `SELECT action || ' ' || actor || ' ' || subject || ' ' || detail FROM audit
			ORDER BY id`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Only the hub's own administrators see what was set aside, and none of them what is
// in it.
func TestWhoSees(t *testing.T) {
	each(t, func(t *testing.T, h *hub) {
		w := h.do(t, "admin", http.MethodGet, "/settings/set-aside?lang=en", nil)
		if !strings.Contains(w.Body.String(), "Every message was handled") {
			t.Errorf("empty: %d %s", w.Code, w.Body)
		}
		h.fail(t, 3)
		one := pathOf(h.all(t).Rows[0])
		for _, path := range []string{"/settings/set-aside", one, "/settings/set-aside?format=csv", "/api/v1/set-aside",
			"/api/v1/set-aside/casework/1"} {
			for _, lang := range []string{"en", "ja"} {
				sep := "?"
				if strings.Contains(path, "?") {
					sep = "&"
				}
				to := path + sep + "lang=" + lang
				if strings.HasPrefix(path, "/api") {
					to = path
				}
				w := h.do(t, "admin", http.MethodGet, to, nil)
				body := w.Body.String()
				why := map[string]string{"en": "the finding has no valid count", "ja": "検知の count が正しくありません"}[lang]
				if strings.HasPrefix(path, "/api") {
					why = "hub.finding_field"
				}
				if w.Code != http.StatusOK || !strings.Contains(body, why) {
					t.Errorf("%s: %d %s", to, w.Code, body)
				}
				if strings.Contains(body, secret) || strings.Contains(body, "<script>alert") {
					t.Errorf("%s tells too much", to)
				}
			}
			for _, as := range []string{"desk", "member"} {
				if w := h.do(t, as, http.MethodGet, path, nil); w.Code != http.StatusForbidden {
					t.Errorf("%s gets %s: %d", as, path, w.Code)
				}
			}
		}
		for _, as := range []string{"desk", "member"} {
			for _, path := range []string{one + "/retry", one + "/drop", "/settings/set-aside/retry"} {
				if w := h.do(t, as, http.MethodPost, path,
					url.Values{"reason": {"x"}}); w.Code != http.StatusForbidden {
					t.Errorf("%s posts %s: %d", as, path, w.Code)
				}
			}
			if next, err := Warning(t.Context(), h.db, viewers[as]); len(next) != 0 || err != nil {
				t.Errorf("%s is warned: %v %v", as, next, err)
			}
			if Tab().For(viewers[as]) {
				t.Errorf("%s has the tab", as)
			}
		}
		if list := h.actions(t); len(list) != 0 {
			t.Errorf("what was refused is in the trail: %v", list)
		}
		next, err := Warning(t.Context(), h.db, viewers["admin"])
		if err != nil || len(next) != 1 || !strings.Contains(next[0].Text.EN, "3 messages") {
			t.Errorf("the warning: %v %v", next, err)
		}
	})
}

// One message is tried again, fails, and is handled when its cause is gone; another is
// dropped with a reason. All of it is in the trail.
func TestRetryAndDrop(t *testing.T) {
	each(t, func(t *testing.T, h *hub) {
		h.fail(t, 3)
		list := h.all(t).Rows
		post := func(path string, form url.Values, want int) *httptest.ResponseRecorder {
			t.Helper()
			w := h.do(t, "admin", http.MethodPost, path, form)
			if w.Code != want {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			return w
		}
		drain := func() {
			t.Helper()
			if err := h.q.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		post(pathOf(list[0])+"/retry", url.Values{}, http.StatusSeeOther)
		w := h.do(t, "admin", http.MethodGet, "/settings/set-aside?lang=en", nil)
		if !strings.Contains(w.Body.String(), "being tried again") || h.looked != 1 {
			t.Errorf("looked %d times: %s", h.looked, w.Body)
		}
		h.err = fault.New(fault.Invalid, fault.Invalid.Title())
		drain()
		if m := h.all(t).Rows[0]; m.Tries != 2 || !m.Asked.IsZero() || m.Why() != fault.Invalid.Title() {
			t.Errorf("it failed again: %+v", m)
		}
		drop := pathOf(list[1]) + "/drop"
		w = post(drop+"?lang=en", url.Values{"reason": {"  "}}, http.StatusUnprocessableEntity)
		if !strings.Contains(w.Body.String(), "say why it is dropped") {
			t.Errorf("without a reason: %s", w.Body)
		}
		post(drop, url.Values{"reason": {"of a member that left"}}, http.StatusSeeOther)
		post(drop, url.Values{"reason": {"twice"}}, http.StatusNotFound)
		api := "/api/v1/set-aside/casework/" + fmt.Sprint(list[0].Seq)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, api+"/drop",
			strings.NewReader(`{"reason":"by a program"}`))
		r.Header.Set("X-As", "desk")
		r.Header.Set("Content-Type", "application/json")
		w = httptest.NewRecorder()
		if h.h.ServeHTTP(w, r); w.Code != http.StatusForbidden {
			t.Errorf("the desk drops by the API: %d", w.Code)
		}
		if w := h.do(t, "admin", http.MethodPost, api+"/retry", nil); w.Code != http.StatusNoContent {
			t.Errorf("retry by the API: %d %s", w.Code, w.Body)
		}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/set-aside/casework/999/drop",
			strings.NewReader(`{"reason":"by a program"}`))
		r.Header.Set("X-As", "admin")
		r.Header.Set("Content-Type", "application/json")
		w = httptest.NewRecorder()
		if h.h.ServeHTTP(w, r); w.Code != http.StatusNotFound {
			t.Errorf("drop what is not there: %d %s", w.Code, w.Body)
		}
		h.err = nil
		post("/settings/set-aside/retry", url.Values{}, http.StatusSeeOther)
		drain()
		if p := h.all(t); p.Total != 0 {
			t.Errorf("left: %+v", p.Rows)
		}
		got := strings.Join(h.actions(t), "\n")
		for _, want := range []string{"message.retry u1 " + list[0].ID, "message.drop u1 " + list[1].ID,
			"of a member that left",
			`message.retry-all u1  {"messages":1}`} {
			if !strings.Contains(got, want) {
				t.Errorf("the trail has no %q: %s", want, got)
			}
		}
	})
}

// What no consumer of this version handles can be dropped, not tried again.
func TestConsumerGone(t *testing.T) {
	each(t, func(t *testing.T, h *hub) {
		h.fail(t, 1)
		m := h.all(t).Rows[0]
		other := queue.Consumer{Name: "other", Topics: h.consumer().Topics}
		if _, err := queue.New(t.Context(), h.db, slog.New(slog.DiscardHandler), other); err != nil {
			t.Fatal(err)
		}
		if w := h.do(t, "admin", http.MethodPost, pathOf(m)+"/retry", url.Values{}); w.Code != http.StatusConflict {
			t.Errorf("tried again: %d", w.Code)
		}
		w := h.do(t, "admin", http.MethodGet, pathOf(m)+"?lang=en", nil)
		if s := w.Body.String(); !strings.Contains(s, "no consumer in this version") ||
			strings.Contains(s, "Try it again") {
			t.Errorf("the page: %s", s)
		}
	})
}

// Many messages are pages of a list, sorted and narrowed.
func TestMany(t *testing.T) {
	each(t, func(t *testing.T, h *hub) {
		const n = 300
		h.fail(t, n)
		p := h.all(t)
		if p.Total != n || len(p.Rows) != n {
			t.Fatalf("%d of %d", len(p.Rows), p.Total)
		}
		for _, path := range []string{"", "?sort=size", "?sort=-tries&consumer=casework",
			"?sort=consumer&q=finding-00299"} {
			w := h.do(t, "admin", http.MethodGet, "/settings/set-aside"+path, nil)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "finding-00") {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		seen, after := 0, ""
		for {
			var page list.Page[Message]
			err := h.db.Read(t.Context(), System(), func(tx *store.Tx) (err error) {
				page, err = Page(tx, list.Ask{Sort: "topic", Limit: 100, After: after})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			seen, after = seen+len(page.Rows), page.Next
			if after == "" {
				break
			}
		}
		if seen != n {
			t.Errorf("the pages have %d", seen)
		}
		h.err = nil
		if w := h.do(t, "admin", http.MethodPost, "/api/v1/set-aside/retry", nil); !strings.Contains(w.Body.String(),
			"300") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if err := h.q.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := h.all(t); p.Total != 0 {
			t.Errorf("%d are left", p.Total)
		}
	})
}

// names calls every member the same.
type names struct{}

func (names) Name(context.Context, string) string   { return hostile }
func (names) Sector(context.Context, string) string { return "" }
