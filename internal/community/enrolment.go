package community

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
)

// Enrolment is what a node holds after it has joined. The seed was made at the
// node and never left it.
type Enrolment struct {
	Member string `json:"member"`
	Name   string `json:"name"`
	Sector string `json:"sector"`

	// The trust groups that the member belongs to, and what they are called.
	Groups     policy.Groups     `json:"groups,omitempty"`
	GroupNames map[string]string `json:"group_names,omitempty"`

	Hub     string `json:"hub"`      // the hub's URL
	HubName string `json:"hub_name"` // the hub's name
	Pin     string `json:"pin"`      // SHA-256 of the hub CA's public key; empty on loopback
	LeafURL string `json:"leaf_url"`
	CA      string `json:"ca"` // PEM
	Account string `json:"account"`
	UserJWT string `json:"user_jwt"`
	Seed    string `json:"seed"`
	// What belongs to the community, as the hub told last. It is kept, so that a
	// node that starts without its hub does not take it for an attacker's.
	Domains  []string       `json:"domains,omitempty"`
	Networks []netip.Prefix `json:"networks,omitempty"`
}

const enrolmentFile = "enrolment.json"

// Joined reports whether the node of a data folder has joined a hub.
func Joined(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, enrolmentFile))
	return err == nil
}

// LoadEnrolment reads a node's enrolment; ok is false if the node has not joined.
func LoadEnrolment(dir string) (p Enrolment, ok bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, enrolmentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return p, false, fault.Wrap(fault.Storage, i18n.T("the node's enrolment {0} is not readable",
			"ノードの参加情報 {0} を読み取れません").With(filepath.Join(dir, enrolmentFile)), err).
			WithHint(i18n.T("restore it from a backup, or move the file away and join again with a new token",
				"バックアップから戻すか、このファイルを退避して新しいトークンで参加し直してください"))
	}
	return p, true, nil
}

// Save writes the enrolment so that a crash leaves the old one or the new one.
func (p Enrolment) Save(dir string) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, enrolmentFile+".new")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(tmp, filepath.Join(dir, enrolmentFile))
	}
	if err != nil {
		return fault.Wrap(fault.Storage,
			i18n.T("cannot write {0}", "{0} に書き込めません").With(filepath.Join(dir, enrolmentFile)), err)
	}
	return nil
}

// EnrolmentOf returns what the node keeps of the hub's reply; hub is where it
// joined, seed the secret of the key that it joined with.
func EnrolmentOf(a wire.JoinReply, hub, pin string, seed []byte) Enrolment {
	return Enrolment{Member: a.Member, Name: a.Name, Sector: a.Sector, Hub: hub, HubName: a.HubName, Pin: pin,
		LeafURL: a.LeafURL, CA: a.CA,
		Account: a.Account, UserJWT: a.UserJWT, Seed: string(seed), Domains: a.Domains, Networks: a.Networks}
}

// Token puts the pin of the hub's key into an invitation, so that the node
// knows the hub before it talks to it.
func Token(secret, pin string) string {
	if pin == "" {
		return secret
	}
	return secret + "." + base64.RawURLEncoding.EncodeToString([]byte(pin))
}

