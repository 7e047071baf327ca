package svg

import (
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// fileStyle is how a picture looks outside of a page, light and dark.
const fileStyle = `<style>
svg{background:#fff;color:#1c2430;font-family:"Hiragino Sans","Noto Sans JP","Yu Gothic UI",system-ui,sans-serif}
text{fill:currentColor;font-size:12.5px}.tick,.unit{font-size:11px;opacity:.75}
.ax,.grid{stroke:currentColor;stroke-opacity:.25}.grid{stroke-dasharray:2 4}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}.bound,.mark{stroke:currentColor;stroke-dasharray:5 4}
.line.c0{stroke:#2f6fd6}.line.c1{stroke:#c2571a}.line.c2{stroke:#1d8a5f}
.line.c3{stroke:#8a4fc7}.line.c4{stroke:#a17a00}.line.c5{stroke:#c03a6b}
.key.c0,.dot.c0{fill:#2f6fd6}.key.c1,.dot.c1{fill:#c2571a}.key.c2,.dot.c2{fill:#1d8a5f}
.key.c3,.dot.c3{fill:#8a4fc7}.key.c4,.dot.c4{fill:#a17a00}.key.c5,.dot.c5{fill:#c03a6b}
@media(prefers-color-scheme:dark){svg{background:#12171f;color:#e6ebf2}}
</style>`

// File returns lines as an SVG file that stands by itself: it holds its style, which a
// picture on a page must not.
func (c Lines) File(l i18n.Lang) []byte {
	s := strings.Replace(string(c.Wide(l)), "<svg ", `<svg xmlns="http://www.w3.org/2000/svg" `, 1)
	head, body, _ := strings.Cut(s, ">")
	return []byte(head + ">" + fileStyle + body + "\n")
}
