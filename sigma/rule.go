package sigma

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Rule is one Sigma detection rule that was understood completely. The exported
// fields are what the document says; changing them does not change what the rule
// matches, except LogSource and, for a [Set], only before the set is made.
type Rule struct {
	ID, Name       string // as written, "" if the rule has none; see Key
	Title          string
	Status         string
	Description    string
	Author         string
	License        string // SPDX identifier as written, often ""
	Date, Modified string // as written, YYYY-MM-DD
	Taxonomy       string // "" means sigma
	References     []string
	Fields         []string
	FalsePositives []string
	Tags           []string
	Scope          []string
	Related        []Related
	Level          Level
	LogSource      LogSource

	Path   string // the file
	Line   int    // of the document's first key in the file, from 1
	Source []byte // this document's YAML, unchanged; without Filters

	// Filters are what a [Set] added to the conditions, in the order of the set.
	Filters []*Filter

	selections []*selection
	conditions []expr // any of them
	condition  []string
}

// Related is a reference to another rule.
type Related struct {
	ID   string
	Type string // derived, obsolete, merged, renamed, similar
}

// Match says that an event satisfies a rule.
type Match struct {
	Rule *Rule
	// Fields says which values made it match, in the order of the rule. Parts of
	// the condition behind "not" add nothing: they matched by not being there.
	Fields []FieldMatch
	// Selections names the search identifiers that hold and count for the match.
	Selections []string
}

// FieldMatch is one value of the event that satisfied one value of the rule.
type FieldMatch struct {
	Field     string // "" for a keyword, which was found somewhere in the event
	Value     string // the event's value as text, "" if the field is absent
	Pattern   string // the rule's value as written
	Modifier  string // the modifiers as written, "contains|all"
	Selection string
}

// Match reports whether the rule's log source covers the event and its
// detection matches it.
func (r *Rule) Match(ev Event) (*Match, bool) {
	if product, service, categories := ev.LogSource(); !r.LogSource.Covers(product, service, categories) {
		return nil, false
	}
	return r.matchView(newView(ev))
}

// MatchDetection is Match without looking at the log source.
func (r *Rule) MatchDetection(ev Event) (*Match, bool) {
	return r.matchView(newView(ev))
}

func (r *Rule) matchView(v *view) (*Match, bool) {
	for _, e := range r.conditions {
		if e.eval(v) {
			return r.explainMatch(v), true
		}
	}
	return nil, false
}

// Key returns a name for the rule that is never empty: its ID; or, for a rule
// without one, a name made of the hash of its source.
func (r *Rule) Key() string { return documentKey(r.ID, r.Source) }

func documentKey(id string, source []byte) string {
	if id != "" {
		return id
	}
	sum := sha256.Sum256(source)
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// Credit returns the one line that must stand beside every match that is shown:
// title, author, id and licence. The Detection Rule License, under which most
// public rules are, asks for the author; a rule that states no licence of its
// own is under that of the collection it came with.
func (r *Rule) Credit() string { return credit(r.Title, r.Author, r.Key(), r.License) }

func credit(title, author, key, licence string) string {
	if author == "" {
		author = "author not stated"
	}
	if licence == "" {
		licence = "licence as stated by its source"
	}
	return title + " — " + author + " (Sigma rule " + key + "; " + licence + ")"
}

// Condition returns the conditions as written, with those of filters; any of them
// is enough.
func (r *Rule) Condition() []string { return slices.Clone(r.condition) }

// Selections returns the names of the search identifiers in the order of the rule.
func (r *Rule) Selections() []string {
	names := make([]string, len(r.selections))
	for i, s := range r.selections {
		names[i] = s.name
	}
	return names
}

// FieldNames returns the fields that the detection looks at, sorted, each once;
// those named by fieldref too. whole is true if it also has keywords, which look
// at everything.
func (r *Rule) FieldNames() (names []string, whole bool) {
	for it := range r.items {
		if it.keyword {
			whole = true
			continue
		}
		names = append(names, it.field)
		for _, val := range it.values {
			for _, m := range val.any {
				if ref, ok := m.(refMatcher); ok {
					names = append(names, ref.field)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), whole
}

// items calls yield with every item of every selection.
func (r *Rule) items(yield func(*item) bool) {
	var walk func(b *block) bool
	walk = func(b *block) bool {
		for _, it := range b.items {
			if !yield(it) {
				return false
			}
		}
		for _, alternative := range b.any {
			if !walk(alternative) {
				return false
			}
		}
		return true
	}
	for _, s := range r.selections {
		if !walk(s.body) {
			return
		}
	}
}

// sameID compares rule ids; UUIDs may be written in either case.
func sameID(id string) string { return strings.ToLower(id) }
