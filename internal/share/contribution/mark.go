package contribution

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Mark is a member's statement that an object is a false positive.
type Mark struct {
	ID        string          `db:"id"`
	Object    string          `db:"object"`
	Member    string          `db:"member"` // empty: the hub's people
	By        string          `db:"by_user"`
	Reason    string          `db:"reason"`
	At        time.Time       `db:"at"`
	State     MarkState       `db:"state"`
	Decided   time.Time       `db:"decided"`
	DecidedBy string          `db:"decided_by"`
	Handling  policy.Handling `db:",handling"`
}

// MarkState is where a mark stands.
type MarkState string

// The states of a mark. Only an upheld one costs whose object it is.
const (
	Open     MarkState = "open"
	Upheld   MarkState = "upheld"
	Declined MarkState = "declined"
	Undone   MarkState = "undone" // by who made it
)

const markColumns = "k.id, k.object, k.member, k.by_user, k.reason, k.at, k.state, k.decided, k.decided_by, k.tlp, " +
	"k.owner, k.audience"

// maxMarkReason is how long a reason may be, in characters.
const maxMarkReason = 1000

// Report notes that an object is a false positive, for the hub's coordinators to decide. v must
// be able to see the object. A member has one open mark for an object; a second replaces its reason.
func (s *Service) Report(ctx context.Context, v policy.Viewer, object, reason string) (m Mark, err error) {
	reason = strings.TrimSpace(reason)
	switch {
	case !identity.AtLeast(v.Role, policy.RoleAnalyst) || v.Member == "" && !v.Hub:
		return m, fault.New(fault.Denied, i18n.T("an analyst does this", "この操作は分析担当者が行います"))
	case reason == "":
		return m, fault.New(fault.Invalid, i18n.T("say why it is a false positive", "誤検知と判断した理由を書いてください"))
	case utf8.RuneCountInString(reason) > maxMarkReason:
		return m, fault.New(fault.TooLarge, i18n.T("the reason is longer than {0} characters",
			"理由が {0} 文字を超えています").With(maxMarkReason))
	}
	err = s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		g, err := gift(tx, object)
		if err != nil {
			return err
		}
		if v.Member != "" && g.Giver == v.Member {
			return fault.New(fault.Conflict, i18n.T("it is your own organisation's: withdraw it instead",
				"自組織が提供したものです。取り下げを行ってください"))
		}
		// For the member's own people and the hub's; whose object it is learns of it once it is upheld.
		m = Mark{ID: clock.NewID(), Object: object, Member: v.Member, By: v.Name, Reason: reason, At: tx.Now(),
			State:    Open,
			Handling: policy.Handling{TLP: policy.AmberStrict, Owner: v.Member}}
		had, err := store.Query[Mark](tx, `SELECT `+markColumns+` FROM contribution_mark k
			WHERE k.object = $1 AND k.member = $2 AND k.state IN ('open', 'upheld') AND SCOPE(k)`, object, v.Member)
		if err != nil {
			return err
		}
		if len(had) > 0 && had[0].State == Upheld {
			return fault.New(fault.Conflict, i18n.T("that it is a false positive was upheld already",
				"誤検知であることは既に確認されています"))
		}
		tx.AfterCommitOnce(s, s.Notify)
		if len(had) > 0 {
			m.ID = had[0].ID
			_, err = tx.Exec(`UPDATE contribution_mark SET reason = $1, by_user = $2, at = $3 WHERE id = $4
				AND SCOPE(contribution_mark)`, reason, v.Name, tx.Now(), m.ID)
			return err
		}
		return store.Insert(tx, "contribution_mark", []Mark{m})
	})
	return m, err
}

func gift(tx *store.Tx, object string) (giftRow, error) {
	g, err := store.One[giftRow](tx, `SELECT `+giftColumns+` FROM contribution_gift g WHERE g.object = $1 AND SCOPE(g)`,
		object)
	if fault.Is(err, fault.NotFound) {
		return g, fault.New(fault.NotFound, i18n.T("there is no such object, or it is not there for you",
			"該当するオブジェクトが存在しないか、閲覧できません"))
	}
	return g, err
}

