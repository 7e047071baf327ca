package node

import (
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/role"
)

// ruleConsole puts rule care and coverage on a node's port.
func (n *Node) ruleConsole(c *role.Console) {
	care := detect.CarePageConfig{DB: n.db, Care: n.care, Clock: n.cfg.Clock}
	joins := detect.CorrelationPageConfig{DB: n.db, Engine: n.engine, Correlator: n.joined, Rules: care}
	care.Correlation = joins.View
	detect.CorrelationPages(c.Site, joins)
	detect.CarePages(c.Site, care)
	detect.CareAPI(c.API, care)
	cover := detect.CoverageConfig{DB: n.db, Clock: n.cfg.Clock, Attack: attack.Read(), Rules: detect.LoadedRules(n.care)}
	detect.CoveragePages(c.Site, cover)
	detect.CoverageAPI(c.API, cover)
}
