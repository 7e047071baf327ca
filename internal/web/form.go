package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Form is what was typed into a form and what is wrong with it. The zero Form
// is an empty form.
type Form struct {
	Values url.Values
	Errors map[string]i18n.Text // by field
}

// FormOf takes what an action was sent.
func FormOf(r *Request) *Form { return &Form{Values: r.PostForm} }

// Set puts a value into a field.
func (f *Form) Set(name, value string) {
	if f.Values == nil {
		f.Values = url.Values{}
	}
	f.Values.Set(name, value)
}

// Get reads a field.
func (f *Form) Get(name string) string {
	if f == nil {
		return ""
	}
	return f.Values.Get(name)
}

// Wrong notes what is wrong with a field; the first word counts.
func (f *Form) Wrong(name string, text i18n.Text) {
	if f.Errors == nil {
		f.Errors = map[string]i18n.Text{}
	}
	if _, ok := f.Errors[name]; !ok {
		f.Errors[name] = text
	}
}

// Require notes which of fields are blank though they must not be, or too long:
// what a browser would have said itself.
func (f *Form) Require(fields ...Field) {
	for _, d := range fields {
		switch v := strings.TrimSpace(f.Get(d.Name)); {
		case d.Required && v == "" && (d.Kind == "select" || d.Kind == "radio"):
			f.Wrong(d.Name, i18n.T("choose one of these", "いずれかを選んでください"))
		case d.Required && v == "":
			f.Wrong(d.Name, i18n.T("this must be filled in", "入力してください"))
		case d.Max > 0 && utf8.RuneCountInString(v) > d.Max:
			f.Wrong(d.Name, i18n.T("at most {0} characters", "{0} 文字以内で入力してください").With(d.Max))
		}
	}
}

// Err is nil if nothing is wrong; else return Again(view, form.Err()).
func (f *Form) Err() error {
	if f == nil || len(f.Errors) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, i18n.T("the form is not complete yet", "入力内容を確認してください"))
}

// Field is one field of a form with its label, and its error beside it.
type Field struct {
	Name  string
	Label i18n.Text
	// "text" if empty; "email", "password", "search", "number", "datetime-local", "textarea", "select", "check",
	// "radio"
	Kind     string
	Help     i18n.Text
	Options  []Option // of select and radio
	Required bool
	Mono     bool     // exact text
	Auto     string   // autocomplete
	Rows     int      // of a textarea
	Max      int      // greatest number of characters; 0 does not say
	Value    string   // if the form has none
	Hint     string   // example inside of the field; never the label
	Offers   []Option // values that may be typed, offered while typing; of text
}

// fieldData is the dot of ui/field.
type fieldData struct {
	Field
	ID    string
	Value string
	Error i18n.Text
	Desc  string // ids that describe it
	Heard bool   // the form was sent before
}

// field draws a Field of a Form: {{field .Form .Name}} with a Field.
func (st *stage) field(f *Form, d Field) (template.HTML, error) {
	if d.Name == "" {
		return "", fmt.Errorf("field: has no name")
	}
	if d.Kind == "" {
		d.Kind = "text"
	}
	if d.Rows == 0 {
		d.Rows = 5
	}
	st.seq++
	out := fieldData{Field: d, ID: fmt.Sprintf("f%d", st.seq), Value: d.Value}
	if f != nil {
		if f.Values.Has(d.Name) {
			out.Value = f.Values.Get(d.Name)
		}
		out.Heard = len(f.Values) > 0
		out.Error = f.Errors[d.Name]
	}
	if d.Kind == "password" {
		out.Value = ""
	}
	if out.Value != "" {
		options := make([]Option, len(d.Options))
		for i, o := range d.Options {
			o.On = o.Value == out.Value
			options[i] = o
		}
		out.Options = options
	}
	if !d.Help.Zero() {
		out.Desc = out.ID + "-help"
	}
	if !out.Error.Zero() {
		out.Desc += " " + out.ID + "-error"
	}
	return st.partial("ui/field", out)
}
