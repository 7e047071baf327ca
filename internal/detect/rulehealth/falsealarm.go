package rulehealth

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// FalseAlarm is an analyst's report that what a rule found was no attack.
type FalseAlarm struct {
	ID       string    `db:"id"`
	Rule     string    `db:"rule"`
	Finding  string    `db:"finding"` // "" if it is about the rule as such
	Reason   string    `db:"reason"`
	By       string    `db:"by_user"`
	At       time.Time `db:"at"`
	Undone   time.Time `db:"undone"`
	UndoneBy string    `db:"undone_by"`
}

// Active reports whether the report has not been withdrawn.
func (m FalseAlarm) Active() bool { return m.Undone.IsZero() }

const alarmColumns = "id, rule, finding, reason, by_user, at, undone, undone_by"

// ReportFalseAlarm notes that what a rule found was no attack: a finding that v may
// see, or the rule as such if finding is empty. It changes nothing else.
func (c *Health) ReportFalseAlarm(
	ctx context.Context, v policy.Viewer, rule, found, reason string,
) (FalseAlarm, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return FalseAlarm{}, fault.New(
			fault.Invalid, i18n.T("say why it was no attack", "攻撃ではないと判断した理由を書いてください"),
		)
	case len(reason) > maxReason:
		return FalseAlarm{}, fault.New(
			fault.TooLarge,
			i18n.T("the reason is longer than {0} bytes", "理由が {0} バイトを超えています").With(maxReason),
		)
	case found == "" && !c.loaded(rule):
		return FalseAlarm{}, noRule(rule)
	}
	var m FalseAlarm
	err := c.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		if found != "" {
			f, err := finding.Get(tx, found)
			if err != nil {
				return err
			}
			if rule != "" && rule != f.Rule.ID {
				return noRule(rule)
			}
			rule = f.Rule.ID
		}
		n, err := store.One[int64](
			tx, `SELECT count(*) FROM rule_false_alarms WHERE rule = $1 AND finding = $2 AND undone = 0`, rule, found,
		)
		if err == nil && n > 0 {
			err = fault.New(
				fault.Conflict, i18n.T("this is marked as a false alarm already", "既に誤検知として記録されています"),
			)
		}
		if err != nil {
			return err
		}
		m = FalseAlarm{ID: clock.NewID(), Rule: rule, Finding: found, Reason: reason, By: v.Name, At: tx.Now()}
		return store.Insert(tx, "rule_false_alarms", []FalseAlarm{m})
	})
	if err == nil {
		c.Notify()
	}
	return m, err
}

// WithdrawFalseAlarm withdraws a report, which stays visible as withdrawn.
func (c *Health) WithdrawFalseAlarm(ctx context.Context, v policy.Viewer, id string) error {
	err := c.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		n, err := tx.Exec(
			`UPDATE rule_false_alarms SET undone = $1, undone_by = $2 WHERE id = $3 AND undone = 0`,
			clock.Micros(tx.Now()), v.Name, id,
		)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, i18n.T("there is no such report", "その記録はありません"))
		}
		return err
	})
	if err == nil {
		c.Notify()
	}
	return err
}

// FalseAlarms returns the reports on a rule, or of a finding, newest first.
func FalseAlarms(tx *store.Tx, rule, finding string) ([]FalseAlarm, error) {
	if finding != "" {
		return store.Query[FalseAlarm](
			tx,
			`SELECT `+alarmColumns+` FROM rule_false_alarms WHERE finding = $1 ORDER BY at DESC, id DESC LIMIT 200`,
			finding,
		)
	}
	return store.Query[FalseAlarm](
		tx, `SELECT `+alarmColumns+` FROM rule_false_alarms WHERE rule = $1 ORDER BY at DESC, id DESC LIMIT 200`, rule,
	)
}

type ruleCount struct {
	Rule string `db:"rule"`
	N    int64  `db:"n"`
}

// falseAlarmCounts returns the number of reports that were not withdrawn, by rule.
func falseAlarmCounts(tx *store.Tx) (map[string]int64, error) {
	list, err := store.Query[ruleCount](
		tx, `SELECT rule, count(*) AS n FROM rule_false_alarms WHERE undone = 0 GROUP BY rule`,
	)
	out := make(map[string]int64, len(list))
	for _, r := range list {
		out[r.Rule] = r.N
	}
	return out, err
}
