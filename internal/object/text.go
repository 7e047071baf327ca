package object

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// What is written about an object is searched by words. A word is a run of letters and
// digits, folded; of Chinese and Japanese, which put no spaces between words, it is every
// two characters that stand together. A part of a search is found where its words follow
// one another, the last as the beginning of one.

// Bounds of what is indexed of one object: text, words of it, and letters of a word.
const (
	maxText   = 16 << 10
	maxTokens = 4000
	maxToken  = 80
)

// mark is the first letter of what is indexed beside words. No word has it.
const mark = '\ue000'

// The kinds of marks.
const (
	markStream    = "s"
	markOwner     = "o"
	markLabel     = "l"
	markTechnique = "t"
)

// markOf is what stands in the index for a property of an object.
func markOf(kind, value string) string {
	return string(mark) + kind + strconv.FormatUint(uint64(hash(value)), 36) //nolint:gosec // the bits, not the number
}

func streamMark(id int64) string { return string(mark) + markStream + strconv.FormatInt(id, 36) }

// wide reports whether words in the script of a letter are not set apart.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai) || r == 'ー' || r == '々'
}

// tokens returns the words of a text, in their order.
func tokens(text string) (list []string) {
	var run []rune
	isWide := false
	flush := func() {
		switch {
		case len(run) == 0:
		case !isWide:
			list = append(list, string(run[:min(len(run), maxToken)]))
		default:
			for i := range run {
				list = append(list, string(run[i:min(i+2, len(run))]))
			}
		}
		run = run[:0]
	}
	for _, r := range store.Fold(text) {
		if r != 'ー' && r != '々' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
			flush()
			continue
		}
		if w := wide(r); w != isWide {
			flush()
			isWide = w
		}
		if run = append(run, r); len(list) >= maxTokens {
			return list[:maxTokens]
		}
	}
	flush()
	return list[:min(len(list), maxTokens)]
}

// textual are the properties that are searched: those in which people and programs write
// what an object is about. Others are found by their ids and values.
var textual = []string{
	"name", "description", "aliases", "x_mitre_aliases", "value", "pattern", "labels", "abstract", "content",
	"explanation", "opinion", "display_name", "user_id", "account_login", "path", "key", "subject", "issuer",
	"relationship_type", "report_types", "malware_types", "threat_actor_types", "indicator_types", "goals",
	"roles", "sectors", "country", "region", "vendor", "version", "product", "result_name", "context", "statement",
}

// textOf returns what of an object is searched.
func textOf(o *stix.Object) string {
	var b strings.Builder
	seen := map[string]bool{}
	add := func(s string) {
		if s != "" && !seen[s] && b.Len() < maxText {
			seen[s] = true
			b.WriteString(s[:min(len(s), maxText)])
			b.WriteByte('\n')
		}
	}
	for _, name := range textual {
		if s := o.Text(name); s != "" {
			add(s)
			continue
		}
		for _, s := range o.Strings(name) {
			add(s)
		}
	}
	for _, s := range referenced(o) {
		add(s)
	}
	return b.String()
}

// referenced are the words of an object's external references: numbers and sources.
func referenced(o *stix.Object) (list []string) {
	refs, _ := o.Get("external_references")
	all, _ := refs.([]any)
	for _, r := range all[:min(len(all), 50)] {
		if m, ok := r.(map[string]any); ok {
			for _, name := range []string{"external_id", "source_name", "description"} {
				if s, ok := m[name].(string); ok {
					list = append(list, s)
				}
			}
		}
	}
	return list
}

var techniqueTag = regexp.MustCompile(`(?i)\bT[0-9]{4}(?:\.[0-9]{3})?\b`)

// Techniques returns the ids of ATT&CK techniques that an object names: in its external
// references, its labels and its name; each once, in their order.
func Techniques(o *stix.Object) (list []string) {
	for _, s := range slices.Concat(referenced(o), o.Labels(), []string{o.Text("name")}) {
		for _, id := range techniqueTag.FindAllString(s, 20) {
			if id = strings.ToUpper(id); !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
	}
	return list
}

// words is what is indexed of a version.
func words(o *stix.Object, stream int64, owner string) []string {
	list := append(tokens(textOf(o)), streamMark(stream), markOf(markOwner, owner))
	for _, l := range o.Labels() {
		list = append(list, markOf(markLabel, store.Fold(l)))
	}
	for _, t := range Techniques(o) {
		list = append(list, markOf(markTechnique, t))
		if parent, _, sub := strings.Cut(t, "."); sub {
			list = append(list, markOf(markTechnique, parent))
		}
	}
	return list
}

// wordRow is a row of the index.
func wordRow(tx *store.Tx, seq int64, list []string) []any {
	if tx.Engine() != store.Postgres {
		return []any{seq, strings.Join(list, " ")}
	}
	var b strings.Builder // a tsvector as it is written: no word holds a quote
	for i, w := range list {
		fmt.Fprintf(&b, "'%s':%d ", w, min(i+1, 16383))
	}
	return []any{seq, b.String()}
}

// insertText indexes what is written in latest versions.
func (b *batch) insertText(rows [][]any) error {
	return b.tx.InsertTogether(`INSERT INTO object_text (rowid, words)`, rows, ``)
}

// setText indexes the latest version o in the place of the one at the position was; 0 if
// there was none.
func (b *batch) setText(was int64, o Object) error {
	if err := b.dropText(was); err != nil {
		return err
	}
	so, err := stix.Parse(o.Body)
	if err != nil {
		return err
	}
	return b.insertText([][]any{wordRow(b.tx, o.Seq, words(so, o.Stream, o.Handling.Owner))})
}

func (b *batch) dropText(seq int64) error {
	_, err := b.tx.Exec(`DELETE FROM object_text WHERE rowid = $1`, seq)
	return err
}

// phrase is a part of a search in the language of the engine: its words one behind the
// other, the last as the beginning of one.
func phrase(tx *store.Tx, list []string) string {
	if tx.Engine() == store.Postgres {
		return "'" + strings.Join(list, "' <-> '") + "':*"
	}
	return `"` + strings.Join(list, " ") + `" *`
}

// either is the condition that one of some marks is there.
func either(tx *store.Tx, marks []string) string {
	if tx.Engine() == store.Postgres {
		return "('" + strings.Join(marks, "' | '") + "')"
	}
	return `("` + strings.Join(marks, `" OR "`) + `")`
}

// both joins conditions that must all hold.
func both(tx *store.Tx, conds []string) string {
	if tx.Engine() == store.Postgres {
		return strings.Join(conds, " & ")
	}
	return strings.Join(conds, " AND ")
}
