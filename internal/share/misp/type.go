package misp

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed types.txt
var typesText string

// Type is a type of attributes as MISP has it.
type Type struct {
	Name       string
	Category   string // the usual one
	Detect     bool   // whether to_ids is usually set
	Categories []string
}

type typeTable struct {
	categories []string
	types      []Type
	byName     map[string]Type
}

var typesOnce = sync.OnceValue(func() typeTable {
	t := typeTable{byName: map[string]Type{}}
	for line := range strings.Lines(typesText) {
		line = strings.TrimRight(line, "\n")
		switch f := strings.Split(line, "\t"); {
		case strings.HasPrefix(line, "#") || line == "":
		case t.categories == nil:
			t.categories = strings.Split(line, "|")
		case len(f) == 4:
			x := Type{Name: f[0], Category: f[1], Detect: f[2] == "1"}
			for s := range strings.SplitSeq(f[3], ",") {
				if n, err := strconv.Atoi(s); err == nil && n < len(t.categories) {
					x.Categories = append(x.Categories, t.categories[n])
				}
			}
			t.types = append(t.types, x)
			t.byName[x.Name] = x
		}
	}
	return t
})

// Types are the types of attributes that MISP has, in its order.
func Types() []Type { return slices.Clone(typesOnce().types) }

// Categories are the categories of attributes, in MISP's order.
func Categories() []string { return slices.Clone(typesOnce().categories) }

// TypeOf returns a type by its name.
func TypeOf(name string) (Type, bool) {
	t, ok := typesOnce().byName[name]
	return t, ok
}

// silent are types that never say what to look for, whatever to_ids says.
var silent = map[string]bool{
	"text": true, "comment": true, "other": true, "counter": true, "integer": true, "float": true, "boolean": true,
	"datetime": true, "size-in-bytes": true, "uuid": true, "anonymised": true, "mime-type": true, "port": true,
	"http-method": true, "malware-type": true, "campaign-name": true, "campaign-id": true, "threat-actor": true,
}
