package match

import (
	"cmp"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/pipeline"
	"github.com/meneki/meneki/stix"
)

// Reader turns indicators into what the engine can match.
type Reader struct {
	// Pipelines rewrite Sigma rules for the names that this node's events have; nil:
	// they are matched as they were shared.
	Pipelines *pipeline.Chain
}

// Read is Reader.Read without pipelines.
func Read(raw []byte) (Armed, error) { return Reader{}.Read(raw) }

// ReadAll reads many, on all processors. It returns for each of the list what Read does.
func (rd Reader) ReadAll(raw [][]byte) ([]Armed, []error) {
	out, errs := make([]Armed, len(raw)), make([]error, len(raw))
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(raw); i = int(next.Add(1)) - 1 {
			out[i], errs[i] = rd.Read(raw[i])
		}
	}
	if len(raw) < 2 {
		work()
		return out, errs
	}
	var workers sync.WaitGroup
	for range min(len(raw), runtime.GOMAXPROCS(0)) {
		workers.Go(work)
	}
	workers.Wait()
	return out, errs
}

// Read turns a STIX 2.1 indicator into what the engine can match. An indicator
// that it cannot match in full is refused, never armed in part.
func (rd Reader) Read(raw []byte) (Armed, error) {
	o, err := stix.Parse(raw)
	if err == nil && o.Type() != "indicator" {
		err = fmt.Errorf("a STIX %s is no indicator", o.Type())
	}
	if err != nil {
		return Armed{}, fault.Wrap(
			fault.Invalid, i18n.T("this is not a valid STIX indicator", "有効な STIX 指標ではありません"), err,
		)
	}
	text := func(name string) string {
		v, _ := o.Get(name)
		s, _ := v.(string)
		return s
	}
	a := Armed{ID: o.ID(), Name: text("name"), Level: labelled(o.Labels(), "level:")}
	if until := text("valid_until"); until != "" {
		if a.ValidUntil, err = time.Parse(time.RFC3339Nano, until); err != nil {
			return Armed{}, fault.Wrap(
				fault.Invalid, i18n.T("valid_until is not a time", "valid_until が時刻ではありません"), err,
			)
		}
	}
	switch text("pattern_type") {
	case "sigma":
		return rd.sigma(a, text("pattern"), labelled(o.Labels(), "license:"))
	case "stix":
		return a.reads(text("pattern"))
	}
	return Armed{}, fault.New(
		fault.Unsupported,
		i18n.T(
			"indicators of pattern type {0} are not matched", "パターン種別 {0} の指標は照合できません",
		).With(text("pattern_type")),
	)
}

// sigma reads one rule, or one correlation with the rules that it is built on.
func (rd Reader) sigma(a Armed, text, license string) (Armed, error) {
	set := rd.set(a.ID, text)
	if len(set.Refused) > 0 {
		err := set.Refused[0]
		return Armed{}, fault.Wrap(
			fault.Unsupported,
			i18n.T(
				"the Sigma rule in this indicator cannot be used: {0}", "この指標の Sigma ルールは使用できません：{0}",
			).With(reason.Of(err.Reason)),
			err,
		)
	}
	if len(set.Rules) == 1 && len(set.Correlations)+len(set.Filters) == 0 {
		a.Rule = set.Rules[0]
		a.Rule.License = cmp.Or(a.Rule.License, license)
		return a, nil
	}
	var err error
	if a.Correlation, err = readCorrelation(set, text); err != nil {
		return Armed{}, err
	}
	a.Correlation.root.License = cmp.Or(a.Correlation.root.License, license)
	return a, nil
}

// Engine reads the Sigma rules of a file, and says of what it refuses where it is and
// why: what cannot be used, and correlations and filters, for which single events
// of the past say nothing.
func (rd Reader) Rules(name, text string) (list []*sigma.Rule, refused []i18n.Text) {
	set := rd.set(name, text)
	for _, err := range set.Refused {
		refused = append(refused, reason.Of(err))
	}
	if len(set.Correlations)+len(set.Filters) > 0 {
		return nil, append(
			refused,
			i18n.T(
				"{0}: the past is not searched for correlations and filters, nor for the rules beside them",
				"{0}：相関ルールとフィルター、およびそれらと同じファイルのルールでは過去を調査しません",
			).With(name),
		)
	}
	if len(set.Rules) == 0 && len(refused) == 0 {
		refused = append(refused, i18n.T("{0}: there is no Sigma rule", "{0}：Sigma ルールがありません").With(name))
	}
	return set.Rules, refused
}

func (rd Reader) set(name, text string) *sigma.Set {
	chain := rd.Pipelines
	if chain == nil {
		chain = &pipeline.Chain{}
	}
	return chain.Parse(name, []byte(text)).Set()
}

// labelled returns what stands behind a prefix in a list of labels.
func labelled(labels []string, prefix string) string {
	for _, l := range labels {
		if v, ok := strings.CutPrefix(l, prefix); ok {
			return v
		}
	}
	return ""
}

func observableOf(c stix.Equality) (event.Observable, bool) {
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
