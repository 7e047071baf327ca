package pipeline

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// ruleCondition looks at the document as a whole.
type ruleCondition interface {
	rule(r *run) (truth, error)
}

func ruleConditionOf(a *args, kind string) ruleCondition {
	switch kind {
	case "logsource":
		c := logSourceIs{logSource{a.text("category", ""), a.text("product", ""), a.text("service", "")}}
		if c.want == (logSource{}) {
			a.fail(a.at, "pipeline.condition.logsource-empty")
		}
		return c
	case "contains_field":
		return containsField(a.name("field"))
	case "contains_detection_item":
		return containsItem{a.name("field"), a.scalar("value")}
	case "processing_item_applied":
		return appliedTo(a.name("processing_item_id"))
	case "processing_state":
		return readState(a)
	case "is_sigma_rule":
		return isKind(detectionRule)
	case "is_sigma_correlation_rule":
		return isKind(correlationRule)
	case "rule_attribute":
		return readAttribute(a)
	case "tag":
		return hasTag(a.name("tag"))
	}
	a.fail(a.at, "pipeline.condition.rule-unknown", kind)
	return nil
}

// logSource is the log source of a document.
type logSource struct{ category, product, service string }

type logSourceIs struct{ want logSource }

// rule: for a filter it is open if the filter's own log source leaves it so.
func (c logSourceIs) rule(r *run) (truth, error) {
	out := yes
	for _, p := range [][2]string{
		{c.want.category, r.source.category}, {c.want.product, r.source.product}, {c.want.service, r.source.service},
	} {
		switch want, has := p[0], p[1]; {
		case want == "" || sameFold(want, has):
		case r.kind == filterRule && has == "":
			out = min(out, open)
		default:
			out = no
		}
	}
	return out, nil
}

// found is what looking into a document's own detection says. A filter becomes
// part of rules, which may hold what it does not.
func (r *run) found(here bool) truth {
	if !here && r.kind == filterRule {
		return open
	}
	return truthOf(here)
}

type containsField string

func (c containsField) rule(r *run) (truth, error) {
	here := false
	err := r.eachItem(func(it *item) error {
		here = here || !it.keyword && it.field.text == string(c)
		return nil
	})
	return r.found(here), err
}

type containsItem struct {
	field string
	value *yaml.Node
}

func (c containsItem) rule(r *run) (truth, error) {
	here := false
	err := r.eachItem(func(it *item) error {
		if it.keyword || it.field.text != c.field {
			return nil
		}
		for _, v := range it.values {
			v, err := it.seen(v)
			if err != nil {
				return err
			}
			here = here || v.equals(c.value)
		}
		return nil
	})
	return r.found(here), err
}

type appliedTo string

func (c appliedTo) rule(r *run) (truth, error) { return r.applied[string(c)], nil }

type isKind ruleKind

// rule: a filter is a part of detection rules.
func (c isKind) rule(r *run) (truth, error) {
	return truthOf((r.kind == correlationRule) == (ruleKind(c) == correlationRule)), nil
}

type hasTag string

func (c hasTag) rule(r *run) (truth, error) {
	if r.kind == filterRule {
		return open, nil
	}
	return truthOf(slices.Contains(texts(yamldoc.Child(r.root, "tags")), string(c))), nil
}

