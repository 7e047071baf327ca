package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/meneki/meneki/internal/i18n"
)

// purpose is what meneki says first of itself.
var purpose = i18n.T("Collective defence: an attack on one makes all of them immune.", "集団防御：一組織への攻撃が、全組織の免疫になる")

// The Japanese of a command, flag or argument stands in its tag beside the
// English: ja beside help, and jaholder beside placeholder (for an argument,
// beside its name).

// nodeHelp is what a command is for.
func nodeHelp(n *kong.Node) i18n.Text {
	if n.Type == kong.ApplicationNode {
		return purpose
	}
	return i18n.Text{EN: n.Help, JA: n.Tag.Get("ja")}
}

// valueHelp is what a flag or an argument is for, with its default and its variable.
func valueHelp(v *kong.Value) i18n.Text {
	if v.Name == "help" && v.Tag.Get("ja") == "" {
		return i18n.T("Print this help.", "このヘルプを表示")
	}
	t := i18n.Text{EN: v.Help, JA: v.Tag.Get("ja")}
	var en, ja []string
	if v.HasDefault && v.Default != "" {
		is := i18n.Same(v.Default)
		if v.IsBool() {
			is = i18n.T("on", "有効")
		}
		d := i18n.T("default: {0}", "既定値：{0}").With(is)
		en, ja = append(en, d.EN), append(ja, d.JA)
	}
	for _, e := range v.Tag.Envs {
		en, ja = append(en, "$"+e), append(ja, "$"+e)
	}
	if len(en) > 0 {
		t.EN = strings.TrimSuffix(t.EN, ".") + " (" + strings.Join(en, ", ") + ")."
		t.JA += "（" + strings.Join(ja, "、") + "）"
	}
	return t
}

// holder is what stands for a value: DIR of --data=DIR, path of <path>.
func holder(v *kong.Value) i18n.Text {
	name := v.Name
	if v.Flag != nil {
		name = cmp.Or(v.Flag.PlaceHolder, strings.ToUpper(v.Name))
	}
	return i18n.Text{EN: name, JA: cmp.Or(v.Tag.Get("jaholder"), name)}
}

// written is how a flag or an argument is given.
func written(v *kong.Value, l i18n.Lang) string {
	if v.Flag == nil {
		s := "<" + holder(v).In(l) + ">"
		if v.IsCumulative() {
			s += " ..."
		}
		if !v.Required {
			s = "[" + s + "]"
		}
		return s
	}
	switch {
	case v.IsBool() && v.Tag.Negatable != "":
		return "--[no-]" + v.Name
	case v.IsBool() || v.IsCounter():
		return "--" + v.Name
	}
	s := "--" + v.Name + "=" + holder(v).In(l)
	if v.IsSlice() && v.Tag.Sep != -1 {
		s += string(v.Tag.Sep) + "..."
	}
	return s
}

// page is a page of help in one language.
type page struct {
	w     io.Writer
	lang  i18n.Lang
	width int
	paint func(code, s string) string
}

// The bounds of a page: wider lines are hard to read, and narrower ones hold no flag.
const (
	widestPage    = 120
	narrowestPage = 20
	leastText     = 32 // cells for a text beside its flag; with less it goes below
)

// pageWidth gives how wide help may be: as COLUMNS says, or as the screen is, or 80.
func pageWidth(w io.Writer) int {
	n, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || n <= 0 {
		n = 80
		if f, ok := w.(*os.File); ok && isTerminal(f) {
			if cells, _, err := term.GetSize(int(f.Fd())); err == nil && cells > 0 {
				n = cells
			}
		}
	}
	return min(max(n, narrowestPage), widestPage)
}

// help prints the page of the command that is asked about, as a kong.HelpPrinter.
func (s *session) help(_ kong.HelpOptions, k *kong.Context) error {
	p := page{w: s.out, lang: s.lang, width: pageWidth(s.out), paint: paint(colour(s.out))}
	n := k.Selected()
	if n == nil {
		n = k.Model.Node
	}
	p.print(n)
	return nil
}

