package svg

import (
	"html/template"
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
)

// MaxSeverity is the worst of the five severities, 0 to 4.
const MaxSeverity = 4

// SeverityText is a severity in words, for people who use a screen reader or see no colour.
func SeverityText(n int) i18n.Text {
	switch clampSeverity(n) {
	case 0:
		return i18n.T("no impact", "影響なし")
	case 1:
		return i18n.T("almost no impact", "ほぼ影響なし")
	case 2:
		return i18n.T("some impact", "一定の影響")
	case 3:
		return i18n.T("great impact", "大きな影響")
	}
	return i18n.T("extremely serious impact", "著しく深刻な影響")
}

// Severity is the small mark of a severity: shape, number and colour. The five
// differ by shape alone. A severity out of range shows as the nearest.
func Severity(n int, l i18n.Lang) template.HTML {
	n = clampSeverity(n)
	p := pen{lang: l}
	p.tag("span", "class", "sev v"+strconv.Itoa(n), "title", p.in(SeverityText(n)))
	p.tag("svg", "viewBox", "0 0 16 16", "aria-hidden", "true")
	p.shape(n)
	p.end("svg")
	p.b.WriteString(strconv.Itoa(n))
	p.text("span", " "+p.in(SeverityText(n)), "class", "vh")
	p.end("span")
	return p.html()
}

// shape draws the form of a severity into a field of 16 by 16.
func (p *pen) shape(n int) {
	switch clampSeverity(n) {
	case 0:
		p.leaf("circle", "class", "ring", "cx", "8", "cy", "8", "r", "5.4")
	case 1:
		p.leaf("circle", "cx", "8", "cy", "8", "r", "6")
	case 2:
		p.leaf("rect", "x", "2", "y", "2", "width", "12", "height", "12", "rx", "1.5")
	case 3:
		p.leaf("path", "d", "M8 1.2 15 14.2H1z")
	default:
		p.leaf("path", "d", "M8 0 16 8 8 16 0 8z")
		p.leaf("path", "class", "mark", "d", "M7.1 3.6h1.8l-.3 5H7.4zM7.1 9.9h1.8v1.9H7.1z")
	}
}

func clampSeverity(n int) int { return min(max(n, 0), MaxSeverity) }
