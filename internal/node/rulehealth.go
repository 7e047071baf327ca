package node

import (
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/role"
)

// ruleConsole puts rule care and coverage on a node's port.
func (n *Node) ruleConsole(c *role.Console) {
	care := rulehealth.PageConfig{DB: n.db, Health: n.care, Clock: n.cfg.Clock}
	joins := detect.CorrelationPageConfig{DB: n.db, Engine: n.engine, Correlator: n.joined, Rules: care}
	care.Correlation = joins.View
	detect.CorrelationPages(c.Site, joins)
	rulehealth.Pages(c.Site, care)
	rulehealth.API(c.API, care)
	cover := coverage.PageConfig{DB: n.db, Clock: n.cfg.Clock, Techniques: attack.Read(), Rules: coverage.LoadedRules(n.care)}
	coverage.Pages(c.Site, cover)
	coverage.API(c.API, cover)
}
