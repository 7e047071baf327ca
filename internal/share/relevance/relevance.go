// Package relevance says how much an object matters to one member, from 0 to 100, and why: by
// the member's profile (sector, products, countries, topics, techniques, languages), by its
// standing queries, and at a node also by its own past. What a member writes into its profile
// is for its own people alone. It may keep the profile at its node instead of at the hub: then
// the hub need not know it.
package relevance

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Profile is what matters to a member.
type Profile struct {
	Sector     string   `json:"sector,omitempty"` // slug, see identity.Sectors
	Products   []string `json:"products,omitempty"`
	Countries  []string `json:"countries,omitempty"`
	Topics     []string `json:"topics,omitempty"`
	Techniques []string `json:"techniques,omitempty"` // T1566
	Languages  []string `json:"languages,omitempty"`  // ja, en
}

// Query is a standing query: all that is set must hold.
type Query struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Type      string `json:"type,omitempty"` // STIX type
	Label     string `json:"label,omitempty"`
	Text      string `json:"text,omitempty"`
	Technique string `json:"technique,omitempty"`
	Value     string `json:"value,omitempty"` // an observable
}

// Bounds of what a member writes.
const (
	maxWords = 100
	maxWord  = 100 // characters
)

// Clean returns a profile without blanks and repetitions, or what is wrong with it.
func (p Profile) Clean() (Profile, error) {
	for _, list := range []*[]string{&p.Products, &p.Countries, &p.Topics, &p.Techniques, &p.Languages} {
		var out []string
		for _, w := range *list {
			w = strings.TrimSpace(w)
			if w == "" || slices.Contains(out, w) {
				continue
			}
			if utf8.RuneCountInString(w) > maxWord {
				return p, fault.New(fault.TooLarge, i18n.T("“{0}…” is longer than {1} characters",
					"「{0}…」が {1} 文字を超えています").With(string([]rune(w)[:20]), maxWord))
			}
			out = append(out, w)
		}
		if len(out) > maxWords {
			return p, fault.New(fault.TooLarge, i18n.T("at most {0} words in one field",
				"1 項目につき {0} 語までです").With(maxWords))
		}
		*list = out
	}
	if _, ok := identity.SectorOf(p.Sector); p.Sector != "" && !ok {
		return p, fault.New(fault.Invalid, i18n.T("{0} is not a sector", "{0} という分野はありません").With(p.Sector))
	}
	return p, nil
}

// Clean returns a query as it is stored, or what is wrong with it.
func (q Query) Clean() (Query, error) {
	for _, f := range []*string{&q.Name, &q.Type, &q.Label, &q.Text, &q.Technique, &q.Value} {
		*f = strings.TrimSpace(*f)
		if utf8.RuneCountInString(*f) > maxWord {
			return q, fault.New(fault.TooLarge, i18n.T("at most {0} characters", "{0} 文字以内で入力してください").With(maxWord))
		}
	}
	if q.Type+q.Label+q.Text+q.Technique+q.Value == "" {
		return q, fault.New(fault.Invalid, i18n.T("say what to look for: at least one of the fields",
			"条件を一つ以上入力してください"))
	}
	q.Technique = strings.ToUpper(q.Technique)
	q.Name = cmp.Or(q.Name, strings.TrimSpace(strings.Join([]string{q.Type, q.Label, q.Text, q.Technique, q.Value},
		" ")))
	return q, nil
}

// Item is an object as relevance sees it.
type Item struct {
	ID         string
	Type       string
	Title      string
	Value      string // the first observable that it is about
	Kind       string // its type
	Level      string
	Lang       string
	Labels     []string
	Techniques []string
	Values     []event.Observable
	Added      time.Time
	Past       int64 // how often it was found in the reader's own past; at a node
	Handling   policy.Handling

	text string // all that is written in it, folded
}

// Of returns an object as relevance sees it.
func Of(o *stix.Object, added time.Time, h policy.Handling) Item {
	it := Item{ID: o.ID(), Type: o.Type(), Lang: o.Lang(), Labels: o.Labels(), Added: added, Handling: h,
		Values: object.Values(o)}
	it.Title = cmp.Or(o.Text("name"), o.Text("value"), o.Text("abstract"), clip(o.Text("content")),
		clip(o.Text("explanation")), o.ID())
	if len(it.Values) > 0 {
		it.Value, it.Kind = it.Values[0].Value, string(it.Values[0].Type)
	}
	if o.Text("pattern_type") == "sigma" {
		it.Kind = "sigma"
	}
	words := []string{it.Title, o.Text("description"), o.Text("content"), o.Text("abstract"), o.Text("country"),
		o.Text("region")}
	for _, list := range []string{"sectors", "aliases", "goals", "countries"} {
		words = append(words, o.Strings(list)...)
	}
	for _, l := range it.Labels {
		if v, ok := strings.CutPrefix(l, "level:"); ok {
			it.Level = v
		}
		words = append(words, l)
	}
	if refs, ok := o.Get("external_references"); ok {
		if list, ok := refs.([]any); ok {
			for _, r := range list {
				m, _ := r.(map[string]any)
				id, _ := m["external_id"].(string)
				if m["source_name"] == "mitre-attack" && id != "" {
					it.Techniques = append(it.Techniques, strings.ToUpper(id))
				}
				for _, key := range []string{"external_id", "description"} {
					if s, ok := m[key].(string); ok {
						words = append(words, s)
					}
				}
			}
		}
	}
	for _, v := range it.Values {
		words = append(words, v.Value)
	}
	it.text = store.Fold(strings.Join(words, "\n"))
	return it
}

// clip returns the beginning of a text.
func clip(text string) string {
	if r := []rune(text); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return text
}

// says reports whether the item's text has a word: in Latin script a whole one.
func (it Item) says(word string) bool {
	word = store.Fold(strings.TrimSpace(word))
	if word == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	for from := 0; ; {
		i := strings.Index(it.text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(it.text[:i])
		after, _ := utf8.DecodeRuneInString(it.text[i+len(word):])
		if !(latin(first) && latin(before)) && !(latin(last) && latin(after)) {
			return true
		}
		from = i + len(word)
	}
}

func latin(r rune) bool { return r < 0x250 && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// has reports whether the item has a technique, or one of its sub-techniques.
func (it Item) has(technique string) bool {
	technique = strings.ToUpper(strings.TrimSpace(technique))
	return technique != "" && slices.ContainsFunc(it.Techniques, func(t string) bool {
		return t == technique || strings.HasPrefix(t, technique+".")
	})
}

// Meets reports whether an item meets a standing query.
func (q Query) Meets(it Item) bool {
	if q.Type+q.Label+q.Text+q.Technique+q.Value == "" {
		return false
	}
	value := q.Value == ""
	for _, v := range it.Values {
		if c, ok := event.Canonical(v.Type, q.Value); ok && c == v.Value {
			value = true
		}
	}
	return value && (q.Type == "" || q.Type == it.Type) && (q.Label == "" || slices.Contains(it.Labels, q.Label)) &&
		(q.Text == "" || it.says(q.Text)) && (q.Technique == "" || it.has(q.Technique))
}