// texts returns the members of a list that are texts, or a single one.
func texts(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	members := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		members = n.Content
	}
	var out []string
	for _, m := range members {
		if s := looseText(yamldoc.Deref(m)); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// stateIs compares what set_state left.
type stateIs struct {
	key, op string
	val     *yaml.Node
}

func readState(a *args) stateIs {
	return stateIs{key: a.name("key"), val: a.scalar("val"), op: a.choice("op", ordered...)}
}

func (c stateIs) holds(r *run) (truth, error) {
	has := r.state[c.key]
	if has == nil {
		return no, nil
	}
	order, ok := compareScalars(has, c.val)
	switch {
	case ok:
		return truthOf(compare(c.op, order)), nil
	case c.op == "eq" || c.op == "ne":
		return truthOf(c.op == "ne"), nil
	}
	return no, fail(c.val, "pipeline.state.order", c.key, kindOf(has).name(), has.Value, c.val.Value)
}

func (c stateIs) rule(r *run) (truth, error) { return c.holds(r) }

// compareScalars compares two values of the same kind.
func compareScalars(a, b *yaml.Node) (order int, ok bool) {
	ka, kb := kindOf(a), kindOf(b)
	if ka != kb {
		return 0, false
	}
	if ka == numberKind {
		x, err1 := strconv.ParseFloat(a.Value, 64)
		y, err2 := strconv.ParseFloat(b.Value, 64)
		return cmp.Compare(x, y), err1 == nil && err2 == nil
	}
	if ka == boolKind {
		return strings.Compare(strings.ToLower(a.Value), strings.ToLower(b.Value)), true
	}
	return strings.Compare(a.Value, b.Value), true
}

// attributeIs compares a key of the rule, or what set_custom_attribute left.
type attributeIs struct {
	name, op string
	value    *yaml.Node
}

var (
	levelOrder  = []string{"informational", "low", "medium", "high", "critical"}
	statusOrder = []string{"unsupported", "deprecated", "experimental", "test", "stable"}
)

// listed are attributes that are lists, also where a rule writes only one text.
var listed = []string{"tags", "references", "fields", "falsepositives", "scope"}

func readAttribute(a *args) attributeIs {
	c := attributeIs{name: a.name("attribute"), value: a.scalar("value"),
		op: a.choice("op", append(slices.Clone(ordered), "in", "not_in")...)}
	if a.err != nil {
		return c
	}
	switch c.name {
	case "related", "logsource", "detection", "correlation", "filter":
		a.fail(a.at, "pipeline.attribute.nested", c.name)
	case "level":
		c.known(a, levelOrder)
	case "status":
		c.known(a, statusOrder)
	case "date", "modified":
		if _, ok := dateOf(c.value.Value); !ok {
			a.fail(c.value, "pipeline.attribute.date", c.value.Value)
		}
	case "title", "id", "name", "author", "description", "license", "taxonomy":
		if c.op != "eq" && c.op != "ne" {
			a.fail(a.at, "pipeline.attribute.text", c.name, c.op)
		}
	}
	if (c.op == "in" || c.op == "not_in") && slices.Contains([]string{"level", "status", "date", "modified"}, c.name) {
		a.fail(a.at, "pipeline.attribute.no-list", c.name, c.op)
	}
	return c
}

func (c attributeIs) known(a *args, words []string) {
	if !slices.Contains(words, strings.ToLower(c.value.Value)) {
		a.fail(c.value, "pipeline.attribute.choice", c.value.Value, strings.Join(words, ", "))
	}
}

func dateOf(s string) (time.Time, bool) {
	t, err := time.Parse("2006-01-02", strings.ReplaceAll(s, "/", "-"))
	return t, err == nil
}

func (c attributeIs) rule(r *run) (truth, error) {
	if r.kind == filterRule {
		return open, nil
	}
	has := yamldoc.Child(r.root, c.name)
	if has == nil {
		has = r.custom[c.name]
	}
	negative := c.op == "ne" || c.op == "not_in"
	if has == nil || isEmpty(has) {
		return truthOf(negative), nil
	}
	if c.name == "fields" {
		return c.among(r.fieldTexts()), nil
	}
	if has.Kind == yaml.SequenceNode || slices.Contains(listed, c.name) {
		return c.among(texts(has)), nil
	}
	if has.Kind != yaml.ScalarNode {
		return no, fail(has, "pipeline.attribute.nested", c.name)
	}
	order, ok := 0, true
	switch c.name {
	case "level", "status":
		words := levelOrder
		if c.name == "status" {
			words = statusOrder
		}
		at := slices.Index(words, strings.ToLower(has.Value))
		if at < 0 {
			return truthOf(negative), nil
		}
		order = cmp.Compare(at, slices.Index(words, strings.ToLower(c.value.Value)))
	case "date", "modified":
		x, known := dateOf(has.Value)
		y, _ := dateOf(c.value.Value)
		order, ok = x.Compare(y), known
	case "title", "id", "name", "author", "description", "license", "taxonomy":
		order = strings.Compare(has.Value, c.value.Value)
	default:
		order, ok = compareScalars(has, c.value)
	}
	switch {
	case c.op == "in" || c.op == "not_in":
		return no, fail(has, "pipeline.value.no-list", c.name, c.op)
	case !ok:
		return truthOf(negative), nil
	}
	return truthOf(compare(c.op, order)), nil
}

// among is for lists: a list equals no single value and has no order.
func (c attributeIs) among(list []string) truth {
	switch c.op {
	case "in":
		return truthOf(slices.Contains(list, c.value.Value))
	case "not_in":
		return truthOf(!slices.Contains(list, c.value.Value))
	}
	return truthOf(c.op == "ne")
}
