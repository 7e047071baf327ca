package pipeline

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// addCondition adds a search identifier and puts it before every condition.
type addCondition struct {
	items    *yaml.Node // a mapping
	name     string
	template bool
	negated  bool
}

func readAddCondition(a *args) any {
	c := addCondition{items: a.must("conditions"), name: a.text("name", ""), template: a.flag("template"),
		negated: a.flag("negated")}
	if c.items != nil && a.err == nil {
		if c.items.Kind != yaml.MappingNode || len(c.items.Content) == 0 {
			a.fail(c.items, "pipeline.add-condition.kind")
		} else if _, err := readGroup(c.items); err != nil {
			a.err = err
		} else {
			c.check(a)
		}
	}
	if strings.ContainsAny(c.name, " \t\r\n()|,*") ||
		slices.Contains([]string{"and", "or", "not", "of", "them", "condition", "timeframe"}, strings.ToLower(c.name)) {
		a.fail(a.at, "pipeline.add-condition.name", c.name)
	}
	return c
}

// check tries the items in a rule, so that a mistake is found in the pipeline and
// not in every rule.
func (c addCondition) check(a *args) {
	for i := 0; i < len(c.items.Content); i += 2 {
		if kindOf(yamldoc.Deref(c.items.Content[i])) == nullKind {
			a.fail(c.items, "pipeline.add-condition.field")
		}
	}
	f := sigma.ReadFile("", []byte("title: t\nlogsource: {product: p}\ndetection: {c: {f: 1}, condition: c}\n"),
		sigma.WithPlaceholders(nil))
	setChild(yamldoc.Child(f.Documents[0].Root, "detection"), "c", c.items)
	for _, refused := range f.Parse().Refused {
		if !hasCode(refused.Reason, "sigma.placeholder.missing") {
			a.fail(c.items, "pipeline.add-condition.rule", refused.Reason)
		}
	}
}

func (c addCondition) apply(r *run, s *step) error {
	if r.kind != detectionRule {
		return nil // a filter is added to rules that have the condition; a correlation has none
	}
	if len(r.conditions) >= maxConditions {
		return fail(r.root, "pipeline.many-conditions", maxConditions)
	}
	body, err := readGroup(c.items)
	if err != nil {
		return err
	}
	at := r.detection()
	body.at = at
	err = body.replace(func(it *item) (part, error) {
		it.at = at
		it.field.mark(s)
		for _, v := range it.values {
			n := *v.node
			n.Line, n.Column = at.Line, at.Column
			if c.template && kindOf(&n) == textKind {
				var err error
				if n.Value, err = c.fill(r, n.Value); err != nil {
					return nil, err
				}
			}
			v.node = &n
		}
		return it, nil
	})
	if err != nil {
		return err
	}
	label := c.name
	if label == "" {
		label = "_cond_" + safeName(s.id)
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(r.searches, func(o *search) bool { return o.name == name }) || !r.isSearch(name)
	}
	unique := label
	for i := 2; taken(unique); i++ {
		unique = label + "_" + strconv.Itoa(i)
	}
	r.searches = append(r.searches, &search{name: unique, at: at, body: body})
	if c.negated {
		unique = "not " + unique
	}
	r.conditions = append(r.conditions, unique)
	r.detectionChanged = true
	return nil
}

// safeName returns an id as a word of a condition.
func safeName(id string) string {
	if id == "" {
		return "added"
	}
	return strings.Map(func(c rune) rune {
		if c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, id)
}

// fill replaces $category, $product and $service, also in braces; $$ is a dollar
// sign and any other is left alone. A value is text, whatever stands in the log
// source.
func (c addCondition) fill(r *run, text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "$")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		if after, ok := strings.CutPrefix(rest, "$"); ok {
			b.WriteByte('$')
			text = after
			continue
		}
		word, after := rest, ""
		if inner, tail, closed := strings.Cut(rest, "}"); closed && strings.HasPrefix(inner, "{") {
			word, after = inner[1:], tail
		} else {
			end := strings.IndexFunc(rest, func(c rune) bool {
				return !(c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
			})
			if end >= 0 {
				word, after = rest[:end], rest[end:]
			}
		}
		val, known := map[string]string{"category": r.source.category, "product": r.source.product,
			"service": r.source.service}[word]
		switch {
		case !known:
			b.WriteByte('$')
			text = rest
			continue
		case val == "":
			return "", fail(r.root, "pipeline.logsource.missing", word)
		}
		b.WriteString(glob{}.add(piece{text: val}).String())
		text = after
	}
}

