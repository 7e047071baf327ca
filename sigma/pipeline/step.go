package pipeline

import (
	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// Bounds of one pipeline.
const (
	maxSteps   = 10_000
	maxNesting = 16
)

// step is one processing item: a transformation and the conditions under which
// it is applied.
type step struct {
	id       string // "" if it has none
	kind     string // type of the transformation
	at       *yaml.Node
	pipeline *Pipeline

	rules  conditions[ruleCondition]
	items  conditions[itemCondition]
	fields conditions[fieldCondition]
	do     any // one of ruleStep, itemStep, nameStep
}

// ruleStep changes a document as a whole.
type ruleStep interface {
	apply(r *run, s *step) error
}

// itemStep changes one item of a detection: it returns what takes its place, which
// may be nil, and whether it did anything.
type itemStep interface {
	item(r *run, s *step, it *item) (out part, changed bool, err error)
}

// nameStep renames fields, wherever they are named. ok is false if it has nothing
// for this one.
type nameStep interface {
	names(field string, keyword bool) (out []string, ok bool)
}

// refusedByStep is the code of a reason that names the step that gave it.
const refusedByStep = "pipeline.step"

// because returns a reason that names the step, for a person, before why.
func (s *step) because(why error) sigma.Reason {
	id := s.kind
	if s.id != "" {
		id += " " + s.id
	}
	return reasons.New(refusedByStep, s.pipeline.label(), s.pipeline.Path, max(s.at.Line, 1), id, why)
}

// fail refuses the rule at a place within it.
func (s *step) fail(at *yaml.Node, code string, values ...any) error {
	return failWith(at, s.because(reasons.New(code, values...)))
}

// wrap puts the step's name before a refusal that does not have one.
func (s *step) wrap(err error) error {
	pe, ok := err.(*sigma.ParseError)
	if err == nil || ok && pe.Reason.Code() == refusedByStep {
		return err
	}
	if !ok {
		return failWith(&yaml.Node{}, s.because(err))
	}
	out := *pe
	out.Reason = s.because(pe.Reason)
	return &out
}

// stepReader reads the steps of one pipeline.
type stepReader struct {
	pipeline *Pipeline
	count    int
}

func (r *stepReader) steps(n *yaml.Node, depth int) ([]*step, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, fail(n, "pipeline.transformations.kind")
	}
	if depth > maxNesting {
		return nil, fail(n, "pipeline.transformations.depth", maxNesting)
	}
	var out []*step
	for _, m := range n.Content {
		if r.count++; r.count > maxSteps {
			return nil, fail(m, "pipeline.transformations.many", maxSteps)
		}
		s, err := r.step(yamldoc.Deref(m), depth)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (r *stepReader) step(n *yaml.Node, depth int) (*step, error) {
	a, err := newArgs(reasons.New("pipeline.kind.transformation"), n)
	if err != nil {
		return nil, err
	}
	s := &step{at: n, pipeline: r.pipeline, kind: a.name("type"), id: a.text("id", "")}
	if a.err != nil {
		return nil, a.err
	}
	a.what = reasons.New("pipeline.kind.transformation-named", s.kind)
	s.rules, err = readConditions(a, "rule", ruleConditionOf)
	if err == nil {
		s.items, err = readConditions(a, "detection_item", itemConditionOf)
	}
	if err == nil {
		s.fields, err = readConditions(a, "field_name", fieldConditionOf)
	}
	if err != nil {
		return nil, err
	}
	if code, known := unsupported[s.kind]; known {
		return nil, fail(n, "pipeline.transformation.unsupported", s.kind, reasons.New(code))
	}
	if s.kind == "nest" {
		inner := a.must("items")
		if a.err == nil {
			nested := &nest{}
			nested.steps, a.err = r.steps(inner, depth+1)
			s.do = nested
		}
	} else {
		read, known := transformations[s.kind]
		if !known {
			return nil, fail(n, "pipeline.transformation.unknown", s.kind)
		}
		s.do = read(a)
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	_, rule := s.do.(ruleStep)
	_, names := s.do.(nameStep)
	switch {
	case rule && (s.items.given() || s.fields.given()):
		return nil, fail(n, "pipeline.transformation.whole-rules", s.kind)
	case !rule && !names && !s.items.given() && !s.fields.given() && s.kind == "drop_detection_item":
		return nil, fail(n, "pipeline.drop.unconditional")
	}
	return s, nil
}

// unsupported are transformations of pySigma that have no meaning here, or none
// that is safe, with the reason.
var unsupported = map[string]string{
	"query_expression_placeholders": "pipeline.unsupported.query",
	"file_placeholders":             "pipeline.unsupported.file",
	"http_placeholders":             "pipeline.unsupported.network",
	"command_placeholders":          "pipeline.unsupported.command",
	"extract_fields":                "pipeline.unsupported.guess",
}

// transformations read the parameters of each type.
var transformations = map[string]func(a *args) any{
	"field_name_mapping":           readMapping,
	"field_name_prefix_mapping":    readPrefixMapping,
	"field_name_prefix":            readPrefix,
	"field_name_suffix":            readSuffix,
	"field_name_transform":         readNameTransform,
	"drop_detection_item":          readDrop,
	"detection_item_failure":       readItemFailure,
	"rule_failure":                 readRuleFailure,
	"strict_field_mapping_failure": readStrict,
	"add_condition":                readAddCondition,
	"change_logsource":             readChangeLogSource,
	"add_field":                    readAddField,
	"remove_field":                 readRemoveField,
	"set_field":                    readSetField,
	"set_state":                    readSetState,
	"set_custom_attribute":         readSetAttribute,
	"replace_string":               readReplace,
	"map_string":                   readMapString,
	"set_value":                    readSetValue,
	"convert_type":                 readConvert,
	"case":                         readCase,
	"regex":                        readRegex,
	"value_placeholders":           readValuePlaceholders,
	"wildcard_placeholders":        readWildcardPlaceholders,
	"hashes_fields":                readHashes,
}

// nest applies several steps under the conditions of one. They share the state
// and the variables of the chain.
type nest struct{ steps []*step }

func (n *nest) apply(r *run, _ *step) error { return r.steps(n.steps) }
