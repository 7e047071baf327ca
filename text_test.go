package meneki_test

import (
	"go/ast"
	"go/token"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"
)

// literal gives the value of a string literal, or of several joined by +.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		x, ok1 := literal(e.X)
		y, ok2 := literal(e.Y)
		return x + y, ok1 && ok2 && e.Op == token.ADD
	case *ast.ParenExpr:
		return literal(e.X)
	}
	return "", false
}

func isJapanese(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }

// hasJapanese takes full-width punctuation for Japanese: "{0}：{1}" is all that some texts differ in.
func hasJapanese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return isJapanese(r) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xffef
	})
}

// mostlyJapanese lets English name a Japanese word as an example.
func mostlyJapanese(s string) bool {
	ja, other := 0, 0
	for _, r := range s {
		if isJapanese(r) {
			ja++
		} else if unicode.IsLetter(r) {
			other++
		}
	}
	return ja > other
}

var hole = regexp.MustCompile(`\{[0-9]+\}`)

// pair says what is wrong with a text in two languages; empty if nothing is.
func pair(en, ja string) string {
	switch {
	case strings.TrimSpace(en) == "" || strings.TrimSpace(ja) == "":
		return "one language is empty"
	case mostlyJapanese(en):
		return "the English is Japanese: the order is en, ja"
	case en != ja && !hasJapanese(ja):
		return "the Japanese holds no Japanese; a name is written the same twice"
	}
	count := func(s string) map[string]int {
		m := map[string]int{}
		for _, h := range hole.FindAllString(s, -1) {
			m[h] = 1
		}
		return m
	}
	a, b := count(en), count(ja)
	for h := range a {
		if b[h] == 0 {
			return "the Japanese lacks " + h
		}
	}
	for h := range b {
		if a[h] == 0 {
			return "the English lacks " + h
		}
	}
	return ""
}

// Every text to a person is said in both languages, where it is said.
func TestTextsInBothLanguages(t *testing.T) {
	const path = module + "/internal/i18n"
	for _, f := range program(t) {
		name := f.nameOf(path)
		if name == "" {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if x, isName := selected(sel, ok); !isName || x != name || sel.Sel.Name != "T" {
					return true
				}
				if len(n.Args) != 2 {
					return true // does not compile
				}
				if passesOn(n.Args) {
					return true // the function behind a template's t; its calls are checked in the templates
				}
				en, ok1 := literal(n.Args[0])
				ja, ok2 := literal(n.Args[1])
				if !ok1 || !ok2 {
					t.Errorf("%s: i18n.T takes two literals, so that both languages can be read here", at(n))
				} else if wrong := pair(en, ja); wrong != "" {
					t.Errorf("%s: i18n.T(%q, %q): %s", at(n), en, ja, wrong)
				}
			case *ast.CompositeLit:
				sel, ok := n.Type.(*ast.SelectorExpr)
				if x, isName := selected(sel, ok); isName && x == name && sel.Sel.Name == "Text" && saysSomething(n) {
					t.Errorf("%s: a text is said with i18n.T or i18n.Same; i18n.Text{...} is for one that was stored",
						at(n))
				}
			}
			return true
		})
	}
}

// The tags of a command line: help and placeholder stand beside ja and jaholder.
func TestHelpTagsInBothLanguages(t *testing.T) {
	for _, f := range program(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok || field.Tag == nil {
				return true
			}
			text, _ := literal(field.Tag)
			tag := reflect.StructTag(text)
			if en, ok := tag.Lookup("help"); ok {
				if wrong := pair(en, tag.Get("ja")); wrong != "" {
					t.Errorf("%s: help:%q ja:%q: %s", at(n), en, tag.Get("ja"), wrong)
				}
			}
			if en, ok := tag.Lookup("placeholder"); ok {
				if wrong := pair(en, tag.Get("jaholder")); wrong != "" {
					t.Errorf("%s: placeholder:%q jaholder:%q: %s", at(n), en, tag.Get("jaholder"), wrong)
				}
			}
			return true
		})
	}
}

// saysSomething reports whether a composite literal holds a string literal.
func saysSomething(n *ast.CompositeLit) bool {
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		if _, ok := literal(e); ok {
			return true
		}
	}
	return false
}

func selected(sel *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	return x.Name, true
}

// passesOn reports whether the arguments are the parameters en and ja of the
// function around the call.
func passesOn(args []ast.Expr) bool {
	for i, want := range []string{"en", "ja"} {
		if id, ok := args[i].(*ast.Ident); !ok || id.Name != want {
			return false
		}
	}
	return true
}