// changeLogSource replaces the log source as a whole.
type changeLogSource struct{ to logSource }

func readChangeLogSource(a *args) any {
	c := changeLogSource{logSource{a.text("category", ""), a.text("product", ""), a.text("service", "")}}
	if c.to == (logSource{}) {
		a.fail(a.at, "pipeline.logsource.empty")
	}
	return c
}

func (c changeLogSource) apply(r *run, _ *step) error {
	r.source, r.sourceChanged = c.to, true
	return nil
}

// editFields is add_field, remove_field and set_field: the rule's list of fields,
// which is for people.
type editFields struct {
	how  string
	list []string
}

func readAddField(a *args) any    { return readEditFields(a, "add", "field") }
func readRemoveField(a *args) any { return readEditFields(a, "remove", "field") }
func readSetField(a *args) any    { return readEditFields(a, "set", "fields") }

func readEditFields(a *args, how, key string) any {
	e := editFields{how: how, list: a.texts(key)}
	if e.list == nil {
		a.fail(a.at, "pipeline.needs", a.what, key)
	}
	return e
}

func (e editFields) apply(r *run, _ *step) error {
	r.fieldsChanged = true
	if e.how == "set" {
		r.fields = nil
	}
	for _, text := range e.list {
		here := func(n *name) bool { return n.text == text }
		switch {
		case e.how == "remove":
			r.fields = slices.DeleteFunc(slices.Clone(r.fields), here)
		case !slices.ContainsFunc(r.fields, here):
			if len(r.fields) >= maxFields {
				return fail(r.root, "pipeline.many-listed-fields", maxFields)
			}
			r.fields = append(slices.Clip(r.fields), newName(text))
		}
	}
	return nil
}

// setState is set_state and set_custom_attribute: what later conditions look at.
type setState struct {
	custom bool
	key    string
	val    *yaml.Node
}

func readSetState(a *args) any { return setState{key: a.name("key"), val: a.scalar("val")} }

func readSetAttribute(a *args) any {
	return setState{custom: true, key: a.name("attribute"), val: a.scalar("value")}
}

func (t setState) apply(r *run, _ *step) error {
	if t.custom {
		r.custom[t.key] = t.val
	} else {
		r.state[t.key] = t.val
	}
	return nil
}

// failure is rule_failure and detection_item_failure.
type failure struct{ message string }

type ruleFailure failure
type itemFailure failure

func readRuleFailure(a *args) any { return ruleFailure{a.name("message")} }
func readItemFailure(a *args) any { return itemFailure{a.name("message")} }

func (f ruleFailure) apply(r *run, s *step) error {
	return s.fail(r.root, "pipeline.failure", f.message)
}

func (f itemFailure) item(_ *run, s *step, it *item) (part, bool, error) {
	return nil, false, s.fail(it.at, "pipeline.failure-item", it.label(), f.message)
}

// strict is strict_field_mapping_failure: a field that no mapping named would
// silently never be found.
type strict struct{}

func readStrict(*args) any { return strict{} }

func (strict) apply(r *run, s *step) error {
	missing := make(map[string]*yaml.Node)
	r.eachItem(func(it *item) error {
		if !it.keyword && !it.field.mapped {
			missing[it.field.text] = it.at
		}
		for _, v := range it.values {
			if v.ref != nil && !v.ref.mapped {
				missing[v.ref.text] = v.node
			}
		}
		return nil
	})
	for _, list := range r.probes {
		for _, n := range list {
			if !n.mapped {
				missing[n.text] = r.root
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(missing))
	return s.fail(missing[names[0]], "pipeline.unmapped", strings.Join(names, ", "))
}

// drop is drop_detection_item.
type drop struct{}

func readDrop(*args) any { return drop{} }

func (drop) item(*run, *step, *item) (part, bool, error) { return nil, true, nil }
