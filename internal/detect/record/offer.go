package record

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// offerCandidates offers the distinctive values of a finding and, where there
// are none, its rule. Every value is considered once a finding and the verdict is kept.
func (r *Recorder) offerCandidates(tx *store.Tx, a *active, list []match.Found, verdicts []verdict) error {
	if a.Retro || a.Indicator != "" || a.Listed != nil || !r.outgoing.OffersCandidates(a.Rule.Level) {
		return nil
	}
	h := r.outgoing.Handling(wire.KindCandidate)
	offer := func(c wire.Candidate, value string) error {
		c.ID, c.Finding, c.Realm, c.Rule, c.Handling, c.Sensed = clock.NewID(), a.ID, a.Realm, a.Rule, h, a.Sensed
		a.candidates++
		title := value
		if c.Sigma != "" {
			title = a.Rule.Title
		}
		return r.outgoing.Offer(tx, msg.Offer{ID: c.ID, Level: a.Rule.Level, Title: title, Handling: h, Body: c})
	}
	for _, v := range verdicts {
		name := string(v.o.Type) + ":" + v.o.Value
		if a.offered[name] || len(a.offered) > 200 {
			continue
		}
		a.offered[name] = true
		give := v.why == "" && a.candidates < wire.MaxObservables
		if give {
			known, err := r.known(tx, name, "")
			if err != nil {
				return err
			}
			give = !known
		}
		why := v.why
		if why == "" {
			why = finding.ReasonUnseen
			if !slices.Contains(a.Observables, v.o) && len(a.Observables) < wire.MaxObservables {
				a.Observables = append(a.Observables, v.o)
			}
		}
		if err := finding.SaveVerdict(
			tx, finding.Verdict{Finding: a.ID, Value: name, Why: why, Offered: give},
		); err != nil {
			return err
		}
		if give {
			if err := offer(wire.Candidate{Observable: &v.o, Why: why}, v.o.Value); err != nil {
				return err
			}
		}
	}
	name := "sigma:" + a.Rule.ID
	if len(a.Observables) > 0 || a.candidates > 0 || a.offered[name] {
		return nil
	}
	text, bases, err := behaviour(list[0].Hit)
	if err != nil {
		r.log.Warn(
			"what a finding rests on cannot be shared as it is written", slog.String("rule", a.Rule.ID),
			slog.Any("err", err),
		)
	}
	if text == "" {
		return nil
	}
	a.offered[name] = true
	known, err := r.known(tx, name, text)
	if err != nil {
		return err
	}
	if err := finding.SaveVerdict(
		tx, finding.Verdict{Finding: a.ID, Value: name, Why: finding.ReasonBehavior, Offered: !known},
	); err != nil || known {
		return err
	}
	return offer(wire.Candidate{Sigma: text, Base: bases, Why: finding.ReasonBehavior}, name)
}

// maxBehaviour bounds the text that is shared of a rule, in bytes; the hub takes no more.
const maxBehaviour = 1 << 20

// behaviour returns the text of the rule that made a hit, and of a correlation the
// rules that it is built on; "" if there is none that can be shared.
func behaviour(h match.Hit) (text string, bases []wire.RuleRef, err error) {
	switch {
	case h.Sigma != nil:
		return string(h.Sigma.Source), nil, nil
	case h.Basis == nil:
		return "", nil, nil
	}
	c := h.Basis.Rule
	b, err := c.Bundle()
	rules, inner := c.Below()
	switch {
	case err != nil:
		return "", nil, err
	case len(b) > maxBehaviour || len(rules)+len(inner)+1 > match.MaxBundle:
		return "", nil, fmt.Errorf("%q with its %d rules is too large", c.Title, len(rules))
	}
	for _, r := range rules {
		bases = append(bases, creditOf(match.RuleRef(r)))
	}
	for _, i := range inner {
		bases = append(bases, creditOf(match.CorrelationRef(i)))
	}
	return string(b), bases, nil
}

// creditOf is what must be said of a rule wherever it goes.
func creditOf(r wire.RuleRef) wire.RuleRef {
	return wire.RuleRef{ID: r.ID, Title: r.Title, Author: r.Author, License: r.License}
}
