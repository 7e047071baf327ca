package sigma

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma/internal/compiled"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// CorrelationType is what a correlation rule looks for among the events of a
// group (correlation specification 2.1).
type CorrelationType string

// The types. ValueMedian is not in the specification's list but in the use of it:
// it is ValuePercentile with percentile 50.
const (
	EventCount      CorrelationType = "event_count"
	ValueCount      CorrelationType = "value_count"
	Temporal        CorrelationType = "temporal"
	TemporalOrdered CorrelationType = "temporal_ordered"
	ValueSum        CorrelationType = "value_sum"
	ValueAvg        CorrelationType = "value_avg"
	ValuePercentile CorrelationType = "value_percentile"
	ValueMedian     CorrelationType = "value_median"
)

var correlationTypes = [...]CorrelationType{
	EventCount, ValueCount, Temporal, TemporalOrdered, ValueSum, ValueAvg, ValuePercentile, ValueMedian,
}

// Numeric reports whether the type computes with the numbers in a field.
func (t CorrelationType) Numeric() bool {
	return t == ValueSum || t == ValueAvg || t == ValuePercentile || t == ValueMedian
}

// Together reports whether the type asks which rules match together.
func (t CorrelationType) Together() bool { return t == Temporal || t == TemporalOrdered }

// Bounds of one correlation rule.
const (
	maxCorrelationRules = 1000
	maxOrderedRules     = 64 // of temporal_ordered, and of a condition in words
	maxGroupBy          = 32
	maxTimespan         = 3650 * 24 * time.Hour
	maxChain            = 16 // correlations on correlations
)

// Correlation is one Sigma correlation rule that was understood completely. Like
// a [Rule] it does not change. Rules is resolved once it is part of a [Set].
type Correlation struct {
	ID, Name       string // as written, "" if it has none; see Key
	Title          string
	Status         string
	Description    string
	Author         string
	License        string
	Date, Modified string
	Taxonomy       string
	References     []string
	Fields         []string
	FalsePositives []string
	Tags           []string
	Related        []Related
	Level          Level

	Type      CorrelationType
	Rules     []RuleRef     // what it counts or waits for, in the order written
	GroupBy   []string      // names of fields or aliases; none means one group for all
	Timespan  time.Duration // positive
	Aliases   []Alias
	Condition CorrelationCondition
	Generate  bool // the matches of Rules are findings too

	// Silent is set in a Set: the correlation is only there for others that refer
	// to it, none of which says "generate: true".
	Silent bool

	Path   string
	Line   int
	Source []byte

	expression   string // the condition in words
	alternatives []compiled.Alternative
	where        map[string]reference
}

// RuleRef is a reference of a correlation rule. In a [Set] exactly one of Rule
// and Correlation is set.
type RuleRef struct {
	Text        string // the ID or name as written
	Rule        *Rule
	Correlation *Correlation
}

// Key returns the key of what is referred to, Text before it is resolved.
func (r RuleRef) Key() string {
	switch {
	case r.Rule != nil:
		return r.Rule.Key()
	case r.Correlation != nil:
		return r.Correlation.Key()
	}
	return r.Text
}

// Compiled is for the packages below this one: what the correlation was compiled
// to.
func (c *Correlation) Compiled() compiled.Correlation {
	return compiled.Correlation{Alternatives: c.alternatives}
}

// Alias is one name for fields that are called differently in the events of
// different rules.
type Alias struct {
	Name   string
	Fields map[string]string // field by rule, the rule as the document writes it

	byRef []string // by index into Rules, after resolving
}

// Field returns the name under which events of Rules[i] have what the correlation
// calls name: the alias's field, or the name itself.
func (c *Correlation) Field(i int, name string) string {
	for _, a := range c.Aliases {
		if a.Name == name && a.byRef != nil {
			return a.byRef[i]
		}
	}
	return name
}

// Key returns a name for the correlation that is never empty, like [Rule.Key].
func (c *Correlation) Key() string { return documentKey(c.ID, c.Source) }