// print writes the page of a node.
func (p page) print(n *kong.Node) {
	p.usage(n)
	fmt.Fprintln(p.w)
	for _, l := range wrapped(nodeHelp(n).In(p.lang), p.width) {
		fmt.Fprintln(p.w, l)
	}
	var list []row
	for _, a := range n.Positional {
		list = append(list, row{written(a, p.lang), valueHelp(a).In(p.lang)})
	}
	p.table(i18n.T("Arguments:", "引数："), list, 0)
	list = nil
	for _, c := range n.Leaves(true) {
		list = append(list, row{c.Path(), nodeHelp(c).In(p.lang)})
	}
	p.table(i18n.T("Commands:", "コマンド："), list, 0)
	own, global := p.flags(n)
	left := max(leftColumn(own, p.width), leftColumn(global, p.width))
	p.table(i18n.T("Flags:", "オプション："), own, left)
	p.table(i18n.T("Global flags:", "共通のオプション："), global, left)
	if len(n.Children) > 0 {
		fmt.Fprintln(p.w)
		more := i18n.T("Run “{0} --help” for more on a command.",
			"各コマンドの詳細は「{0} --help」で表示").With(n.FullPath() + " " + command.In(p.lang))
		for _, l := range wrapped(more.In(p.lang), p.width) {
			fmt.Fprintln(p.w, l)
		}
	}
}

var command = i18n.T("<command>", "<コマンド>")

// usage writes how the command is called: what it needs, then what it takes.
func (p page) usage(n *kong.Node) {
	head := i18n.T("Usage: ", "使い方：").In(p.lang)
	var list []atom
	add := func(s string) { list = append(list, atom{s, true}) }
	for _, word := range strings.Fields(n.FullPath()) {
		add(word)
	}
	for _, f := range needed(n.Flags, p.lang) {
		for _, one := range strings.Fields(f) {
			add(one)
		}
	}
	for _, a := range n.Positional {
		add(written(a, p.lang))
	}
	if len(n.Children) > 0 {
		add(command.In(p.lang))
	}
	add(i18n.T("[flags]", "[オプション]").In(p.lang))
	for i, l := range fill(list, p.width-columns(head)) {
		if i == 0 {
			fmt.Fprintf(p.w, "%s%s\n", p.paint("1", head), l)
			continue
		}
		fmt.Fprintf(p.w, "%s%s\n", strings.Repeat(" ", columns(head)), l)
	}
}

// needed gives the flags that a command cannot do without; those of which it
// takes one are joined.
func needed(flags []*kong.Flag, l i18n.Lang) []string {
	var out []string
	done := map[string]bool{}
	for _, f := range flags {
		switch {
		case !f.Required:
		case len(f.Xor) == 0:
			out = append(out, written(f.Value, l))
		case !done[f.Xor[0]]:
			done[f.Xor[0]] = true
			var one []string
			for _, g := range flags {
				if slices.Contains(g.Xor, f.Xor[0]) {
					one = append(one, written(g.Value, l))
				}
			}
			out = append(out, "("+strings.Join(one, " | ")+")")
		}
	}
	return out
}

// flags gives the flags of a command, and those that every command takes.
func (p page) flags(n *kong.Node) (own, global []row) {
	for at := n; at != nil; at = at.Parent {
		for _, f := range at.Flags {
			if f.Hidden {
				continue
			}
			short := "    "
			if f.Short != 0 {
				short = "-" + string(f.Short) + ", "
			}
			r := row{short + written(f.Value, p.lang), valueHelp(f.Value).In(p.lang)}
			if at.Parent == nil {
				global = append(global, r)
			} else {
				own = append(own, r)
			}
		}
	}
	return own, global
}

// row is a line of a table: what is written, and what it means.
type row struct{ left, right string }

const (
	margin = "  "
	gap    = 2
)

// leftColumn gives the cells that the left column needs. What is far longer than the
// rest does not count: its text begins on the next line.
func leftColumn(list []row, width int) int {
	n := 0
	for _, r := range list {
		if c := columns(r.left); c <= width*2/5 {
			n = max(n, c)
		}
	}
	return n
}

// table writes rows in two columns; where the text had too little room, it goes
// below. left is the least width of the first column.
func (p page) table(head i18n.Text, list []row, left int) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(p.w, "\n%s\n", p.paint("1", head.In(p.lang)))
	left = max(left, leftColumn(list, p.width))
	at := len(margin) + left + gap
	below := p.width-at < leastText
	if below {
		at = 3 * len(margin)
	}
	for _, r := range list {
		lines := wrapped(r.right, p.width-at)
		first := margin + r.left
		if below { // the flag alone: nothing to align with
			first = margin + strings.TrimLeft(r.left, " ")
		}
		if !below && columns(r.left) <= left && len(lines) > 0 {
			first = margin + pad(r.left, left+gap) + lines[0]
			lines = lines[1:]
		}
		// A name may be longer than a very narrow screen.
		for i, l := range fill([]atom{{first, false}}, p.width) {
			if i > 0 {
				l = margin + margin + strings.TrimSpace(l)
			}
			fmt.Fprintln(p.w, strings.TrimRight(l, " "))
		}
		for _, l := range lines {
			fmt.Fprintln(p.w, strings.Repeat(" ", at)+l)
		}
	}
}
