package detect

import (
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/stix"
)

// Hunted is what a hunt came to.
type Hunted struct {
	Searched int64 // events in the past that was searched
	Examined int64 // events that had to be looked at
	Hits     int64
	First    time.Time
	Last     time.Time
}

// Read turns a STIX 2.1 indicator into what the engine can match. An indicator
// that it cannot match in full is refused, never armed in part.
func Read(raw []byte) (Armed, error) {
	o, err := stix.Parse(raw)
	if err == nil && o.Type() != "indicator" {
		err = fmt.Errorf("a STIX %s is no indicator", o.Type())
	}
	if err != nil {
		return Armed{}, fault.Wrap(fault.Invalid, i18n.T("this is not a valid STIX indicator", "有効な STIX 指標ではありません"), err)
	}
	text := func(name string) string {
		v, _ := o.Get(name)
		s, _ := v.(string)
		return s
	}
	a := Armed{ID: o.ID(), Name: text("name"), Level: labelled(o.Labels(), "level:")}
	if until := text("valid_until"); until != "" {
		if a.ValidUntil, err = time.Parse(time.RFC3339Nano, until); err != nil {
			return Armed{}, fault.Wrap(fault.Invalid, i18n.T("valid_until is not a time", "valid_until が時刻ではありません"), err)
		}
	}
	switch text("pattern_type") {
	case "sigma":
		rules, err := sigma.Parse(a.ID, []byte(text("pattern")))
		if err != nil || len(rules) != 1 {
			return Armed{}, fault.Wrap(fault.Unsupported, i18n.T("the Sigma rule in this indicator cannot be used", "この指標の Sigma 規則は使用できません"), err)
		}
		a.Rule = rules[0]
		if a.Rule.License == "" {
			a.Rule.License = labelled(o.Labels(), "license:")
		}
		return a, nil
	case "stix":
		return a.reads(text("pattern"))
	}
	return Armed{}, fault.New(fault.Unsupported, i18n.T("indicators of pattern type {0} are not matched", "パターン種別 {0} の指標は照合できません").With(text("pattern_type")))
}

// labelled gives what stands behind a prefix in a list of labels.
func labelled(labels []string, prefix string) string {
	for _, l := range labels {
		if v, ok := strings.CutPrefix(l, prefix); ok {
			return v
		}
	}
	return ""
}

func observableOf(c stix.Comparison) (event.Observable, bool) {
	t := event.ObservableType("")
	switch c.Object {
	case "ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr":
		if c.Path == "value" {
			t = event.ObservableType(c.Object)
		}
	case "file":
		switch c.Path {
		case "hashes.MD5":
			t = event.MD5
		case "hashes.'SHA-1'":
			t = event.SHA1
		case "hashes.'SHA-256'":
			t = event.SHA256
		}
	}
	if t == "" {
		return event.Observable{}, false
	}
	v, ok := event.Canonical(t, c.Value)
	return event.Observable{Type: t, Value: v}, ok
}