// Credit returns the one line that must stand beside every match that is shown,
// like [Rule.Credit].
func (c *Correlation) Credit() string { return credit(c.Title, c.Author, c.Key(), c.License) }

// correlation reads a correlation rule. r has what names it; root is the
// document, n its part "correlation".
func (p *parser) correlation(b *builder, r *Rule, root, n *yaml.Node) error {
	for _, key := range []string{"detection", "filter", "global", "logsource"} {
		if other := yamldoc.Child(root, key); other != nil {
			return fail(other, "sigma.correlation.mixed", key)
		}
	}
	if err := r.describe(root, p.opts); err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode {
		return fail(n, "sigma.correlation.kind", kindName(n))
	}
	c := &Correlation{
		ID: r.ID, Name: r.Name, Title: r.Title, Status: r.Status, Description: r.Description, Author: r.Author,
		License: r.License, Date: r.Date, Modified: r.Modified, Taxonomy: r.Taxonomy, References: r.References,
		Fields: r.Fields, FalsePositives: r.FalsePositives, Tags: r.Tags, Related: r.Related, Level: r.Level,
		Path: r.Path, Line: r.Line, Source: r.Source, where: make(map[string]reference),
	}
	// The type first: it says what the others may be. They are read in the order
	// in which each needs what was read before.
	parts := []struct {
		key  string
		read func(n *yaml.Node) error
	}{
		{"type", c.readType},
		{"rules", func(n *yaml.Node) error { return c.readRules(b, n) }},
		{"group-by", c.readGroupBy},
		{"timespan", c.readTimespan},
		{"aliases", func(n *yaml.Node) error { return c.readAliases(b, n) }},
		{"condition", func(n *yaml.Node) error { return c.readCondition(b, n) }},
		{"generate", c.readGenerate},
	}
	err := yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
		for _, part := range parts {
			if part.key == key {
				return nil
			}
		}
		return fail(at, "sigma.correlation.key", key)
	})
	if err != nil {
		return err
	}
	for _, part := range parts {
		if val := yamldoc.Child(n, part.key); val != nil {
			if err := part.read(val); err != nil {
				return err
			}
		}
	}
	if outer, inner := yamldoc.Child(root, "generate"), yamldoc.Child(n, "generate"); outer != nil {
		before := c.Generate
		if err := c.readGenerate(outer); err != nil {
			return err
		}
		if inner != nil && before != c.Generate {
			return fail(outer, "sigma.correlation.generate-differs")
		}
	}
	if err := c.complete(b, n); err != nil {
		return err
	}
	p.into.Correlations = append(p.into.Correlations, c)
	return nil
}

func (c *Correlation) readType(n *yaml.Node) error {
	s, err := text("type", n)
	if err != nil {
		return err
	}
	if c.Type = CorrelationType(s); !slices.Contains(correlationTypes[:], c.Type) {
		return fail(n, "sigma.correlation.type", s)
	}
	return nil
}

func (c *Correlation) readRules(b *builder, n *yaml.Node) error {
	refs, err := b.references(n)
	if err != nil {
		return err
	}
	if len(refs) > maxCorrelationRules {
		return fail(n, "sigma.correlation.many-rules", maxCorrelationRules)
	}
	for _, ref := range refs {
		c.addRule(ref)
	}
	return nil
}

func (c *Correlation) addRule(ref reference) {
	c.Rules = append(c.Rules, RuleRef{Text: ref.text})
	c.where[ref.text] = ref
}

func (c *Correlation) readGroupBy(n *yaml.Node) (err error) {
	c.GroupBy, err = fieldNames("group-by", n)
	if err == nil && len(c.GroupBy) > maxGroupBy {
		err = fail(n, "sigma.correlation.many-fields", maxGroupBy)
	}
	return err
}

