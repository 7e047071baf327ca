package policy

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Handling is the marking of an object or a record: its TLP label, its owner, and the
// recipients that the owner named. It is stored in three columns: tlp, owner, audience.
type Handling struct {
	TLP      TLP      `json:"tlp"`
	Owner    string   `json:"owner,omitempty"` // member id; empty is the hub itself
	Audience Audience `json:"audience,omitempty"`
}

// Audience lists the recipients to whom the owner discloses what its label does not
// disclose to all. Each entry is a token: "community", "sector:energy", "group:ID",
// "member:ID", "hub", "user:ID".
type Audience []string

// Tokens of an audience.
const (
	Community    = "community"
	Coordinators = "hub" // the hub's coordinators, as individuals
)

// ToMember, ToSector, ToGroup and ToUser return audience tokens.
func ToMember(id string) string   { return "member:" + id }
func ToSector(name string) string { return "sector:" + name }
func ToGroup(id string) string    { return "group:" + id }
func ToUser(id string) string     { return "user:" + id }

// Column returns the audience as the store has it: ",a,b,", so that a token is
// found between its commas. A token that cannot be stored unchanged is left out
// whole: without some of its letters it could name another recipient.
func (a Audience) Column() string {
	keep := make([]string, 0, len(a))
	for _, t := range a {
		if storable(t) {
			keep = append(keep, t)
		}
	}
	if len(keep) == 0 {
		return ""
	}
	slices.Sort(keep)
	return "," + strings.Join(slices.Compact(keep), ",") + ","
}

// storable reports whether a token can be in an audience: no comma, which separates
// tokens, no percent sign, no control characters, valid UTF-8.
func storable(token string) bool {
	return token != "" && utf8.ValidString(token) && strings.IndexFunc(token, func(r rune) bool {
		return r == ',' || r == '%' || unicode.IsControl(r)
	}) < 0
}

// ParseAudience is the inverse of Column.
func ParseAudience(col string) Audience {
	col = strings.Trim(col, ",")
	if col == "" {
		return nil
	}
	return strings.Split(col, ",")
}

// Viewer is a person or a program that asks to see something. The zero Viewer is the
// public.
type Viewer struct {
	User        string // user id; empty for a machine
	Name        string
	Member      string // member id of a user or a node; empty for the hub's own people
	Sector      string // the member's sector
	Groups      Groups // the trust groups that the member belongs to
	Hub         bool   // one of the hub's own people
	Coordinator bool   // is one of the hub's coordinators (role coordinator or admin)
	Role        Role
	Machine     bool // a node or an API client: never sees what is for individuals only
}

// isUser reports whether a token names an individual.
func isUser(token string) bool { return strings.HasPrefix(token, "user:") }

// Node returns a member's node as one that asks.
func Node(member, sector string, groups Groups) Viewer {
	return Viewer{Member: member, Sector: sector, Groups: groups, Machine: true}
}

// Role says what a user may do. What a user may see is decided by handling.
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

// Tokens returns the audience tokens that include v. An id or a sector that cannot
// be stored in an audience is in none; a machine is in no token of individuals,
// whoever it works for.
func (v Viewer) Tokens() []string {
	var out []string
	if v.Member != "" {
		out = append(out, Community, ToMember(v.Member))
		if v.Sector != "" {
			out = append(out, ToSector(v.Sector))
		}
		for _, g := range v.Groups.List() {
			out = append(out, ToGroup(g))
		}
	}
	if v.Coordinator && !v.Machine {
		out = append(out, Coordinators)
	}
	if v.User != "" && !v.Machine {
		out = append(out, ToUser(v.User))
	}
	return slices.DeleteFunc(out, func(t string) bool { return !storable(t) })
}

// MaySee reports whether v may see what has the handling h:
//
//	label          public  other member  member in the audience  hub's people             owner
//	CLEAR          yes     yes           yes                     yes                      yes
//	GREEN          no      yes           yes                     yes                      yes
//	AMBER          no      no            yes                     yes                      yes
//	AMBER+STRICT   no      no            yes                     yes                      yes
//	RED            no      no            named individuals       named, or a coordinator  its people, not its machines
//
// A member is in the audience by a community, sector, group or member token. RED is for
// individual recipients: only user tokens of an audience count, and "hub", which is the
// hub's coordinators. A label out of range, and no label at all, is RED.
func MaySee(v Viewer, h Handling) bool {
	owner := v.Member != "" && v.Member == h.Owner
	switch h.TLP {
	case Clear:
		return true
	case Green:
		return v.Member != "" || v.Hub
	case Amber, AmberStrict:
		return owner || v.Hub || includes(v, h.Audience, false)
	}
	if v.Machine {
		return false
	}
	return (owner && v.User != "") || includes(v, h.Audience, true)
}

// includes reports whether an audience has v in it, for RED by tokens of individuals.
func includes(v Viewer, a Audience, individuals bool) bool {
	for _, t := range v.Tokens() {
		if individuals && t != Coordinators && !isUser(t) {
			continue
		}
		if slices.Contains(a, t) {
			return true
		}
	}
	return false
}

// MayReceive reports whether something may be sent to the machines of v's member, which
// use it for defence. The member that owns it receives it too, unless it is RED.
func MayReceive(v Viewer, h Handling) bool {
	return v.Member != "" && MaySee(Node(v.Member, v.Sector, v.Groups), h)
}

// Predicate returns MaySee as SQL over the columns tlp, owner and audience of the
// table with an alias, and its arguments. next is the number of the first free
// placeholder. Tests compare it with MaySee.
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
			if t == Coordinators || isUser(t) {
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

// containsExpr returns a condition that a column has a substring. It uses no LIKE,
// which takes the _ of an id as a wildcard, and is the same on SQLite and PostgreSQL.
func containsExpr(col, arg string) string { return "replace(" + col + ", " + arg + ", '') <> " + col }
