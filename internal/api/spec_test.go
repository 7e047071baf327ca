package api

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/danielgtaylor/huma/v2/validation"
	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

func TestSpec(t *testing.T) {
	f := newFixture(t)
	w := f.do(t, asks{method: "GET", path: "/openapi.json"})
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if err := Check(w.Body.Bytes()); err != nil {
		t.Error(err)
	}
	if strings.Contains(w.Body.String(), "ErrorModel") {
		t.Error("describes huma's own error type")
	}
	for _, want := range []string{`"x-role":"analyst"`, `"x-summary-ja":"本の一覧"`, `"PageBook"`, `"Problem"`,
		`"version":"1.2.3"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("lacks %s", want)
		}
	}
	y := f.do(t, asks{method: "GET", path: "/openapi.yaml"})
	var doc map[string]any
	if err := yaml.Unmarshal(y.Body.Bytes(), &doc); err != nil || doc["openapi"] != "3.1.0" {
		t.Errorf("yaml: %v %v", err, doc["openapi"])
	}
}

func TestCheckFinds(t *testing.T) {
	for name, doc := range map[string]string{
		"version":   `{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{}}`,
		"security":  `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"operationId":"a","summary":"a","x-summary-ja":"あ","responses":{"200":{"description":"ok"},"500":{"description":"x","content":{"application/problem+json":{}}}}}}}}`,
		"parameter": `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/a/{id}":{"get":{"operationId":"a","summary":"a","x-summary-ja":"あ","security":[{}],"responses":{"200":{"description":"ok"},"500":{"description":"x","content":{"application/problem+json":{}}}}}}}}`,
		"ref":       `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{},"components":{"schemas":{"A":{"$ref":"#/components/schemas/B"}}}}`,
		"no JSON":   `{`,
	} {
		if err := Check([]byte(doc)); err == nil {
			t.Errorf("%s: nothing found", name)
		}
	}
}

func TestDocsPage(t *testing.T) {
	f := newFixture(t)
	for path, want := range map[string]string{
		"/api/docs?lang=ja": "本の一覧",
		"/api/docs?lang=en": "Needs the role",
	} {
		w := f.do(t, asks{method: "GET", path: path})
		body := w.Body.String()
		if w.Code != 200 || !strings.Contains(body, want) {
			t.Fatalf("%s: %d, want %q in %s", path, w.Code, want, body)
		}
		if w.Header().Get("Content-Security-Policy") != docsCSP {
			t.Errorf("CSP %q", w.Header().Get("Content-Security-Policy"))
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !strings.HasPrefix(m[1], "/") && !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "?") {
				t.Errorf("%s loads or leads to %q", path, m[1])
			}
			if id, ok := strings.CutPrefix(m[1], "#"); ok && !strings.Contains(body, `id="`+id+`"`) {
				t.Errorf("%s: #%s leads nowhere", path, id)
			}
		}
		if strings.Contains(body, "<script") || strings.Contains(body, "style=") {
			t.Error("inline script or style")
		}
	}
	if w := f.do(t, asks{method: "GET", path: "/api/docs.css"}); w.Code != 200 ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("css: %d %v", w.Code, w.Header())
	}
	empty := &fixture{mux: http.NewServeMux()}
	New(empty.mux, Config{Version: "1"})
	if w := empty.do(t, asks{method: "GET", path: "/api/docs"}); !strings.Contains(w.Body.String(), "No operation") {
		t.Error("an API without operations does not say so")
	}
}

// Every validation message of huma has its Japanese.
func TestSayings(t *testing.T) {
	hole := regexp.MustCompile(`%[vsd]`)
	var have []string
	for _, s := range sayings {
		have = append(have, s.en)
		if strings.Count(s.en, "%") != strings.Count(s.ja.EN, "{") ||
			strings.Count(s.en, "%") != strings.Count(s.ja.JA, "{") {
			t.Errorf("%q: holes differ", s.en)
		}
	}
	for _, m := range humaMessages() {
		if !slices.Contains(have, hole.ReplaceAllString(m, "%")) {
			t.Errorf("no Japanese for %q", m)
		}
	}
	if got := say(`expected value to be one of "a, b"`, i18n.JA); got != "次のいずれかで指定してください: a, b" {
		t.Error(got)
	}
	if got := say("expected string to match pattern ^a$", i18n.EN); got != "expected text that matches ^a$" {
		t.Error(got)
	}
	if got := say("something new", i18n.JA); got != "something new" {
		t.Error(got)
	}
}

func humaMessages() []string {
	return []string{
		validation.MsgUnexpectedProperty, validation.MsgExpectedRFC3339DateTime, validation.MsgExpectedRFC1123DateTime,
		validation.MsgExpectedRFC3339Date, validation.MsgExpectedRFC3339Time, validation.MsgExpectedRFC5322Email,
		validation.MsgExpectedRFC5890Hostname, validation.MsgExpectedRFC2673IPv4, validation.MsgExpectedRFC2373IPv6,
		validation.MsgExpectedRFCIPAddr, validation.MsgExpectedRFC3986URI, validation.MsgExpectedRFC4122UUID,
		validation.MsgExpectedRFC6570URITemplate, validation.MsgExpectedRFC6901JSONPointer,
		validation.MsgExpectedRFC6901RelativeJSONPointer, validation.MsgExpectedRegexp,
		validation.MsgExpectedMatchAtLeastOneSchema, validation.MsgExpectedMatchExactlyOneSchema,
		validation.MsgExpectedNotMatchSchema, validation.MsgExpectedPropertyNameInObject, validation.MsgExpectedBoolean,
		validation.MsgExpectedDuration, validation.MsgExpectedNumber, validation.MsgExpectedInteger,
		validation.MsgExpectedString, validation.MsgExpectedBase64String, validation.MsgExpectedArray,
		validation.MsgExpectedObject, validation.MsgExpectedArrayItemsUnique, validation.MsgExpectedOneOf,
		validation.MsgExpectedMinimumNumber, validation.MsgExpectedExclusiveMinimumNumber,
		validation.MsgExpectedMaximumNumber, validation.MsgExpectedExclusiveMaximumNumber,
		validation.MsgExpectedNumberBeMultipleOf, validation.MsgExpectedMinLength, validation.MsgExpectedMaxLength,
		validation.MsgExpectedBePattern, validation.MsgExpectedMatchPattern, validation.MsgExpectedMinItems,
		validation.MsgExpectedMaxItems, validation.MsgExpectedMinProperties, validation.MsgExpectedMaxProperties,
		validation.MsgExpectedRequiredProperty, validation.MsgExpectedDependentRequiredProperty,
	}
}

// The doc tags of what every caller meets are in both languages.
func TestDocTags(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[fault.Problem](), reflect.TypeFor[fault.FieldError](),
		reflect.TypeFor[Paging](), reflect.TypeFor[Page[int]]()} {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			_, ja, ok := strings.Cut(f.Tag.Get("doc"), " | ")
			if !ok || !strings.ContainsFunc(ja, func(r rune) bool {
				return unicode.In(r, unicode.Han, unicode.Hiragana,
					unicode.Katakana)
			}) {
				t.Errorf("%s.%s: doc %q", typ.Name(), f.Name, f.Tag.Get("doc"))
			}
		}
	}
}

func FuzzAcceptLanguage(f *testing.F) {
	f.Add("ja, en;q=0.5")
	f.Add(strings.Repeat("x-", 100))
	f.Fuzz(func(t *testing.T, header string) {
		if l := langOf(header); l != i18n.EN && l != i18n.JA {
			t.Fatalf("language %q", l)
		}
	})
}
