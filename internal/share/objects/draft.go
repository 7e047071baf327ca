package objects

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Draft is what somebody prepares to share. It is its writer's alone.
type Draft struct {
	ID      string    `db:"id"`
	Writer  string    `db:"writer"`
	Member  string    `db:"member"`
	Created time.Time `db:"created"`
	Updated time.Time `db:"updated"`
	Text    string    `db:"text"` // as it was pasted
	Name    string    `db:"name"` // of the file
	Body    Body      `db:"body,json"`
	Report  string    `db:"report"` // that it became
}

// Body is what a writer made of a text.
type Body struct {
	Title      string   `json:"title"`
	Summary    string   `json:"summary"`
	Lines      []Line   `json:"lines"`
	TLP        string   `json:"tlp"`
	PAP        string   `json:"pap,omitempty"`
	Audience   []string `json:"audience"`
	Confidence int      `json:"confidence"` // -1: not said
	Days       int      `json:"days"`       // that indicators hold; 0: no end
	Tags       []string `json:"tags"`
	Shared     []string `json:"shared,omitempty"` // ids of objects that it made
	Withdrawn  bool     `json:"withdrawn,omitempty"`
}

// handling is how the objects of a draft are handled.
func (d Draft) handling() policy.Handling {
	t, _ := policy.ParseTLP(d.Body.TLP)
	return policy.Handling{TLP: t.OrRed(), Owner: d.Member, Audience: slices.Clone(d.Body.Audience)}
}

// Bounds of drafts: how many a writer has, and how long those that were not shared are kept.
const (
	maxDrafts = 200
	keepDraft = 90 * 24 * time.Hour
)

const draftColumns = `id, writer, member, created, updated, text, name, body, report`

// draftOf reads a draft of its writer, or fault.NotFound.
func draftOf(tx *store.Tx, v policy.Viewer, id string) (Draft, error) {
	return store.One[Draft](tx,
		`SELECT `+draftColumns+` FROM share_draft WHERE id = $1 AND writer = $2 AND member = $3`,
		id, v.User, v.Member)
}

// newDraft keeps a text with what was found in it.
func newDraft(tx *store.Tx, v policy.Viewer, text, name string, b Body) (Draft, error) {
	n, err := store.One[int](tx, `SELECT count(*) FROM share_draft WHERE writer = $1 AND report = ''`, v.User)
	if err != nil {
		return Draft{}, err
	}
	if n >= maxDrafts {
		return Draft{}, fault.New(fault.Conflict, i18n.T("there are {0} drafts already; share or drop some",
			"下書きが {0} 件あります。共有するか削除してください").With(n))
	}
	d := Draft{ID: clock.NewID(), Writer: v.User, Member: v.Member, Created: tx.Now(), Updated: tx.Now(), Text: text,
		Name: name, Body: b}
	return d, store.Insert(tx, "share_draft", []Draft{d})
}

// save writes what changed of a draft.
func (d Draft) save(tx *store.Tx) error {
	if _, err := tx.Exec(`DELETE FROM share_draft WHERE id = $1 AND writer = $2`, d.ID, d.Writer); err != nil {
		return err
	}
	d.Updated = tx.Now()
	return store.Insert(tx, "share_draft", []Draft{d})
}

// pruneDrafts forgets drafts that nobody came back to.
func pruneDrafts(tx *store.Tx) error {
	_, err := tx.Exec(`DELETE FROM share_draft WHERE report = '' AND updated < $1`, tx.Now().Add(-keepDraft))
	return err
}

// restricted are the markings in a text, as people write them.
var restricted = regexp.MustCompile(`\btlp ?[:\-_] ?(red|amber ?\+ ?strict|amber|green|clear|white)\b`)

// confined are words by which a text says that it is not for everybody.
var confined = []string{"社外秘", "部外秘", "関係者限り", "関係者外秘", "取扱注意", "転送禁止", "confidential", "do not distribute",
	"not for public", "internal use only"}

// contradictions are what in a draft speaks against its marking. It is not shared with one.
func contradictions(d Draft, v policy.Viewer) (out []i18n.Text) {
	h := d.handling()
	text := store.Fold(d.Text + "\n" + d.Body.Summary + "\n" + d.Body.Title)
	said := policy.TLP(0)
	for _, m := range restricted.FindAllStringSubmatch(text, 1000) {
		if t, ok := policy.ParseTLP(strings.ReplaceAll(m[1], " ", "")); ok {
			said = policy.TLP(max(int(said), int(t)))
		}
	}
	if said != 0 && h.TLP < said {
		out = append(out,
			i18n.T("The text says {0}, and the marking is {1}. Choose {0} or stricter, or take the words out of "+
				"the text if they are not about it.",
				"本文に {0} とありますが、区分は {1} です。{0} 以上に厳しくするか、この情報のことでなければ本文から除いてください。").
				With(said.String(), h.TLP.String()))
	}
	for _, w := range confined {
		if h.TLP <= policy.Green && strings.Contains(text, w) {
			out = append(out, i18n.T("The text says “{0}”, and the marking is {1}.", "本文に「{0}」とありますが、区分は {1} です。").
				With(w, h.TLP.String()))
			break
		}
	}
	if h.TLP == policy.Red {
		for _, t := range h.Audience {
			if t != policy.Coordinators && !strings.HasPrefix(t, "user:") {
				out = append(out,
					i18n.T("TLP:RED is for single persons: the organisations that are ticked would "+
						"not get it. Take the ticks out, or choose AMBER+STRICT.",
						"TLP:RED は個人宛てのため、選択した組織には届きません。選択を外すか、AMBER+STRICT にしてください。"))
				break
			}
		}
	}
	if !policy.MaySee(v, h) {
		out = append(out, i18n.T("You could not see it yourself.", "自分自身が閲覧できなくなります。"))
	}
	return out
}
