package consent

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Consultation is a question of a member to the hub's analysts.
type Consultation struct {
	ID       string          `db:"id"`
	Title    string          `db:"title"`
	Text     string          `db:"text"`
	Object   string          `db:"object"` // what it is about; may be empty
	Person   string          `db:"person"`
	Made     time.Time       `db:"made"`
	Closed   time.Time       `db:"closed"` // zero while it is open
	Handling policy.Handling `db:",handling"`
}

// Word is what somebody said in a consultation.
type Word struct {
	ID           string    `db:"id"`
	Consultation string    `db:"about"`
	At           time.Time `db:"at"`
	Member       string    `db:"member"` // empty: the hub
	Person       string    `db:"person"`
	Text         string    `db:"text"`
}

const consultColumns = "c.id, c.title, c.text, c.object, c.person, c.made, c.closed, c.tlp, c.owner, c.audience"

// Consultations returns those that the scope of tx may see: open ones first, the latest first.
func Consultations(tx *store.Tx) ([]Consultation, error) {
	return store.Query[Consultation](tx, `SELECT `+consultColumns+` FROM consultation c WHERE SCOPE(c)
		ORDER BY CASE WHEN c.closed = 0 THEN 0 ELSE 1 END, c.made DESC, c.id LIMIT 500`)
}

// Consulted returns one consultation and what was said in it, or fault.NotFound.
func Consulted(tx *store.Tx, id string) (Consultation, []Word, error) {
	c, err := store.One[Consultation](tx, `SELECT `+consultColumns+` FROM consultation c WHERE c.id = $1
		AND SCOPE(c)`, id)
	if fault.Is(err, fault.NotFound) {
		return c, nil, fault.New(fault.NotFound, i18n.T("there is no such consultation, or it is not there for you",
			"相談が存在しないか、閲覧できません"))
	}
	if err != nil {
		return c, nil, err
	}
	words, err := store.Query[Word](tx, `SELECT id, about, at, member, person, text FROM consultation_word
		WHERE about = $1 ORDER BY at, id LIMIT 500`, id)
	return c, words, err
}

// Consult asks the hub's analysts something, about an object of the community or about none.
func (s *Service) Consult(ctx context.Context, v policy.Viewer, title, text, object string) (id string, err error) {
	if v.Member == "" || !identity.AtLeast(v.Role, policy.RoleAnalyst) {
		return "", denied(i18n.T("an analyst of a member does this", "この操作は構成員の分析担当者が行います"))
	}
	title, object = identity.CleanName(title), strings.TrimSpace(object)
	if text, err = said(text); err != nil {
		return "", err
	}
	if title == "" || len([]rune(title)) > 200 {
		return "", fault.New(fault.Invalid, i18n.T("a title has 1 to 200 characters",
			"件名は 1 文字から 200 文字までです"))
	}
	id = clock.RandomID()
	err = s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		if object != "" {
			if _, err := find(tx, object); err != nil {
				return err
			}
		}
		open, err := store.One[int](tx, `SELECT count(*) FROM consultation c WHERE c.owner = $1 AND c.closed = 0
			AND SCOPE(c)`, v.Member)
		if err != nil {
			return err
		}
		if open >= maxConsults {
			return fault.New(fault.TooLarge, i18n.T("at most {0} consultations are open at a time",
				"同時に相談できるのは {0} 件までです").With(maxConsults))
		}
		return store.Insert(tx, "consultation", []Consultation{{ID: id, Title: title, Text: text, Object: object,
			Person: v.Name, Made: tx.Now(), Handling: between(v.Member)}})
	})
	if err == nil {
		s.Notify()
	}
	return id, err
}

func said(text string) (string, error) {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	if text == "" || len([]rune(text)) > maxText {
		return "", fault.New(fault.Invalid, i18n.T("a text has 1 to {0} characters",
			"本文は 1 文字から {0} 文字までです").
			With(maxText))
	}
	return text, nil
}

// Say adds a word to a consultation: of the member that asked, or of the hub's analysts.
// last closes it.
func (s *Service) Say(ctx context.Context, v policy.Viewer, id, text string, last bool) error {
	if !identity.AtLeast(v.Role, policy.RoleAnalyst) {
		return denied(i18n.T("an analyst does this", "この操作は分析担当者が行います"))
	}
	text, err := said(text)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		c, words, err := Consulted(tx, id)
		if err != nil {
			return err
		}
		if !c.Closed.IsZero() || len(words) >= 400 {
			return fault.New(fault.Gone, i18n.T("this consultation is closed", "この相談は終了しています"))
		}
		if err := store.Insert(tx, "consultation_word", []Word{{clock.NewID(), id, tx.Now(), v.Member, v.Name,
			text}}); err != nil || !last {
			return err
		}
		_, err = tx.Exec(`UPDATE consultation SET closed = $1 WHERE id = $2 AND SCOPE(consultation)`, tx.Now(), id)
		return err
	})
	if err == nil {
		s.Notify()
	}
	return err
}