// SplitToken is the inverse of Token.
func SplitToken(token string) (secret, pin string, err error) {
	secret, enc, ok := strings.Cut(strings.TrimSpace(token), ".")
	if !ok {
		return secret, "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(enc)
	if err != nil {
		return "", "", fault.Wrap(fault.Invalid, i18n.T("the token is damaged", "トークンが壊れています"), err).
			WithHint(i18n.T("copy it again, whole, from the invitation", "招待からもう一度、全体を写してください"))
	}
	return secret, string(b), nil
}

// Join presents a token at the hub and gives the enrolment. pinned makes the TLS
// configuration that trusts only the hub of a pin.
func Join(ctx context.Context, hubURL, token, publicKey string, seed []byte,
	pinned func(pin string) *tls.Config) (Enrolment, error) {
	u, err := url.Parse(strings.TrimRight(hubURL, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return Enrolment{}, fault.Wrap(fault.Invalid, i18n.T("{0} is not the URL of a hub",
			"{0} はハブの URL ではありません").With(hubURL), err).
			WithHint(i18n.T("it looks like https://hub.example.go.jp:8470", "https://hub.example.go.jp:8470 のような形です"))
	}
	secret, pin, err := SplitToken(token)
	if err != nil {
		return Enrolment{}, err
	}
	client := &http.Client{Timeout: 20 * time.Second}
	switch {
	case u.Scheme == "https" && pin != "":
		client.Transport = &http.Transport{TLSClientConfig: pinned(pin)}
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return Enrolment{}, fault.New(fault.Invalid, i18n.T("a token is never sent in the clear over a network",
			"トークンを平文でネットワークに送ることはできません")).
			WithHint(i18n.T("use the hub's https:// address", "ハブの https:// のアドレスを使ってください"))
	}
	body, err := json.Marshal(wire.JoinRequest{Token: secret, PublicKey: publicKey})
	if err != nil {
		return Enrolment{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String()+"/api/v1/join", bytes.NewReader(body))
	if err != nil {
		return Enrolment{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil && strings.Contains(err.Error(), pki.WrongClock) {
		return Enrolment{}, fault.Wrap(fault.Unavailable,
			i18n.T("this machine's clock and the certificate of {0} do not go together",
				"この端末の時計と {0} の証明書の有効期間が合いません").With(u.Host), err).
			WithHint(
				i18n.T("it is {0} here: set the clock right (NTP) and try again; if it is right, the hub's "+
					"certificate has run out", "この端末の時刻は {0} です。時刻を合わせて（NTP）再試行してください。時刻が正しければ、ハブの証明書の期限切れです").With(
					clock.System().UTC().Format(time.RFC3339),
				),
			)
	}
	if err != nil && strings.Contains(err.Error(), "pki:") {
		return Enrolment{}, fault.Wrap(fault.Denied, i18n.T("{0} is not the hub that this invitation is from",
			"{0} は、この招待を発行したハブではありません").With(u.Host), err).
			WithHint(i18n.T("check the address; if it is right, somebody stands in between: do not go on, and ask "+
				"the hub", "アドレスを確認してください。正しければ第三者が介在しています。続行せず、ハブに問い合わせてください"))
	}
	if err != nil {
		return Enrolment{}, fault.Wrap(fault.Unavailable, i18n.T("the hub at {0} cannot be reached",
			"ハブ {0} に接続できません").With(u.Host), err).
			WithHint(i18n.T("check that the hub runs and that this machine may connect to it",
				"ハブが動いていること、この端末から接続できることを確認してください"))
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return Enrolment{}, fault.Wrap(fault.Unavailable, fault.Unavailable.Title(), err)
	}
	if res.StatusCode != http.StatusOK {
		return Enrolment{}, problem(res.StatusCode, b)
	}
	var a wire.JoinReply
	if err := json.Unmarshal(b, &a); err != nil || a.Member == "" {
		return Enrolment{}, fault.Wrap(fault.Invalid, i18n.T("{0} does not answer like a meneki hub",
			"{0} の応答は meneki のハブのものではありません").With(u.Host), err).
			WithHint(i18n.T("check the address and the port: it is that of the hub's console",
				"アドレスとポートを確認してください。ハブの画面と同じものです"))
	}
	return EnrolmentOf(a, u.String(), pin, seed), nil
}

func loopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

// problem turns the hub's answer into the fault that it was there.
func problem(status int, body []byte) error {
	var p fault.Problem
	if json.Unmarshal(body, &p) != nil || p.Type == "" {
		return fault.New(fault.Unavailable, i18n.T("the hub answered with status {0}", "ハブの応答は状態 {0} でした").With(status))
	}
	if e, ok := p.Err(); ok {
		e.Err = fmt.Errorf("hub answered %d", status)
		return e
	}
	return fault.New(fault.Unavailable, i18n.Same(p.Title))
}
