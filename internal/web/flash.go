package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// flash is a sentence for the next page. It travels in a cookie that is signed
// with a key of this process, so that nobody else can put text on our pages.
type flash struct {
	Mood Mood
	Text i18n.Text
}

const maxFlash = 3000 // bytes of the cookie

func (s *Site) writeFlash(r *Request) {
	if len(r.flash) == 0 {
		return
	}
	body, err := json.Marshal(r.flash)
	if err != nil {
		return // texts always marshal
	}
	value := base64.RawURLEncoding.EncodeToString(body) + "." + base64.RawURLEncoding.EncodeToString(s.sign(body))
	if len(value) > maxFlash {
		return
	}
	http.SetCookie(r.W, &http.Cookie{Name: cookieFlash, Value: value, Path: "/", MaxAge: 60, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
}

// readFlash takes the sentences that were left for this page.
func (s *Site) readFlash(w http.ResponseWriter, r *http.Request) []flash {
	c, err := r.Cookie(cookieFlash)
	if err != nil {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: cookieFlash, Path: "/", MaxAge: -1, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	text, mac, _ := strings.Cut(c.Value, ".")
	body, err1 := base64.RawURLEncoding.DecodeString(text)
	sum, err2 := base64.RawURLEncoding.DecodeString(mac)
	if err1 != nil || err2 != nil || !hmac.Equal(sum, s.sign(body)) {
		return nil
	}
	var out []flash
	if json.Unmarshal(body, &out) != nil {
		return nil
	}
	return out
}

func (s *Site) sign(body []byte) []byte {
	h := hmac.New(sha256.New, s.flashKey)
	h.Write(body)
	return h.Sum(nil)
}
