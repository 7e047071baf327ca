package node

import (
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/role"
)

// ruleConsole puts rule care and coverage on a node's port.
func (n *Node) ruleConsole(c *role.Console) {
	care := detect.CarePageConfig{DB: n.db, Care: n.care, Clock: n.cfg.Clock, Correlator: n.joined}
	detect.CarePages(c.Site, care)
	detect.CareAPI(c.API, care)
	cover := detect.CoverageConfig{DB: n.db, Clock: n.cfg.Clock, Attack: attack.Read(), Rules: n.care.CoverRules}
	detect.CoveragePages(c.Site, cover)
	detect.CoverageAPI(c.API, cover)
}
