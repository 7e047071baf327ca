// Package feeds is a hub's exchange with sources and tools that are not members: lists, MISP feeds,
// TAXII collections and advisories that it reads by address and schedule, and lists that tools of
// members read from it by token.
//
// A source is set up by a coordinator with the handling that it has. What it gives is the hub's own, as
// objects of internal/object; only what changed is written, and of a complete list what is gone ends. A
// list that is empty, or half as long as it was, is held until a person has looked. All reading goes
// through internal/fetch.
package feeds

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/convert"
)

// Kind is how a source is read.
type Kind string

// The kinds.
const (
	List  Kind = "list"  // one document: a list of any form that package convert reads
	TAXII Kind = "taxii" // a collection of a TAXII 2.1 server
	MISP  Kind = "misp"  // a MISP feed: a folder of events with its manifest.json
	CSAF  Kind = "csaf"  // a folder of security advisories with its changes.csv
)

// kinds names them.
var kinds = []struct {
	Kind
	Text i18n.Text
}{
	{List, i18n.T("a list or document (any form)", "一覧や文書（形式は自動判別）")},
	{TAXII, i18n.T("a TAXII 2.1 collection", "TAXII 2.1 のコレクション")},
	{MISP, i18n.T("a MISP feed (folder with manifest.json)", "MISP フィード（manifest.json のあるフォルダー）")},
	{CSAF, i18n.T("CSAF advisories (folder with changes.csv)", "CSAF アドバイザリー（changes.csv のあるフォルダー）")},
}

// Feed is a source with its state.
type Feed struct {
	ID         string      `db:"id"`
	Name       string      `db:"name"`
	Kind       Kind        `db:"kind"`
	Address    string      `db:"address"`
	Collection string      `db:"collection"`
	Format     feed.Format `db:"format"`
	Columns    string      `db:"columns"`
	Type       string      `db:"type"`
	Login      string      `db:"login"`
	Secret     string      `db:"secret"`
	Label      policy.TLP  `db:"label"`
	Every      int64       `db:"every"` // seconds
	Complete   bool        `db:"complete"`
	Paused     bool        `db:"paused"`
	Held       i18n.Text   `db:"held,json"`
	ETag       string      `db:"etag"`
	Changed    string      `db:"changed"`
	Place      string      `db:"place"`
	Due        time.Time   `db:"due"`
	Tried      time.Time   `db:"tried"`
	Succeeded  time.Time   `db:"succeeded"`
	Failures   int64       `db:"failures"`
	Error      i18n.Text   `db:"error,json"`
	Told       string      `db:"told"`
	Records    int64       `db:"records"`
	Taken      int64       `db:"taken"`
	Refused    int64       `db:"refused"`
	Silent     int64       `db:"silent"`
	Notes      []noteLine  `db:"notes,json"`
	Created    time.Time   `db:"created"`
	By         string      `db:"made_by"`
	Live       int64       `db:"live"` // objects of it that have not ended; read beside the row
	running    *progress   // what it does now
}

// noteLine is a note of a reading as it is kept.
type noteLine struct {
	Kind   convert.Kind `json:"kind"`
	Line   int          `json:"line,omitempty"`
	Object string       `json:"object,omitempty"`
	EN     string       `json:"en"`
	JA     string       `json:"ja"`
}

// Bounds of what is set up.
const (
	maxFeeds   = 500
	maxName    = 120
	maxAddress = 2000
	leastEvery = 5 * time.Minute
	mostEvery  = 31 * 24 * time.Hour
	maxNotes   = 100 // that are kept of a reading
)

// handling is how what a source gives is handled: by its own label where that is stricter.
func (f Feed) handling(own policy.TLP) policy.Handling {
	tlp := f.Label.OrRed()
	if own.Known() {
		tlp = max(tlp, own)
	}
	h := policy.Handling{TLP: tlp}
	switch tlp {
	case policy.Amber:
		h.Audience = policy.Audience{policy.Community}
	case policy.Red:
		h.Audience = policy.Audience{policy.Coordinators}
	}
	return h
}

// source names the feed where objects say what they came by.
func (f Feed) source() string { return "feed:" + f.ID }

