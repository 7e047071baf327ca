package node

import (
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/role"
)

// ruleConsole puts rule health and coverage on a node's port.
func (n *Node) ruleConsole(c *role.Console) {
	rules := rulehealth.PageConfig{DB: n.db, Health: n.health, Clock: n.cfg.Clock}
	joins := correlation.PageConfig{DB: n.db, Engine: n.engine, Correlator: n.joined, Rules: rules}
	rules.Correlation = joins.View
	correlation.Pages(c.Site, joins)
	rulehealth.Pages(c.Site, rules)
	rulehealth.API(c.API, rules)
	cover := coverage.PageConfig{DB: n.db, Clock: n.cfg.Clock, Techniques: attack.Read(), Rules: coverage.LoadedRules(n.health)}
	coverage.Pages(c.Site, cover)
	coverage.API(c.API, cover)
}
