package extract

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/meneki/meneki/internal/event"
)

var (
	registry = regexp.MustCompile(`\b(HKCU|HKLM|HKCR|HKU|HKCC|HKEY_[A-Z_]+)\\[^\s"'=、。,;()<>]+(?:\\[^\s"'=、。,;()<>]+)*`)
	windows  = regexp.MustCompile(`(?:\b[A-Za-z]:|%[A-Za-z()0-9_]+%)\\[^\s"'<>|*?、。,;「」（）]+`)
	unc      = regexp.MustCompile(`\\\\([A-Za-z0-9.-]+)\\[^\s"'<>|*?、。,;「」（）]+`)
	unix     = regexp.MustCompile(`(?:~|/(?:etc|usr|var|tmp|opt|home|root|bin|sbin|lib|lib64|dev|proc|sys|boot|` +
		`mnt|srv|run|Library|Users|Applications|System|private))/[^\s"'<>|、。,;「」（）]+`)
	request = regexp.MustCompile(`"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|PATCH) (/[^\s?"]*)`)
	mutex   = regexp.MustCompile(`(?i)(?:mutex|mutant|ミューテックス)[^\S\n]*(?:name|名)?[^\S\n]*[:=：は「"'` + "`" +
		`]+[^\S\n]*((?:Global\\|Local\\)?[^\s"'` + "`" + `、。,;「」]+)`)
)

var roots = map[string]string{"HKCU": "HKEY_CURRENT_USER", "HKLM": "HKEY_LOCAL_MACHINE", "HKCR": "HKEY_CLASSES_ROOT",
	"HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG"}

// paths finds registry keys, names of mutexes and paths of files, which hold names and
// numbers that are nothing by themselves.
func (x *extractor) paths() {
	s := x.m.text
	each := func(r *regexp.Regexp, fn func(from, to int)) {
		for _, loc := range r.FindAllStringSubmatchIndex(s, -1) {
			from, to := loc[0], loc[1]
			if len(loc) > 2 && (r == mutex || r == request) {
				from, to = loc[2], loc[3]
			}
			if text := strings.TrimRight(s[from:to], ".,:;)]}!?*"); r != mutex {
				to = from + len(text)
			}
			if to > from && x.free(from, to) {
				fn(from, to)
			}
		}
	}
	each(registry, func(from, to int) {
		root, rest, _ := strings.Cut(s[from:to], `\`)
		if full, ok := roots[root]; ok {
			root = full
		}
		x.found(Registry, root+`\`+rest, from, to, 0, "")
	})
	each(mutex, func(from, to int) { x.found(Mutex, strings.TrimRight(s[from:to], "."), from, to, 0, "") })
	each(unc, func(from, to int) {
		x.found(FilePath, s[from:to], from, to, 0, "")
		host, _, _ := strings.Cut(s[from+2:to], `\`)
		if a, err := netip.ParseAddr(host); err == nil {
			if v, ok := event.Canonical(event.IPv4, a.String()); ok {
				x.found(string(event.IPv4), v, from+2, from+2+len(host), 0, "")
			}
		}
	})
	each(windows, func(from, to int) { x.found(FilePath, s[from:to], from, to, 0, "") })
	each(unix, func(from, to int) {
		if from > 0 && (wordByte(s[from-1]) || s[from-1] == '/' || s[from-1] == ':' || s[from-1] == '.') {
			return // of a URL
		}
		x.found(FilePath, s[from:to], from, to, 0, "")
	})
	each(request, func(from, to int) {
		if from+1 < to {
			x.found(FilePath, s[from:to], from, to, 0, Path)
		}
	})
}