// Decide upholds or declines a mark, or undoes either: then it is open again. It is for the hub's
// coordinators. Its own member takes an open mark back with Undone.
func (s *Service) Decide(ctx context.Context, v policy.Viewer, id string, to MarkState) error {
	decides := v.Hub && identity.AtLeast(v.Role, policy.RoleCoordinator)
	denied := fault.New(fault.Denied, i18n.T("the hub's coordinators do this", "この操作はハブの調整担当者が行います"))
	if !decides && to != Undone || !identity.AtLeast(v.Role, policy.RoleAnalyst) {
		return denied
	}
	return s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		m, err := store.One[Mark](tx, `SELECT `+markColumns+` FROM contribution_mark k WHERE k.id = $1 AND SCOPE(k)`,
			id)
		if err != nil {
			return err
		}
		h := policy.Handling{TLP: policy.AmberStrict, Owner: m.Member}
		decided, by := tx.Now(), v.Name
		switch {
		case to == Undone && m.Member != v.Member:
			return denied
		case to == Undone && m.State != Open, to != Open && to != Undone && m.State != Open, to == Open &&
			m.State == Open:
			return fault.New(fault.Conflict, i18n.T("it was decided meanwhile", "既に判断されています")).
				WithHint(i18n.T("look at the page again", "ページを読み込み直してください"))
		case to == Open:
			decided, by = time.Time{}, ""
		case to == Upheld: // whose object it is learns that it was wrong, and not who said so
			g, err := gift(tx, m.Object)
			if err != nil {
				return err
			}
			h.TLP, h.Audience = policy.Amber, policy.Audience{policy.ToMember(g.Giver)}
		}
		tx.AfterCommitOnce(s, s.Notify)
		_, err = tx.Exec(`UPDATE contribution_mark SET state = $1, decided = $2, decided_by = $3, tlp = $4,
			audience = $5 WHERE id = $6 AND SCOPE(contribution_mark)`, string(to),
			decided, by, int(h.TLP), h.Audience.Column(), id)
		return err
	})
}

// Marks lists the marks of an object that the scope may see, the newest first. Those of others
// say to a member only that they were upheld.
func Marks(tx *store.Tx, object string) ([]Mark, error) {
	list, err := store.Query[Mark](tx, `SELECT `+markColumns+` FROM contribution_mark k WHERE k.object = $1
		AND k.state <> 'undone' AND SCOPE(k) ORDER BY k.at DESC, k.id`, object)
	return told(tx, list), err
}

// waiting lists the marks that wait for a decision, the oldest first, and those decided last.
func waiting(tx *store.Tx) (open, decided []Mark, err error) {
	open, err = store.Query[Mark](tx, `SELECT `+markColumns+` FROM contribution_mark k WHERE k.state = 'open'
		AND SCOPE(k) ORDER BY k.at, k.id LIMIT 200`)
	if err == nil {
		decided, err = store.Query[Mark](tx, `SELECT `+markColumns+` FROM contribution_mark k
			WHERE k.state IN ('upheld', 'declined') AND SCOPE(k) ORDER BY k.decided DESC, k.id LIMIT 20`)
	}
	return told(tx, open), told(tx, decided), err
}

// told leaves out of other members' marks who made them and what they wrote.
func told(tx *store.Tx, list []Mark) []Mark {
	v, ok := tx.Scope().Viewer()
	if !ok || v.Hub {
		return list
	}
	for i := range list {
		if m := &list[i]; m.Member != v.Member {
			m.Member, m.By, m.Reason, m.Handling = "", "", "", policy.Handling{TLP: policy.AmberStrict, Owner: v.Member}
		}
	}
	return list
}
