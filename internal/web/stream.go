package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

const (
	maxTopics  = 16
	maxPerUser = 24 // open streams; a browser closes those of hidden pages
	heartbeat  = 20 * time.Second
	recheck    = 3 // heartbeats between two looks at who it is
	sendWithin = 10 * time.Second
	// PublicTopic is the prefix of topics that may be followed without signing
	// in: even the rhythm of the others must not be seen.
	PublicTopic = "public."
)

// stream is GET /live?topics=a,b: server-sent events (HTML standard, section
// 9.2) that carry names of topics and never data.
func (s *Site) stream(w http.ResponseWriter, hr *http.Request) {
	r, err := s.request(w, hr, policy.RoleNone)
	if err == nil {
		err = s.follow(r)
	}
	if err != nil {
		s.refuse(w, hr, r, err)
	}
}

func (s *Site) follow(r *Request) error {
	topics, err := parseTopics(r.URL.Query().Get("topics"))
	if err != nil {
		return err
	}
	public := !slices.ContainsFunc(topics, func(t string) bool { return !strings.HasPrefix(t, PublicTopic) })
	if !public && r.Viewer == (policy.Viewer{}) {
		return fault.New(fault.Unauthenticated, i18n.T("sign in to follow these topics", "この更新を受け取るにはサインインが必要です"))
	}
	paced, heard := !public && s.cfg.Paced != nil && s.cfg.Paced(r.Viewer), topics
	if paced {
		heard = nil
	}
	sub, ok := s.live.join(r.Viewer.User, heard)
	if !ok {
		return fault.New(fault.Busy, i18n.T("too many open live pages", "即時更新の接続が多すぎます"))
	}
	defer s.live.leave(sub)

	h := r.W.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	r.W.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(r.W)
	send := func(format string, args ...any) bool {
		_ = rc.SetWriteDeadline(clock.System().Add(sendWithin)) // not every writer has one
		if _, err := fmt.Fprintf(r.W, format, args...); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	if !send("retry: 3000\n\n") {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for beats := 0; ; {
		select {
		case <-r.Context().Done():
			return nil
		case <-s.live.done:
			send("event: bye\ndata: \n\n")
			return nil
		case <-sub.wake:
			if due := s.live.take(sub); len(due) > 0 && !send("event: tell\ndata: %s\n\n", strings.Join(due, ",")) {
				return nil
			}
		case <-beat.C:
			if beats++; !public && beats%recheck == 0 {
				if v, err := s.viewer(r.Request); err != nil || v != r.Viewer {
					return nil // signed out, or another by now: the browser connects again as who it is
				}
			}
			if paced && !send("event: tell\ndata: %s\n\n", strings.Join(topics, ",")) {
				return nil
			}
			if !paced && !send(": \n\n") {
				return nil
			}
		}
	}
}

func parseTopics(q string) ([]string, error) {
	topics := strings.Split(q, ",")
	bad := q == "" || len(topics) > maxTopics
	for _, t := range topics {
		bad = bad || len(t) > 64 || strings.ContainsFunc(t, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
				strings.ContainsRune("._:-", c))
		})
	}
	if bad {
		return nil, fault.New(fault.Invalid,
			i18n.T("topics must be 1 to {0} names of letters, digits and . _ : -",
				"topics には英数字と . _ : - からなる名前を 1〜{0} 個指定してください").With(maxTopics))
	}
	return topics, nil
}
