package cli

import (
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// askedLang gives the language that the arguments or the environment ask for. It
// is needed before they are understood: what is wrong with them is said in it.
func askedLang(args []string) string {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--lang="); ok {
			return v
		}
		if a == "--lang" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return os.Getenv("MENEKI_LANG")
}

// gathered moves a command's arguments behind its flags, so that they need not
// stand in one run: "detect a.evtx --rules r b.evtx" is two logs. kong takes a
// list of arguments only as long as no flag comes between. What cannot be
// understood is left as it is, for kong to say so.
func gathered(root *kong.Node, args []string) []string {
	node := root
	var flags, words []string
	dashes := false
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case dashes || a == "-" || !strings.HasPrefix(a, "-"):
			if child := childOf(node, a); child != nil && !dashes {
				node = child
				flags = append(flags, a)
				continue
			}
			if len(node.Children) > 0 {
				return args // no such command
			}
			words = append(words, a)
		case a == "--":
			dashes = true
		default:
			wants, ok := takesNext(node, a)
			if !ok {
				return args
			}
			flags = append(flags, a)
			if wants {
				if i++; i >= len(args) || len(args[i]) > 1 && args[i][0] == '-' {
					return args // its value is missing
				}
				flags = append(flags, args[i])
			}
		}
	}
	if dashes {
		flags = append(flags, "--")
	}
	return append(flags, words...)
}

func childOf(n *kong.Node, name string) *kong.Node {
	if i := slices.IndexFunc(n.Children, func(c *kong.Node) bool { return c.Name == name }); i >= 0 {
		return n.Children[i]
	}
	return nil
}

// takesNext reports whether the argument behind a flag is its value; ok is false
// for a flag that the command does not have.
func takesNext(n *kong.Node, arg string) (wants, ok bool) {
	name, _, given := strings.Cut(arg, "=")
	for _, list := range n.AllFlags(false) {
		for _, f := range list {
			value := !f.IsBool() && !f.IsCounter()
			switch {
			case name == "--"+f.Name:
				return value && !given, true
			case name == "--no-"+f.Name && f.Tag.Negatable != "":
				return false, true
			case f.Short != 0 && strings.HasPrefix(arg, "-"+string(f.Short)):
				return value && len(arg) == 2, value || len(arg) == 2
			}
		}
	}
	return false, false
}