// The same for the calls of t in templates.
func TestTemplatesInBothLanguages(t *testing.T) {
	for _, path := range assets(t, ".html", ".tmpl", ".txt") {
		if !strings.Contains(path, "templates/") {
			continue
		}
		tree := parse.New(path)
		tree.Mode = parse.SkipFuncCheck
		set := map[string]*parse.Tree{}
		if _, err := tree.Parse(read(t, path), "", "", set); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for _, tr := range set {
			if tr.Root == nil {
				continue
			}
			walkTemplate(tr.Root, func(cmd *parse.CommandNode) {
				checkTemplateCall(t, path, tr, cmd)
			})
		}
	}
}

func checkTemplateCall(t *testing.T, path string, tr *parse.Tree, cmd *parse.CommandNode) {
	t.Helper()
	called := ""
	switch fn := cmd.Args[0].(type) {
	case *parse.IdentifierNode:
		called = fn.Ident
	case *parse.FieldNode:
		called = fn.Ident[len(fn.Ident)-1]
	case *parse.VariableNode:
		called = fn.Ident[len(fn.Ident)-1]
	}
	if called != "t" && called != "T" || len(cmd.Args) < 2 {
		return
	}
	where, _ := tr.ErrorContext(cmd)
	if len(cmd.Args) < 3 {
		t.Errorf("%s: %s needs both languages", where, cmd)
		return
	}
	en, ok1 := cmd.Args[1].(*parse.StringNode)
	ja, ok2 := cmd.Args[2].(*parse.StringNode)
	if !ok1 || !ok2 {
		t.Errorf("%s (%s): %s takes two literals", where, path, cmd)
	} else if wrong := pair(en.Text, ja.Text); wrong != "" {
		t.Errorf("%s: %s: %s", where, cmd, wrong)
	}
}

// walkTemplate yields every command of a template, those in parentheses too.
func walkTemplate(n parse.Node, yield func(*parse.CommandNode)) {
	pipe := func(p *parse.PipeNode) {
		if p != nil {
			walkTemplate(p, yield)
		}
	}
	list := func(l *parse.ListNode) {
		if l != nil {
			walkTemplate(l, yield)
		}
	}
	branch := func(b *parse.BranchNode) {
		pipe(b.Pipe)
		list(b.List)
		list(b.ElseList)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, in := range n.Nodes {
			walkTemplate(in, yield)
		}
	case *parse.ActionNode:
		pipe(n.Pipe)
	case *parse.TemplateNode:
		pipe(n.Pipe)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			walkTemplate(c, yield)
		}
	case *parse.CommandNode:
		yield(n)
		for _, a := range n.Args {
			if p, ok := a.(*parse.PipeNode); ok {
				pipe(p)
			}
		}
	}
}

var (
	// what makes a browser fetch something from elsewhere
	remoteInHTML = regexp.MustCompile(
		`(?i)(?:\b(?:src|srcset|poster|action|formaction|data|background)\s*=\s*["']?\s*|<link\b[^>]*\bhref\s*=\s*["']?\s*|<use\b[^>]*\bhref\s*=\s*["']?\s*|url\(\s*["']?)(?:https?:)?//[^"'\s>]*`,
	)
	remoteInCode = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s"'` + "`" + `)]*`)
	comment      = regexp.MustCompile(`(?s:/\*.*?\*/)|(?m:^\s*//.*$)|(?m:\s//\s.*$)`)
	inline       = regexp.MustCompile(
		`(?i)<script(?:\s+(?:type|nonce|id)\s*=\s*(?:"[^"]*"|'[^']*'))*\s*>|<[a-z][^<>{}]*\sstyle\s*=|<[a-z][^<>{}]*\son[a-z]+\s*=|href\s*=\s*["']?javascript:`,
	)
)

// The console loads nothing from elsewhere and needs nothing that a strict
// content security policy forbids.
func TestNoRemoteResources(t *testing.T) {
	for _, path := range assets(t, ".html", ".tmpl", ".css", ".js", ".mjs", ".svg") {
		if within(path, "docs") {
			continue
		}
		text := strings.ReplaceAll(read(t, path), "http://www.w3.org/", "")
		ext := path[strings.LastIndex(path, "."):]
		if ext == ".css" || ext == ".js" || ext == ".mjs" {
			for _, m := range remoteInCode.FindAllString(comment.ReplaceAllString(text, ""), -1) {
				t.Errorf("%s names the remote resource %s", path, m)
			}
			continue
		}
		for _, m := range remoteInHTML.FindAllString(text, -1) {
			t.Errorf("%s loads %s", path, m)
		}
		if ext != ".svg" {
			for _, m := range inline.FindAllString(text, -1) {
				t.Errorf("%s has an inline script, style or handler: %s", path, m)
			}
		}
	}
}
