package meneki_test

import (
	"slices"
	"strings"
	"testing"
)

// rooms is who may use whom among the packages of internal/detect. It has no cycle.
// Package detect itself conducts: it may use all of them, and none uses it.
var rooms = map[string][]string{
	"attack": nil, "builtin": nil, "detecttest": nil, "exclusion": nil, "observed": nil, "principal": nil,
	"ruletest": nil, "watchlist": nil, "watermark": nil,
	"ruleset":           {"builtin"},
	"finding":           {"attack"},
	"watchlist/feed":    {"watchlist"},
	"watchlist/ownlist": {"hunt", "match", "watchlist", "watchlist/feed"},
	"timeline":          {"principal"},
	"match":             {"observed", "ruleset", "watchlist", "watermark"},
	"hunt":              {"correlation", "match", "observed", "record", "watchlist"},
	"rulehealth/pool":   {"attack", "finding"},
	"rulehealth":        {"attack", "finding", "rulehealth/pool", "ruleset"},
	"coverage":          {"attack", "finding", "rulehealth", "rulehealth/pool"},
	"correlation":       {"attack", "finding", "match", "principal", "rulehealth", "watermark"},
	"nodetest": {
		"attack", "correlation", "coverage", "detecttest", "exclusion", "finding", "hunt", "match", "record",
		"rulehealth",
		"rulehealth/pool", "watchlist",
	},
	"record": {"correlation", "exclusion", "finding", "match", "rulehealth"},
}

// conductorFiles is how many files package detect has at most.
const conductorFiles = 12

// Law 1: the rooms of detect use one another along the table, which has no cycle,
// and what conducts them stays small.
func TestRooms(t *testing.T) {
	const house = "internal/detect"
	files, there := 0, map[string]bool{}
	for _, f := range source(t) {
		if f.test || !within(f.pkg, house) {
			continue
		}
		if f.pkg == house {
			files++
			continue
		}
		room := strings.TrimPrefix(f.pkg, house+"/")
		there[room] = true
		may, known := rooms[room]
		if !known {
			t.Errorf("%s: the room %s is not in the table", f.path, room)
		}
		for _, path := range f.imports() {
			folder, mine := ours(path)
			if !mine || !within(folder, house) {
				continue
			}
			if other := strings.TrimPrefix(strings.TrimPrefix(folder, house), "/"); !slices.Contains(may, other) {
				t.Errorf("%s imports %s: this is not in the table of who may use whom among the rooms of detect",
					f.path, folder)
			}
		}
	}
	if files > conductorFiles {
		t.Errorf("%s has %d files: it only conducts, at most %d are right", house, files, conductorFiles)
	}
	for room := range rooms {
		if !there[room] {
			t.Errorf("%s is in the table of rooms and is not there", room)
		}
		if circle := circleFrom(rooms, room, nil); circle != nil {
			t.Errorf("the rooms of detect use one another in a circle: %s", strings.Join(circle, " -> "))
		}
	}
}

// circleFrom returns a way from a name back to itself, or nil.
func circleFrom(table map[string][]string, name string, path []string) []string {
	if path = append(path, name); slices.Contains(path[:len(path)-1], name) {
		return path
	}
	for _, other := range table[name] {
		if circle := circleFrom(table, other, slices.Clone(path)); circle != nil {
			return circle
		}
	}
	return nil
}
