package engine_test

import (
	"fmt"
	"iter"
	"strings"

	"github.com/meneki/meneki/sigma"
)

// source returns the choices that a random rule or event is made of.
type source interface {
	pick(n int) int // 0 <= pick < n
}

func one[T any](s source, list ...T) T { return list[s.pick(len(list))] }

// event is a decoded record.
type event struct {
	product, service string
	categories       []string
	fields           map[string]any
}

func (e *event) LogSource() (string, string, []string) { return e.product, e.service, e.categories }
func (e *event) Lookup(field string) (any, bool)       { return sigma.LookupIn(e.fields, field) }
func (e *event) Leaves() iter.Seq[string]              { return sigma.LeavesOf(e.fields) }
func (e *event) FieldMap() map[string]any              { return e.fields }
func (e *event) String() string                        { return fmt.Sprintf("%+v", *e) }

var fieldNames = []string{
	"Image", "CommandLine", "image", "EventID", "User", "a.b", "a.b.c", "k", "K", "\u212a", "Ä", "ä", "Data", "list",
	"IMAGE", "s", "ſ", "eventid", "port",
}

// pieces are what values are made of, those of rules and those of events, so
// that they meet.
var pieces = []string{
	"", "a", "b", "ab", "abc", "x", "xx", "k", "K", "\u212a", "s", "S", "ſ", "İ", "i", "ß", "ss", "ẞ", "Ａ", "ａ", "Ä",
	"ä", "σ", "ς", "Σ",
	"cmd", ".exe", `\cmd.exe`, `C:\Windows\System32\`, "powershell", "PowerShell", "invoke-", "mimikatz",
	"mimi\u212aatz", "sekurlsa::", "\u017fekurl\u017fa::", "-enc", " -f ", "/f", "–f", "—", "―x",
	"4625", "4688", "10.0.0.1", "10.0.0.7", "2001:db8::1", "true", "false", "1", "0x10", "-0", "2024-05-06T07:08:09Z",
	"1.50", "1e3",
	"日本語", "テキスト", "\n", "\t", "\"", "/", `\`, "longer literal of many bytes", "www.example.org", "\ufffd",
	"aaaaaaaaaaaa", "{", "}", "%%1906",
}

func text(s source) string {
	var b strings.Builder
	for range 1 + s.pick(3) {
		b.WriteString(pieces[s.pick(len(pieces))])
	}
	t := b.String()
	switch s.pick(6) {
	case 0:
		t = strings.ToUpper(t)
	case 1:
		t = strings.ToLower(t)
	}
	return t
}

// pattern is a text as rules write it, with wildcards now and then.
func pattern(s source) string {
	t := text(s)
	switch s.pick(8) {
	case 0:
		t = "*" + t
	case 1:
		t += "*"
	case 2:
		t = one(s, "*", "?") + t + one(s, "*", "?", `\*`)
	case 3:
		t = t + one(s, "*", "?", `\?`, "**", "?*") + text(s)
	}
	return t
}

var regexes = []string{
	`a+`, `(a*)*b`, `.{3,}`, `.{12,}`, `^ab`, `b$`, `(?i)power`, `[kK]x?`, `\bcmd\b`, `a|bc`, `(abc|abx)s*`, `^$`,
	`.`, `\d{3,4}`, "\u212a", `(?i)k`, `ſ`,
	`[^a]`, `x{2,4}`, `(ab){2,}`, `\x{FFFD}`, ``, `(?s).{4}`, `\w+\.exe$`, `^(a+)+$`, `(x+x+)+y`, `invoke-.*mimikatz`,
	`[pP]ower[sS]hell`, `(cmd|powershell)(\.exe)?`,
	`10\.0\.0\.[0-9]+`, `(?i)[äÄ]b?`, `a*^b`, `\x00|a`, `(?:日本|テキ).`, `^.{5,}$`, `[a-c]{3}`, `(?i)ss`, `(?i)σ`,
	`\S+\s`, `"`,
}

func quote(t string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(t) + `"`
}

// item is one line of a selection.
func item(s source) string {
	field := fieldNames[s.pick(len(fieldNames))]
	list := func(mods string, value func() string) string {
		n := 1 + s.pick(4)
		if s.pick(20) == 0 {
			n = 12
		}
		if strings.Contains(mods, "all") {
			n = max(n, 2)
		}
		if n == 1 {
			return quote(field+mods) + ": " + value()
		}
		var all []string
		for range n {
			all = append(all, value())
		}
		return quote(field+mods) + ": [" + strings.Join(all, ", ") + "]"
	}
	quoted := func() string { return quote(pattern(s)) }
	plain := func() string { return quote(strings.NewReplacer("*", "", "?", "").Replace(text(s)) + "xy") }
	switch s.pick(22) {
	case 0:
		return quote(field) + ": null"
	case 1:
		return quote(field+"|exists") + ": " + one(s, "true", "false")
	case 2, 3:
		return list(one(s, "|re", "|re|i", "|re|s", "|re|m|i", "|re|neq", "|re|all"),
			func() string { return quote(regexes[s.pick(len(regexes))]) })
	case 4:
		return list("|cidr", func() string {
			return quote(one(s, "10.0.0.0/8", "10.0.0.1", "2001:db8::/32",
				"10.0.0.4/30"))
		})
	case 5:
		return list("|fieldref"+one(s, "", "|contains", "|startswith", "|endswith", "|cased"),
			func() string { return quote(fieldNames[s.pick(len(fieldNames))]) })
	case 6:
		return list("|"+one(s, "gt", "gte", "lt", "lte"),
			func() string { return one(s, "1", "5", "4625", "1.5", "-3") })
	case 7:
		return list("|"+one(s, "hour", "day|gt", "year", "month|lte", "minute", "week"),
			func() string { return one(s, "5", "7", "8", "18") })
	case 8:
		return list(one(s, "|windash|contains", "|contains|windash|all", "|windash", "|windash|cased"),
			func() string { return quote(text(s) + one(s, "-", "/f", " -x", "-a-b", "-a -b -c")) })
	case 9:
		return list(one(s, "|base64offset|contains", "|base64", "|wide|base64offset|contains",
			"|utf16|base64|contains", "|utf16be|base64offset|contains"), plain)
	case 10:
		return list("", func() string {
			return one(s, "1", "4625", "4688", "0x10", "1.5", "true", "false", "1e3",
				"-0")
		})
	case 11, 12:
		return quote("EventID") + ": " + one(s, "4625", "4688", "[4625, 1]", `"4688"`, `"46*"`)
	}
	return list(one(s, "", "", "|contains", "|contains", "|startswith", "|endswith", "|endswith", "|contains|all",
		"|cased", "|contains|cased",
		"|startswith|cased", "|endswith|cased", "|neq", "|contains|neq", "|all", "|endswith|neq|all"), quoted)
}