// columns are the stated columns.
func (f Feed) columns() map[string]int {
	out := map[string]int{}
	for part := range strings.FieldsFuncSeq(f.Columns, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		name, at, _ := strings.Cut(part, "=")
		if n, err := strconv.Atoi(strings.TrimSpace(at)); err == nil {
			out[strings.TrimSpace(name)] = n
		}
	}
	return out
}

// options are how its documents are read.
func (f Feed) options(now time.Time) convert.Options {
	return convert.Options{Options: feed.Options{Format: f.Format, Source: f.Name, TLP: f.Label,
		Type: event.ObservableType(f.Type), Columns: f.columns(), Now: now, MaxBytes: maxDocument}}
}

// check reports what of a feed as it is set up is wrong, by field.
func (f Feed) check(wrong func(field string, t i18n.Text)) {
	if f.Name = strings.TrimSpace(f.Name); f.Name == "" || len(f.Name) > maxName || strings.ContainsFunc(f.Name,
		func(r rune) bool { return r < ' ' }) {
		wrong("name", i18n.T("a name of at most {0} letters is needed", "{0} 文字までの名前が必要です").With(maxName))
	}
	u, err := url.Parse(f.Address)
	switch {
	case err != nil || u.Host == "" || len(f.Address) > maxAddress:
		wrong("address", i18n.T("this is no address such as https://feed.example/list.csv",
			"https://feed.example/list.csv のようなアドレスを入力してください"))
	case u.User != nil:
		wrong("address", i18n.T("the secret belongs into its own field", "認証情報は専用の欄に入力してください"))
	}
	if !slices.ContainsFunc(kinds, func(k struct {
		Kind
		Text i18n.Text
	}) bool {
		return k.Kind == f.Kind
	}) {
		wrong("kind", i18n.T("choose what it is", "種類を選択してください"))
	}
	if f.Kind == TAXII && f.Collection == "" && !strings.Contains(f.Address, "/collections/") {
		wrong("collection", i18n.T("the id of the collection is needed", "コレクションの ID が必要です"))
	}
	if f.Format != "" && !slices.Contains(feed.Formats(), f.Format) {
		wrong("format", i18n.T("there is no such form", "その形式はありません"))
	}
	if f.Type != "" && !slices.Contains(watchlist.Types(), event.ObservableType(f.Type)) {
		wrong("type", i18n.T("there is no such type", "その型はありません"))
	}
	for name, at := range f.columns() {
		if !slices.Contains(feed.ColumnNames(), name) || at < 1 {
			wrong("columns", i18n.T("write it as value=2;type=1; names are {0}",
				"value=2;type=1 のように入力してください。名前は {0} です").
				With(strings.Join(feed.ColumnNames(), ", ")))
		}
	}
	if f.Columns != "" && len(f.columns()) == 0 {
		wrong("columns", i18n.T("write it as value=2;type=1", "value=2;type=1 のように入力してください"))
	}
	if !f.Label.Known() {
		wrong("label", i18n.T("choose who may see it", "閲覧できる範囲を選択してください"))
	}
	if d := time.Duration(f.Every) * time.Second; d < leastEvery || d > mostEvery {
		wrong("every", i18n.T("choose how often it is read", "取得の間隔を選択してください"))
	}
}

// authorization returns how the source wants to be asked.
func (f Feed) authorization() (user, password, header, value string) {
	switch name, rest, ok := strings.Cut(f.Secret, ": "); {
	case f.Secret == "":
	case f.Login != "":
		user, password = f.Login, f.Secret
	case ok && !strings.Contains(name, " "):
		header, value = name, rest
	default:
		header, value = "Authorization", "Bearer "+f.Secret
	}
	return user, password, header, value
}

// keep turns the notes of a reading into those that are kept.
func keep(list []convert.Note) []noteLine {
	out := []noteLine{}
	for _, n := range list {
		if len(out) == maxNotes {
			break
		}
		out = append(out, noteLine{n.Kind, n.Line, n.Object, event.Clip(n.Reason.EN, 400), event.Clip(n.Reason.JA,
			400)})
	}
	return out
}

// problem is an error as it is kept and shown.
func problem(err error) i18n.Text {
	t := fault.TextOf(err)
	if h := fault.HintOf(err); !h.Zero() {
		t = i18n.T("{0}: {1}", "{0}。{1}").With(t, h)
	}
	return t
}

// asJSON is a value for a column.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}
