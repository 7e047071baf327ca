package role

import (
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// The places of the rail.
var (
	NavSituation  = web.NavItem{Key: "situation", Path: "/", Text: i18n.T("Situation", "状況"), Icon: "situation", Letter: "s"}
	NavFindings   = web.NavItem{Key: "findings", Path: "/findings", Text: i18n.T("Findings", "検知"), Icon: "findings", Letter: "f"}
	NavCases      = web.NavItem{Key: "cases", Path: "/cases", Text: i18n.T("Cases", "事案"), Icon: "cases", Letter: "c"}
	NavIndicators = web.NavItem{Key: "indicators", Path: "/indicators", Text: i18n.T("Indicators", "指標"), Icon: "indicators", Letter: "i"}
	NavMembers    = web.NavItem{Key: "members", Path: "/members", Text: i18n.T("Members", "構成員"), Icon: "members", Letter: "m"}
	NavOutgoing   = web.NavItem{Key: "outgoing", Path: "/outgoing", Text: i18n.T("Outgoing", "外部送信"), Icon: "share", Letter: "l"}
	NavRules      = web.NavItem{Key: "rules", Path: "/rules/health", Text: i18n.T("Rules", "ルール"), Icon: "rules", Letter: "r"}
	NavPooled     = web.NavItem{Key: "rules", Path: "/rules", Text: i18n.T("Rules", "ルール"), Icon: "rules", Letter: "r"}
	NavCoverage   = web.NavItem{Key: "coverage", Path: "/coverage", Text: i18n.T("Coverage", "カバレッジ"), Icon: "table", Letter: "o"}
	NavSettings   = web.NavItem{Key: "settings", Path: "/settings", Text: i18n.T("Settings", "設定"), Icon: "settings", Letter: "e"}
)