func indent(n int) string { return strings.Repeat(" ", n) }

func selectionText(s source) string {
	var b strings.Builder
	mapping := func(first, rest string) {
		seen := map[string]bool{}
		prefix := first
		for range 1 + s.pick(3) {
			line := item(s)
			key, _, _ := strings.Cut(line, ": ")
			if !seen[key] {
				seen[key] = true
				b.WriteString(prefix + line + "\n")
				prefix = rest
			}
		}
	}
	switch s.pick(8) {
	case 0:
		for range 1 + s.pick(3) {
			mapping(indent(4)+"- ", indent(6))
		}
	case 1:
		for range 1 + s.pick(3) {
			b.WriteString(indent(4) + "- " + quote(pattern(s)+one(s, "", "word")) + "\n")
		}
	case 2:
		b.WriteString(indent(4) + quote(one(s, "|all", "|cased", "|re", "|contains|all")) + ":\n")
		for range 2 + s.pick(2) {
			b.WriteString(indent(6) + "- " + quote(one(s, text(s)+"b", "mimikatz", "mimi\u212aatz", "sekurlsa::",
				"\u017fekurl\u017fa::", "a+b", `\d\d`)) + "\n")
		}
	default:
		mapping(indent(4), indent(4))
	}
	return b.String()
}

// ruleText is the YAML of a rule, which may be refused.
func ruleText(s source, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "title: rule %d\nid: 00000000-0000-4000-8000-%012d\nlogsource:\n", n, n)
	b.WriteString("  " + one(s, "product: windows", "product: Windows", "category: process_creation",
		"service: security", "product: linux", "service: auth") + "\n")
	if s.pick(3) == 0 {
		b.WriteString("  " + one(s, "definition: x", "definition: y") + "\n")
	}
	b.WriteString("detection:\n")
	for i := range 3 {
		fmt.Fprintf(&b, "  sel%d:\n%s", i, selectionText(s))
	}
	condition := one(s, "sel0", "sel0 and sel1", "sel0 or sel1", "sel0 and not sel1", "1 of sel*", "all of sel*",
		"all of them", "not sel0", "not (sel0 or sel1)",
		"sel0 and not 1 of sel*", "(sel0 or sel2) and not sel1", "not all of sel*", "sel0 and (sel1 or not sel2)",
		"not (sel0 and not sel1)")
	b.WriteString("  condition: " + condition + "\n")
	return b.String()
}

// ruleSet is n random rules without those that are refused.
func ruleSet(s source, n int) *sigma.Set {
	c := &sigma.Collection{}
	for i := range n {
		c.Add(sigma.ParseCollection(fmt.Sprintf("%04d.yml", i), []byte(ruleText(s, i))))
	}
	return c.Set()
}

func anyValue(s source, depth int) any {
	switch s.pick(14) {
	case 0:
		return nil
	case 1:
		return int64(one(s, 0, 1, 5, 4625, 4688, -3, 16))
	case 2:
		return one(s, 1.5, 4625.0, 1e30, 1000, -0.25)
	case 3:
		return s.pick(2) == 0
	case 4, 5:
		if depth > 2 {
			return ""
		}
		list := []any{}
		for range s.pick(4) {
			list = append(list, anyValue(s, depth+1))
		}
		return list
	case 6:
		if depth > 2 {
			return nil
		}
		return map[string]any{one(s, "b", "b.c", "B", "x"): anyValue(s, depth+1),
			one(s, "c", "d"): anyValue(s, depth+1)}
	case 7:
		return text(s) + one(s, "\xff", "\xe2\x84", "\xc5", "\x80")
	}
	return text(s) + one(s, "", "", text(s))
}

// anyEvent is a random event.
func anyEvent(s source) *event {
	ev := &event{fields: map[string]any{}}
	ev.product = one(s, "windows", "windows", "linux", "WINDOWS", "", sigma.AnySource)
	ev.service = one(s, "", "security", "sysmon", "Security", "sshd", "auth")
	ev.categories = one(s, nil, []string{"process_creation"}, []string{"x", "Process_Creation"})
	for range 1 + s.pick(6) {
		name := fieldNames[s.pick(len(fieldNames))]
		if s.pick(10) == 0 {
			name = one(s, "a", "other", "A.B", "a.b.c.d", "")
		}
		ev.fields[name] = anyValue(s, 0)
	}
	if s.pick(2) == 0 {
		ev.fields["EventID"] = one[any](s, int64(4625), int64(4688), "4625", "04688", 4625.0, []any{int64(4625), "x"},
			int64(1), "+1")
	}
	return ev
}
