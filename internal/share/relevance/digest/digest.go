// Package digest tells a member by mail what came in that matters to it (package relevance):
// once a day or a week at an hour in its own zone, and not in its quiet hours; but what is
// urgent at once, whatever the hour. A mail names only what is TLP:CLEAR or TLP:GREEN; of the
// rest it says how many there are, and where to read them.
package digest

import (
	"cmp"
	"context"
	"crypto/tls"
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/relevance"
	"github.com/meneki/meneki/internal/share/relevance/digest/mail"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is the table of who gets digests.
func Migration() store.Migration { return store.Migration{Name: "digest", FS: files} }

// Config is what a Service stands on.
type Config struct {
	DB        *store.DB
	Relevance *relevance.Service
	Nodes     identity.Nodes
	URL       func() string // of the console, for links
	Log       *slog.Logger
	TLS       *tls.Config // nil: the machine's authorities are trusted
}

// Service sends digests. Several may run on one database: each mail is sent by one.
type Service struct{ Config }

// New returns a service.
func New(c Config) *Service { return &Service{c} }

// Settings is how a member wants its digests.
type Settings struct {
	Address   string    `json:"address"` // empty: none
	Every     string    `json:"every"`   // day, week (on Monday), or urgent alone
	Hour      int       `json:"hour"`    // at which it is sent
	QuietFrom int       `json:"quiet_from"`
	QuietTo   int       `json:"quiet_to"` // the same as QuietFrom: no quiet hours
	Zone      string    `json:"zone"`
	Lang      i18n.Lang `json:"lang"`
}

// How often digests come.
const (
	Daily  = "day"
	Weekly = "week"
	Urgent = "urgent"
)

// Clean returns settings as they are stored, or what is wrong with them.
func (s Settings) Clean() (Settings, error) {
	if s.Address != "" {
		a, err := mail.Address(s.Address)
		if err != nil {
			return s, err
		}
		s.Address = a
	}
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "" || s.Zone == "Local" {
		return s, fault.New(fault.Invalid, i18n.T("{0} is not a time zone", "{0} というタイムゾーンはありません").With(s.Zone)).
			WithHint(i18n.T("write it as Asia/Tokyo", "Asia/Tokyo のように書いてください"))
	}
	hour := func(h int) bool { return h >= 0 && h < 24 }
	switch {
	case s.Every != Daily && s.Every != Weekly && s.Every != Urgent:
		return s, fault.New(fault.Invalid, i18n.T("choose day, week or urgent", "day、week、urgent から選んでください"))
	case !hour(s.Hour) || !hour(s.QuietFrom) || !hour(s.QuietTo):
		return s, fault.New(fault.Invalid, i18n.T("an hour is from 0 to 23", "時刻は 0 から 23 の間で指定してください"))
	}
	if s.Lang != i18n.EN {
		s.Lang = i18n.JA
	}
	return s, nil
}

// quiet reports whether an hour is one of the quiet ones.
func (s Settings) quiet(hour int) bool {
	if s.QuietFrom <= s.QuietTo {
		return hour >= s.QuietFrom && hour < s.QuietTo
	}
	return hour >= s.QuietFrom || hour < s.QuietTo
}

// Due reports whether a digest is to be sent now, if the last one was at told: its hour has
// come since, of a day that it is for, and it is not a quiet hour.
func (s Settings) Due(now, told time.Time) bool {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil || s.Every == Urgent || s.Address == "" {
		return false
	}
	local := now.In(zone)
	if s.quiet(local.Hour()) {
		return false
	}
	at := time.Date(local.Year(), local.Month(), local.Day(), s.Hour, 0, 0, 0, zone)
	if at.After(local) {
		at = at.AddDate(0, 0, -1)
	}
	if s.Every == Weekly {
		at = at.AddDate(0, 0, -(int(at.Weekday())+6)%7)
	}
	return told.Before(at)
}

type row struct {
	Member   string          `db:"member"`
	Body     string          `db:"body"`
	Told     time.Time       `db:"told"`
	Urgent   time.Time       `db:"urgent"`
	Failed   string          `db:"failed"`
	Handling policy.Handling `db:",handling"`
}

const columns = "d.member, d.body, d.told, d.urgent, d.failed, d.tlp, d.owner, d.audience"

// settings returns how a member wants its digests, and why the last one failed, as far as the
// scope may see that.
func settings(tx *store.Tx, member string) (s Settings, failed string, err error) {
	s = Settings{Every: Daily, Hour: 8, QuietFrom: 20, QuietTo: 7, Zone: "Asia/Tokyo", Lang: i18n.JA}
	list, err := store.Query[row](tx, `SELECT `+columns+` FROM digest d WHERE d.member = $1 AND SCOPE(d)`, member)
	if err != nil || len(list) == 0 {
		return s, "", err
	}
	return s, list[0].Failed, json.Unmarshal([]byte(list[0].Body), &s)
}

// Set keeps how the viewer's organisation wants its digests. What came before is not told.
func (s *Service) Set(ctx context.Context, v policy.Viewer, want Settings) error {
	if !identity.AtLeast(v.Role, policy.RoleAnalyst) || v.Machine || v.Member == "" {
		return fault.New(fault.Denied, i18n.T("an analyst of a member does this", "この操作は構成員の分析担当者が行います"))
	}
	want, err := want.Clean()
	if err != nil {
		return err
	}
	body, err := json.Marshal(want)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO digest (member, body, told, urgent, failed, tlp, owner, audience)
			VALUES ($1,$2,$3,$3,'',$4,$1,'') ON CONFLICT (member) DO UPDATE SET body = excluded.body, failed = ''`,
			v.Member, string(body), tx.Now(), int(policy.Red))
		return err
	})
}

const settingServer = "mail.server"

// Server returns the mail server that was set; ok is false if there is none.
func (s *Service) Server(ctx context.Context) (out mail.Server, ok bool, err error) {
	text, ok, err := s.DB.Setting(ctx, settingServer)
	if err != nil || !ok || text == "" {
		return out, false, err
	}
	return out, true, json.Unmarshal([]byte(text), &out)
}

// SetServer keeps the mail server; it is for the hub's administrators. An empty password keeps
// the one that was set for the same host and user.
func (s *Service) SetServer(ctx context.Context, v policy.Viewer, server mail.Server) error {
	if !v.Hub || v.Role != policy.RoleAdmin {
		return fault.New(fault.Denied, i18n.T("the hub's administrators do this", "この操作はハブの管理者が行います"))
	}
	had, ok, err := s.Server(ctx)
	if err != nil {
		return err
	}
	if ok && server.Password == "" && had.Host == server.Host && had.User == server.User {
		server.Password = had.Password
	}
	if err := server.Validate(); err != nil {
		return err
	}
	body, err := json.Marshal(server)
	if err != nil {
		return err
	}
	return s.DB.SetSetting(ctx, settingServer, string(body))
}

// Run sends what is due, once a minute, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("could not send digests", slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Round sends what is due now.
func (s *Service) Round(ctx context.Context) error {
	server, ok, err := s.Server(ctx)
	if err != nil || !ok {
		return err
	}
	var list []row
	err = s.DB.Read(ctx, store.System("digests that are due"), func(tx *store.Tx) error {
		list, err = store.Query[row](tx, `SELECT `+columns+` FROM digest d WHERE SCOPE(d) ORDER BY d.member`)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range list {
		var want Settings
		if err := json.Unmarshal([]byte(r.Body), &want); err != nil {
			return fmt.Errorf("read how %s wants its digests: %w", r.Member, err)
		}
		if want.Address == "" {
			continue
		}
		if err := s.send(ctx, server, r, want, true); err != nil {
			return err
		}
		if want.Due(s.DB.Now(), r.Told) {
			if err := s.send(ctx, server, r, want, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookBack is how far back a look for urgent things goes before it begins anew: they are looked for
// every minute, and what was looked at need not be written down each time.
const lookBack = 10 * time.Minute

// send composes a mail and sends it. Whoever moves the member's mark sends it: of several hubs
// on one database one. A mail that is not taken moves the mark back, so that it is tried again.
func (s *Service) send(ctx context.Context, server mail.Server, r row, want Settings, urgent bool) error {
	from, mark := r.Told, "told"
	if urgent {
		from, mark = r.Urgent, "urgent"
	}
	now := s.DB.Now()
	letter, err := s.Compose(ctx, r.Member, want, from, urgent)
	if err != nil || urgent && letter.Empty() && now.Sub(from) < lookBack {
		return err
	}
	move := func(from, to time.Time, failed string) (bool, error) {
		n := int64(0)
		err := s.DB.Write(ctx, store.System("digest: "+mark), func(tx *store.Tx) (err error) {
			n, err = tx.Exec(`UPDATE digest SET `+mark+` = $1, failed = $2 WHERE member = $3 AND `+mark+` = $4
				AND SCOPE(digest)`, to, failed, r.Member, clock.Micros(from))
			return err
		})
		return n > 0, err
	}
	mine := now
	if letter.upto.After(now) {
		mine = letter.upto
	}
	if won, err := move(from, mine, ""); err != nil || !won {
		return err
	}
	if letter.Empty() {
		return nil
	}
	err = server.Send(ctx, letter.message(want, now), s.TLS)
	if err == nil {
		s.Log.Info("sent a digest", slog.String("member", r.Member), slog.Bool("urgent", urgent))
		return nil
	}
	s.Log.Warn("a digest was not taken", slog.String("member", r.Member), slog.Any("err", err))
	_, e := move(mine, from, cmp.Or(fault.TextOf(err).In(want.Lang), "?"))
	return e
}
