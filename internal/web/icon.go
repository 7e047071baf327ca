package web

import (
	"html/template"
)

// icons are drawn on a field of 20 by 20 with a line of 1.6, in the colour of
// the text beside them. A word always stands beside an icon, or a label says it.
var icons = map[string]string{
	"situation":    `<path d="M2 10.5h3.2l2-6 4 11.5 2.6-8 1.2 2.5H18"/>`,
	"findings":     `<circle cx="8.6" cy="8.6" r="5.6"/><path d="M12.8 12.8 17.5 17.5M8.6 6v2.8l1.8 1.4"/>`,
	"cases":        `<path d="M2.5 5.5A1.5 1.5 0 0 1 4 4h3.6l2 2H16a1.5 1.5 0 0 1 1.5 1.5v7A1.5 1.5 0 0 1 16 16H4a1.5 1.5 0 0 1-1.5-1.5zM6 10h8M6 13h5"/>`,
	"indicators":   `<path d="M10 2.2 16.5 5v4.6c0 4-2.7 6.9-6.5 8.2-3.8-1.3-6.5-4.2-6.5-8.2V5zM7 9.9l2.2 2.2L13.2 8"/>`,
	"members":      `<circle cx="7.2" cy="7" r="2.9"/><path d="M1.8 16.2c.4-3.2 2.5-5 5.4-5s5 1.8 5.4 5M12.6 4.3a2.9 2.9 0 0 1 0 5.4M14.4 11.6c2.1.5 3.4 2.1 3.8 4.6"/>`,
	"exercise":     `<path d="M4.5 17.5v-15M4.5 3.5h10.8l-2.4 3.7 2.4 3.8H4.5"/>`,
	"notices":      `<path d="M2.5 8.2v3.6h3l6 4V4.2l-6 4zM14.2 7.3a4 4 0 0 1 0 5.4M16.4 5a7.2 7.2 0 0 1 0 10"/>`,
	"settings":     `<path d="M3 5.5h7M14 5.5h3M3 14.5h3M10 14.5h7"/><circle cx="12" cy="5.5" r="2"/><circle cx="8" cy="14.5" r="2"/>`,
	"contribution": `<path d="M3 17.2h14M4.8 17v-4.5M8.3 17V9.2M11.7 17v-6M15.2 17V5.5M4.6 8.6l3.7-3.8 3.4 2.6 4-4.4M13 2.9h2.8v2.7"/>`,
	"groups":       `<circle cx="10" cy="10" r="7.4"/><circle cx="10" cy="6.6" r="1.7"/><circle cx="6.8" cy="12" r="1.7"/><circle cx="13.2" cy="12" r="1.7"/>`,
	"rules":        `<path d="M4 2.8h8.5L16 6.3v10.9H4zM12.2 3v3.6H16M7 10h6M7 13h4"/>`,
	"hunt":         `<path d="M3 10a7 7 0 1 1 2.2 5.1M3 15.8v-3.3h3.3M10 6.3V10l2.6 1.9"/>`,
	"sensor":       `<circle cx="10" cy="10" r="1.8"/><path d="M6.4 13.6a5 5 0 0 1 0-7.2M13.6 6.4a5 5 0 0 1 0 7.2M4 16a8.4 8.4 0 0 1 0-12M16 4a8.4 8.4 0 0 1 0 12"/>`,
	"share":        `<circle cx="5" cy="10" r="2.3"/><circle cx="14.7" cy="4.9" r="2.3"/><circle cx="14.7" cy="15.1" r="2.3"/><path d="m7 8.9 5.6-2.9M7 11.1l5.6 2.9"/>`,
	"search":       `<circle cx="8.8" cy="8.8" r="5.6"/><path d="m13 13 4.4 4.4"/>`,
	"more":         `<circle cx="4.5" cy="10" r="1"/><circle cx="10" cy="10" r="1"/><circle cx="15.5" cy="10" r="1"/>`,
	"copy":         `<rect x="7" y="7" width="10" height="10" rx="2"/><path d="M13 7V5a2 2 0 0 0-2-2H5a2 2 0 0 0-2 2v6a2 2 0 0 0 2 2h2"/>`,
	"check":        `<path d="m4 10.5 4 4 8-9"/>`,
	"x":            `<path d="m5 5 10 10M15 5 5 15"/>`,
	"plus":         `<path d="M10 4v12M4 10h12"/>`,
	"back":         `<path d="M16.5 10h-13M8.5 5l-5 5 5 5"/>`,
	"next":         `<path d="M3.5 10h13M11.5 5l5 5-5 5"/>`,
	"down":         `<path d="m5 7.5 5 5 5-5"/>`,
	"sun":          `<circle cx="10" cy="10" r="3.4"/><path d="M10 1.8v2M10 16.2v2M1.8 10h2M16.2 10h2M4.2 4.2l1.4 1.4M14.4 14.4l1.4 1.4M4.2 15.8l1.4-1.4M14.4 5.6l1.4-1.4"/>`,
	"moon":         `<path d="M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z"/>`,
	"auto":         `<circle cx="10" cy="10" r="7"/><path class="solid" d="M10 3a7 7 0 0 1 0 14z"/>`,
	"language":     `<circle cx="10" cy="10" r="7.4"/><path d="M2.6 10h14.8M10 2.6c4.4 4.6 4.4 10.2 0 14.8-4.4-4.6-4.4-10.2 0-14.8z"/>`,
	"download":     `<path d="M10 3v9.5M5.8 8.8l4.2 4.2 4.2-4.2M3.5 16.5h13"/>`,
	"print":        `<path d="M6 7V3h8v4M6 14H3.5V7h13v7H14M6 11.5h8V17H6z"/>`,
	"filter":       `<path d="M3 4.5h14l-5.4 6.3V16l-3.2-1.6v-3.6z"/>`,
	"clock":        `<circle cx="10" cy="10" r="7.2"/><path d="M10 5.6V10l3 2"/>`,
	"warn":         `<path d="M10 3 18 16.5H2zM10 8v4M10 14.2v.2"/>`,
	"info":         `<circle cx="10" cy="10" r="7.2"/><path d="M10 9.2V14M10 6.2v.2"/>`,
	"lock":         `<rect x="4" y="9" width="12" height="8" rx="1.8"/><path d="M6.8 9V6.4a3.2 3.2 0 0 1 6.4 0V9"/>`,
	"key":          `<circle cx="6.6" cy="13.4" r="3.4"/><path d="m9 11 7.6-7.6M14 6l2.4 2.4M11.6 8.4l1.8 1.8"/>`,
	"user":         `<circle cx="10" cy="6.6" r="3.3"/><path d="M3.8 17c.5-3.6 2.9-5.6 6.2-5.6s5.7 2 6.2 5.6"/>`,
	"out":          `<path d="M8 3.5H4v13h4M8.5 10h9M14 6.5l3.5 3.5-3.5 3.5"/>`,
	"link":         `<path d="M8.4 11.6a3.4 3.4 0 0 0 4.8 0l3-3a3.4 3.4 0 0 0-4.8-4.8l-1 1M11.6 8.4a3.4 3.4 0 0 0-4.8 0l-3 3a3.4 3.4 0 0 0 4.8 4.8l1-1"/>`,
	"note":         `<path d="M3.5 4h13v9.5H9L5.5 17v-3.5h-2zM6.8 7.4h6.4M6.8 10.2h4"/>`,
	"table":        `<rect x="2.8" y="4" width="14.4" height="12" rx="1.6"/><path d="M2.8 8.2h14.4M2.8 12.1h14.4M8 8.2V16"/>`,
	"keyboard":     `<rect x="2" y="5" width="16" height="10.5" rx="1.8"/><path d="M5 8.4h.1M8.3 8.4h.1M11.6 8.4h.1M14.9 8.4h.1M6 12.2h8"/>`,
	"inbox":        `<path d="M3 11.5 5.2 4h9.6l2.2 7.5V16H3zM3 11.5h4l1 2h4l1-2h4"/>`,
}

// icon draws an icon by its name; a name that is not there draws nothing.
func icon(name string) template.HTML {
	body, ok := icons[name]
	if !ok {
		return ""
	}
	return template.HTML(`<svg class="ic" viewBox="0 0 20 20" aria-hidden="true" focusable="false">` + body + `</svg>`)
}
