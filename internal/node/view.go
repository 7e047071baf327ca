package node

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/inbox"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
)

// shownFindings is how many findings a node's first page lists.
const shownFindings = 10

// status reports how the node is.
func (n *Node) status(ctx context.Context, v policy.Viewer) (situation.NodeStatus, error) {
	p := *n.enrolment.Load()
	rules, armed := n.engine.Count()
	t := n.past.Totals()
	s := situation.NodeStatus{
		Member:    p.Name,
		Hub:       p.HubName,
		HubURL:    p.Hub,
		Connected: n.link.Connected(),
		Problem:   n.link.Problem(),
		Since:     n.since(),
		Skew:      n.Skew(),
		Rules:     rules,
		Refused:   n.RefusedRules(),
		Armed:     armed,
		Events:    t.Events,
		Bytes:     t.Bytes,
		Oldest:    t.Oldest,
	}
	for _, l := range n.sensors.Lines() {
		s.Sensors = append(
			s.Sensors,
			situation.SensorLine{
				Name: l.Name, Kind: l.Kind, Events: l.Events, Bad: l.Bad, Dropped: l.Dropped, Last: l.Last,
				Problem: l.Problem,
			},
		)
	}
	for _, u := range slices.Backward(n.sensors.Problems()) {
		if len(s.Unread) == shownFindings {
			break
		}
		s.Unread = append(s.Unread, situation.UnreadLine{At: u.At, Where: u.Where, Record: u.Record, Reason: u.Reason})
	}
	err := n.db.Read(ctx, store.As(v), func(tx *store.Tx) (err error) {
		s.Findings = s.Findings[:0]
		if s.Waiting, err = release.Count(tx, release.StateWaiting); err != nil {
			return err
		}
		if s.Ready, err = release.Count(tx, release.StateReady); err != nil {
			return err
		}
		if s.Hunting, err = inbox.HuntsLeft(tx); err != nil {
			return err
		}
		if s.FindingsTotal, err = finding.Count(tx); err != nil {
			return err
		}
		newest, err := finding.List(tx, list.Ask{Limit: shownFindings})
		for _, f := range newest.Rows {
			s.Findings = append(
				s.Findings,
				situation.FindingLine{
					ID: f.ID, Title: f.Rule.Title, Level: f.Rule.Level, Host: f.Host, Count: f.Count, Retro: f.Retro,
					At: f.Arrived, Handling: f.Handling,
				},
			)
		}
		return err
	})
	return s, err
}

// ruleReport lists the member's own rules.
func (n *Node) ruleReport(context.Context) (situation.RuleReport, error) {
	var r situation.RuleReport
	set := n.engine.Rules()
	for _, x := range set.Rules {
		r.Loaded = append(
			r.Loaded,
			situation.RuleLine{
				ID: x.Key(), Title: x.Title, Level: string(x.Level), Author: x.Author, License: x.License,
				File: filepath.Base(x.Path),
			},
		)
	}
	for _, x := range set.Correlations {
		r.Loaded = append(
			r.Loaded,
			situation.RuleLine{
				ID: x.Key(), Title: x.Title, Level: string(x.Level), Author: x.Author, License: x.License,
				File: filepath.Base(x.Path), Correlation: true,
			},
		)
	}
	for _, x := range set.Refused {
		r.Refused = append(r.Refused, situation.RefusedRule{File: x.Path, Line: x.Line, Reason: reason.Of(x.Reason)})
	}
	return r, nil
}
