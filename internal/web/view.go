package web

import (
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/svg"
)

// View is one page as data. The shell draws, always in the same places: the
// title with severity and state, the marking, at most three next actions with
// their clocks; then Template with Data.
type View struct {
	Template string    // name of a define: "cases/list"
	Title    i18n.Text // what this is
	Lede     any       // one line below the title; anything that show takes
	Nav      string    // key of the NavItem that is lit
	Back     *Link     // where this belongs to: the list above a detail page

	Severity *Severity        // how bad it is
	State    *Badge           // where it stands: open, contained, closed
	Handling *policy.Handling // who may see this page; nil where rows carry their own
	Realm    string           // if it is not the console's own
	Next     []Next           // what to do now, the main one first; the shell shows three
	Tabs     []Tab
	Tools    []Link // what else can be done with the page: print, history

	Live   []string // topics on which the data-live regions are fetched again
	Data   any      // the template's dot
	Status int      // HTTP status; 0 is 200
	Wide   bool     // uses the whole width: walls, maps, graphs
	Plain  bool     // without the rail: sign-in, public pages
	Public bool     // for citizens: greater type, no dense tables
	CSV    *Table   // what ?format=csv and ?format=json download; the page offers it
}

// Table is data in rows, for downloads and behind pictures.
type Table = svg.Table

// Column is a column of a Table.
type Column = svg.Column

// Severity is a severity with its words. Low and High are the range that the
// assessment leaves open; equal to Likely if there is none.
type Severity struct {
	Likely, Low, High int       // 0 to 4
	Text              i18n.Text // "大きな影響の見込み"; empty takes the scale's own words
	Note              i18n.Text // why, or the outlook
}

// Next is something to do: a button that says what happens, and by when.
type Next struct {
	Text i18n.Text // "Share with 12 members"
	Path string
	Post bool      // an action; otherwise a page
	By   time.Time // zero: no clock
	Note i18n.Text // "one more approver"
	Form []Hidden  // values that go with a Post
}

// Hidden is a value of a form that is not shown.
type Hidden struct{ Name, Value string }

// Link is a way to a page. Icon is optional.
type Link struct {
	Text any // string, i18n.Text or anything that show takes
	Path string
	Icon string
}

// Tab is one of several views of the same thing.
type Tab struct {
	Text  i18n.Text
	Path  string
	On    bool
	Count int // shown if greater than 0
}

// Mood is what a badge, a flash or an entry means. Only Hot is red: someone is
// needed now.
type Mood string

// The moods.
const (
	Calm Mood = ""
	Good Mood = "good"
	Warn Mood = "warn"
	Hot  Mood = "hot"
	Info Mood = "info"
	Dim  Mood = "dim"
)

// Badge is a short word in a frame.
type Badge struct {
	Text i18n.Text
	Mood Mood
	Icon string // optional
}

// Fact is one line of what is known.
type Fact struct {
	Name  i18n.Text
	Value any       // anything that show takes; nil and empty strings show as a dash
	Note  i18n.Text // how we know
}

// Entry is one thing that happened, in a timeline that reads like a conversation.
type Entry struct {
	At    time.Time
	Icon  string
	Mood  Mood
	Who   string // member or person; may be hostile
	Text  any    // what happened, in one line
	Body  any    // more, below; may be nil
	Mark  *policy.Handling
	Key   string // stays the same when the page is fetched again; marks what is new
	Quiet bool   // machine noise: smaller
}

// Empty is what a page says instead of an empty list: what would be here, and
// how to get it.
type Empty struct {
	Icon string
	Text i18n.Text // "No cases yet"
	How  i18n.Text // "A case opens by itself when …"
	Do   *Link     // the way to get it
}