// fieldNames reads one or several names of fields, each once.
func fieldNames(key string, n *yaml.Node) ([]string, error) {
	members := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		members = n.Content
	}
	var out []string
	for _, m := range members {
		at := m
		m = yamldoc.Deref(m)
		s := looseText(m)
		switch {
		case s == "":
			return nil, fail(at, "sigma.correlation.field-kind", key, kindName(m))
		case strings.TrimSpace(s) != s:
			return nil, fail(at, "sigma.correlation.field-blank", key, s)
		case strings.Contains(s, "|"):
			return nil, fail(at, "sigma.correlation.field-modifier", key, s)
		case slices.Contains(out, s):
			return nil, fail(at, "sigma.correlation.field-twice", key, s)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fail(n, "sigma.correlation.field-empty", key)
	}
	return out, nil
}

// readTimespan reads a number and one of s, m, h, d.
func (c *Correlation) readTimespan(n *yaml.Node) error {
	s, err := text("timespan", n)
	if err != nil {
		return err
	}
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, known := units[s[len(digits):]]
	count, err := strconv.ParseUint(digits, 10, 32)
	switch {
	case err != nil || !known:
		return fail(n, "sigma.correlation.timespan", s)
	case count == 0:
		return fail(n, "sigma.correlation.timespan-zero", s)
	case time.Duration(count) > maxTimespan/unit:
		return fail(n, "sigma.correlation.timespan-long", s, maxTimespan/(24*time.Hour))
	}
	c.Timespan = time.Duration(count) * unit
	return nil
}

func (c *Correlation) readAliases(b *builder, n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fail(n, "sigma.correlation.aliases-kind", kindName(n))
	}
	return yamldoc.Pairs(n, func(name string, at, val *yaml.Node) error {
		if name == "" || strings.TrimSpace(name) != name {
			return fail(at, "sigma.correlation.alias-blank", name)
		}
		if val.Kind != yaml.MappingNode || len(val.Content) == 0 {
			return fail(val, "sigma.correlation.alias-kind", name, kindName(val))
		}
		a := Alias{Name: name, Fields: make(map[string]string)}
		err := yamldoc.Pairs(val, func(rule string, at, val *yaml.Node) error {
			fields, err := fieldNames("alias "+name, val)
			if err != nil {
				return err
			}
			if len(fields) != 1 {
				return fail(val, "sigma.correlation.alias-field", name)
			}
			a.Fields[rule] = fields[0]
			return nil
		})
		c.Aliases = append(c.Aliases, a)
		c.where["alias "+name] = reference{name, max(at.Line, 1) + b.offset, max(at.Column, 1)}
		return err
	})
}

func (c *Correlation) readGenerate(n *yaml.Node) error {
	s := readScalar(n)
	if n.Kind != yaml.ScalarNode || s.kind != scalarBool {
		return fail(n, "sigma.correlation.generate-kind")
	}
	c.Generate = s.yes
	return nil
}

// complete checks what belongs together, when all parts were read.
func (c *Correlation) complete(b *builder, n *yaml.Node) error {
	switch {
	case c.Type == "":
		return fail(n, "sigma.correlation.type-missing")
	case c.Timespan == 0:
		return fail(n, "sigma.correlation.timespan-missing")
	case len(c.Rules) == 0:
		return fail(n, "sigma.correlation.rules-missing")
	case c.Type == TemporalOrdered && len(c.Rules) > maxOrderedRules:
		return fail(yamldoc.Child(n, "rules"), "sigma.correlation.many-ordered", maxOrderedRules)
	}
	at := yamldoc.Child(n, "condition")
	if at == nil {
		if !c.Type.Together() {
			return fail(n, "sigma.correlation.condition-missing")
		}
		at = n
		c.Condition.Comparisons = []Comparison{{Op: "gte", Value: float64(len(c.Rules))}}
	}
	if err := c.finishCondition(b, at); err != nil {
		return err
	}
	for _, a := range c.Aliases {
		if !slices.Contains(c.GroupBy, a.Name) && !slices.Contains(c.Condition.Fields, a.Name) {
			where := c.where["alias "+a.Name]
			return &ParseError{Line: where.line - b.offset, Column: where.column,
				Reason: reasons.New("sigma.correlation.alias-unused", a.Name)}
		}
	}
	return nil
}
