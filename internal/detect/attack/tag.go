package attack

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/web"
)

// TechniquesOf reads the techniques out of a rule's tags, each once.
func TechniquesOf(tags []string) []string {
	var out []string
	for _, tag := range tags {
		name, ok := cutPrefix(tag)
		if id := strings.ToUpper(name); ok && IsTechnique(id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// TacticsOf reads the tactics out of a rule's tags, each once. Defense evasion,
// as older rules have it, is read as stealth, where ATT&CK has put most of it.
func TacticsOf(tags []string) []string {
	var out []string
	for _, tag := range tags {
		name, ok := cutPrefix(tag)
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if name == "defense-evasion" {
			name = "stealth"
		}
		if ok && slices.Contains(Tactics, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func cutPrefix(tag string) (string, bool) {
	if len(tag) < 7 || !strings.EqualFold(tag[:7], "attack.") {
		return "", false
	}
	return tag[7:], true
}

// TacticText is the name of a tactic of the list.
func TacticText(key string) i18n.Text {
	t, _ := event.TacticText(key)
	return t
}

// Badge shows an ATT&CK tactic by its name, a technique by its number, and
// any other tag as it is.
func Badge(tag string) web.Badge {
	tag = strings.Map(func(r rune) rune { // tags are words; what else a member writes there is not shown
		if r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, tag)
	name, ok := strings.CutPrefix(strings.ToLower(tag), "attack.")
	if !ok {
		return web.Badge{Text: i18n.Same(tag), Mood: web.Dim}
	}
	if t, ok := event.TacticText(name); ok {
		return web.Badge{Text: t, Mood: web.Info}
	}
	return web.Badge{Text: i18n.Same(strings.ToUpper(name))}
}
