package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Check holds a description against what meneki promises of it, and against the
// parts of OpenAPI 3.1 that a generator of clients stumbles over: every
// operation has an id of its own, a summary in both languages, a good answer and
// problems for the others, and says who may call it; every $ref leads somewhere;
// every {parameter} of a path is declared. Tests of whole programs call it with
// what /openapi.json answers. It returns everything that is wrong, joined.
func Check(openapi []byte) error {
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Info    struct{ Title, Version string }       `json:"info"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(openapi, &doc); err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	var bad []error
	report := func(format string, args ...any) { bad = append(bad, fmt.Errorf(format, args...)) }
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		report("openapi is %q, not 3.1", doc.OpenAPI)
	}
	if doc.Info.Title == "" || doc.Info.Version == "" {
		report("info needs a title and a version")
	}
	ids := map[string]string{}
	for path, item := range doc.Paths {
		for method, raw := range item {
			at := strings.ToUpper(method) + " " + path
			var op describedOp
			if err := json.Unmarshal(raw, &op); err != nil {
				report("%s: %w", at, err)
				continue
			}
			if other := ids[op.OperationID]; other != "" {
				report("%s: operationId %q is also that of %s", at, op.OperationID, other)
			}
			ids[op.OperationID] = at
			for _, problem := range op.check(path) {
				report("%s: %s", at, problem)
			}
		}
	}
	var whole any
	if err := json.Unmarshal(openapi, &whole); err != nil {
		return fmt.Errorf("openapi: %w", err)
	}
	walkRefs(whole, func(ref string) {
		if !resolves(whole, ref) {
			report("$ref %q leads nowhere", ref)
		}
	})
	return errors.Join(bad...)
}

type describedOp struct {
	OperationID string                 `json:"operationId"`
	Summary     string                 `json:"summary"`
	SummaryJA   string                 `json:"x-summary-ja"`
	Security    *[]map[string][]string `json:"security"`
	Parameters  []struct {
		Name     string          `json:"name"`
		In       string          `json:"in"`
		Required bool            `json:"required"`
		Schema   json.RawMessage `json:"schema"`
	} `json:"parameters"`
	Responses map[string]struct {
		Description string                     `json:"description"`
		Content     map[string]json.RawMessage `json:"content"`
	} `json:"responses"`
}

var pathParam = regexp.MustCompile(`\{([^}]*)\}`)

func (op describedOp) check(path string) (bad []string) {
	report := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	if !opID.MatchString(op.OperationID) {
		report("operationId %q is not lower-case words joined by dashes", op.OperationID)
	}
	if op.Summary == "" || op.SummaryJA == "" {
		report("no summary in both languages")
	}
	if op.Security == nil || len(*op.Security) == 0 {
		report("does not say who may call it")
	}
	var declared []string
	for _, p := range op.Parameters {
		if len(p.Schema) == 0 {
			report("parameter %s has no schema", p.Name)
		}
		if p.In == "path" {
			declared = append(declared, p.Name)
			if !p.Required {
				report("path parameter %s is not required", p.Name)
			}
		}
	}
	for _, m := range pathParam.FindAllStringSubmatch(path, -1) {
		if !slices.Contains(declared, strings.TrimSuffix(m[1], "...")) {
			report("path parameter %s is not declared", m[1])
		}
	}
	good, problems := false, false
	for status, r := range op.Responses {
		if r.Description == "" {
			report("response %s has no description", status)
		}
		if status < "4" {
			good = true
			continue
		}
		problems = true
		if _, ok := r.Content["application/problem+json"]; !ok {
			report("response %s is no application/problem+json", status)
		}
	}
	if !good || !problems {
		report("needs a good answer and the problems described")
	}
	return bad
}

func walkRefs(v any, yield func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, in := range v {
			if ref, ok := in.(string); ok && k == "$ref" {
				yield(ref)
				continue
			}
			walkRefs(in, yield)
		}
	case []any:
		for _, in := range v {
			walkRefs(in, yield)
		}
	}
}

// resolves follows a local reference, "#/components/schemas/Case".
func resolves(doc any, ref string) bool {
	rest, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return false
	}
	for _, part := range strings.Split(rest, "/") {
		m, isMap := doc.(map[string]any)
		if !isMap {
			return false
		}
		if doc, ok = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]; !ok {
			return false
		}
	}
	return true
}
