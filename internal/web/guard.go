package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/meneki/meneki/internal/clock"
)

// csp lets a page load its own scripts, styles and pictures, and nothing else.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// requestState goes with each request.
type requestState struct{ id string }

// guard is around everything: a request id, the security headers, and a panic
// that ends one request and not the program.
func (s *Site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := &requestState{id: clock.NewID()}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, st))
		h := w.Header()
		h.Set("X-Request-Id", st.id)
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		sent := &sentWriter{ResponseWriter: w}
		began := s.cfg.Clock()
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				s.log.Error("panic", "request", st.id, "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p),
					"stack", string(debug.Stack()))
				if sent.status != 0 {
					panic(http.ErrAbortHandler) // half an answer must not look whole
				}
				s.refuseLogged(sent, r, nil, http.StatusInternalServerError, fmt.Errorf("panic: %v", p))
			}
			if s.log.Enabled(r.Context(), slog.LevelDebug) {
				// The query is left out: it holds what people search for.
				s.log.Debug("request", "request", st.id, "method", r.Method, "path", r.URL.Path, "status", sent.status,
					"took", s.cfg.Clock().Sub(began))
			}
		}()
		next.ServeHTTP(sent, r)
	})
}

// sentWriter notes whether a response has begun.
type sentWriter struct {
	http.ResponseWriter
	status int
}

func (w *sentWriter) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *sentWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *sentWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
