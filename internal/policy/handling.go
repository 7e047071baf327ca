package policy

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Handling is how a thing is marked: its label, whose it is, and whom the owner
// named. It is stored beside the thing in three columns: tlp, owner, audience.
type Handling struct {
	TLP      TLP      `json:"tlp"`
	Owner    string   `json:"owner,omitempty"` // member id; empty is the hub itself
	Audience Audience `json:"audience,omitempty"`
}

// Audience names who may have a thing that its label does not give to all. Each
// entry is a token: "community", "sector:energy", "member:ID", "hub", "user:ID".
type Audience []string

// Tokens of an audience.
const (
	Community = "community"
	HubDesk   = "hub" // the coordinators of the hub, as persons
)

// ToMember, ToSector and ToUser make audience tokens.
func ToMember(id string) string   { return "member:" + id }
func ToSector(name string) string { return "sector:" + name }
func ToUser(id string) string     { return "user:" + id }

// Column is the audience as the store keeps it: ",a,b,", so that a token is
// found between its commas. A token that could not be kept as it is names
// nobody and is left out whole: cutting letters out of it could make it name
// somebody else.
func (a Audience) Column() string {
	keep := make([]string, 0, len(a))
	for _, t := range a {
		if sound(t) {
			keep = append(keep, t)
		}
	}
	if len(keep) == 0 {
		return ""
	}
	slices.Sort(keep)
	return "," + strings.Join(slices.Compact(keep), ",") + ","
}

// sound reports whether a token can stand in an audience: no comma, which
// parts tokens, no percent sign, no control letters, valid UTF-8.
func sound(token string) bool {
	return token != "" && utf8.ValidString(token) && strings.IndexFunc(token, func(r rune) bool {
		return r == ',' || r == '%' || unicode.IsControl(r)
	}) < 0
}

// ParseAudience reads what Column wrote.
func ParseAudience(col string) Audience {
	col = strings.Trim(col, ",")
	if col == "" {
		return nil
	}
	return strings.Split(col, ",")
}

// Viewer is who asks. The zero Viewer is the public.
type Viewer struct {
	User    string // user id; empty for a machine
	Name    string
	Member  string // member id of a user or a node; empty for the hub's own people
	Sector  string // the member's sector
	Hub     bool   // works at the hub
	Desk    bool   // is one of the hub's coordinators (role coordinator or admin)
	Role    Role
	Machine bool // a node or an API client: never gets what is for persons only
}

// Role is what a user may do; what a user may see is decided by handling.
type Role string

// The roles, from least to most.
const (
	RoleNone        Role = ""
	RoleReader      Role = "reader"
	RoleAnalyst     Role = "analyst"
	RoleCoordinator Role = "coordinator"
	RoleAdmin       Role = "admin"
)

// Roles lists the roles that can be given to a user.
func Roles() []Role { return []Role{RoleReader, RoleAnalyst, RoleCoordinator, RoleAdmin} }

// Tokens are the audience tokens that v answers to. An id or a sector that no
// audience could name, because of the letters in it, answers to none; a machine
// answers to no token of a person, whoever it works for.
func (v Viewer) Tokens() []string {
	var out []string
	if v.Member != "" {
		out = append(out, Community, ToMember(v.Member))
		if v.Sector != "" {
			out = append(out, ToSector(v.Sector))
		}
	}
	if v.Desk && !v.Machine {
		out = append(out, HubDesk)
	}
	if v.User != "" && !v.Machine {
		out = append(out, ToUser(v.User))
	}
	return slices.DeleteFunc(out, func(t string) bool { return !sound(t) })
}

// MaySee decides whether v may see a thing handled as h. The table:
//
//	label          the public  another member          named member  hub's people      owner
//	CLEAR          yes         yes                     yes           yes               yes
//	GREEN          no          yes                     yes           yes               yes
//	AMBER          no          no                      yes           yes               yes
//	AMBER+STRICT   no          no                      yes           yes               yes
//	RED            no          no                      named person  named person/desk its people, not its machines
//
// "Another member" is named by community, sector and member tokens. RED knows
// persons only: of an audience its user tokens count, and "hub" for the
// coordinators. A label out of range, and no label at all, is RED.
func MaySee(v Viewer, h Handling) bool {
	owner := v.Member != "" && v.Member == h.Owner
	switch h.TLP {
	case Clear:
		return true
	case Green:
		return v.Member != "" || v.Hub
	case Amber, AmberStrict:
		return owner || v.Hub || named(v, h.Audience, false)
	}
	if v.Machine {
		return false
	}
	return (owner && v.User != "") || named(v, h.Audience, true)
}

func named(v Viewer, a Audience, personOnly bool) bool {
	for _, t := range v.Tokens() {
		if personOnly && t != HubDesk && !strings.HasPrefix(t, "user:") {
			continue
		}
		if slices.Contains(a, t) {
			return true
		}
	}
	return false
}

// MayGet decides whether a member's machines may be sent a thing, to defend
// themselves with. The member who owns it has it already and may always get it
// back, unless it is RED.
func MayGet(memberID, sector string, h Handling) bool {
	if memberID == "" {
		return false
	}
	return MaySee(Viewer{Member: memberID, Sector: sector, Machine: true}, h)
}

// Predicate is MaySee as SQL over the columns tlp, owner and audience of the
// table with the given alias, and its arguments. next is the number of the
// first free placeholder. The store's tests hold it equal to MaySee.
func Predicate(v Viewer, alias string, next int) (sql string, args []any) {
	p := alias
	if p != "" {
		p += "."
	}
	arg := func(x any) string {
		args = append(args, x)
		next++
		return placeholder(next - 1)
	}
	has := func(token string) string { return containsExpr(p+"audience", arg(","+token+",")) }
	var amber, red []string
	for _, t := range v.Tokens() {
		amber = append(amber, has(t))
	}
	if !v.Machine {
		if v.Member != "" && v.User != "" {
			red = append(red, p+"owner = "+arg(v.Member))
		}
		for _, t := range v.Tokens() {
			if t == HubDesk || strings.HasPrefix(t, "user:") {
				red = append(red, has(t))
			}
		}
	}
	if v.Member != "" {
		amber = append(amber, p+"owner = "+arg(v.Member))
	}
	if v.Hub {
		amber = append(amber, "1=1")
	}
	or := func(list []string) string {
		if len(list) == 0 {
			return "1=0"
		}
		return "(" + strings.Join(list, " OR ") + ")"
	}
	green := "1=0"
	if v.Member != "" || v.Hub {
		green = "1=1"
	}
	is := func(t TLP) string { return strconv.Itoa(int(t)) }
	return "(" + p + "tlp = " + is(Clear) + " OR (" + p + "tlp = " + is(Green) + " AND " + green + ")" +
		" OR (" + p + "tlp IN (" + is(Amber) + "," + is(AmberStrict) + ") AND " + or(amber) + ")" +
		" OR ((" + p + "tlp < " + is(Clear) + " OR " + p + "tlp > " + is(AmberStrict) + ") AND " + or(red) + "))", args
}

func placeholder(n int) string { return "$" + strconv.Itoa(n) }

// containsExpr asks for a substring without wildcards (LIKE would read the _ of
// an id as one), in words that SQLite and PostgreSQL share.
func containsExpr(col, arg string) string { return "replace(" + col + ", " + arg + ", '') <> " + col }
