package policy

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestGroups(t *testing.T) {
	g := GroupsOf("b", "a", "b", "", "x,y", "p%", "c\x00")
	if g != "a,b" || !slices.Equal(g.List(), []string{"a", "b"}) || !g.Has("a") || g.Has("x") || g.Has("") {
		t.Errorf("%q", g)
	}
	if GroupsOf() != "" || GroupsOf("x,y") != "" || GroupsOf().List() != nil {
		t.Error("a set of none is not empty")
	}
	for _, want := range []Groups{"", "a", "a,b"} {
		b, err := json.Marshal(want)
		var got Groups
		if err != nil || json.Unmarshal(b, &got) != nil || got != want {
			t.Errorf("%q is written %s and read %q", want, b, got)
		}
	}
	var got Groups
	if json.Unmarshal([]byte(`["b","a,c","a"]`), &got) != nil || got != "a,b" {
		t.Errorf("read %q", got)
	}
}

// A member that leaves a group sees nothing of it from then on, and no other group's.
func TestLeavingAGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, h := drawViewer(t), drawHandling(t)
		left := v
		left.Groups = ""
		if MaySee(left, h) && !MaySee(v, h) {
			t.Fatal("a group takes something away")
		}
		named := slices.ContainsFunc(v.Groups.List(), func(g string) bool {
			return slices.Contains(h.Audience, ToGroup(g))
		})
		if MaySee(v, h) && !MaySee(left, h) && !named {
			t.Fatalf("%+v sees %+v by a group that it does not name", v, h)
		}
		if named && v.Member != "" && h.TLP.Known() && h.TLP != Red && !MaySee(v, h) {
			t.Fatalf("%+v is in a group that %+v names and does not see it", v, h)
		}
	})
}

// Viewers of one key see the same; a key changes with what decides.
func TestReachKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, h := drawViewer(t), drawViewer(t), drawHandling(t)
		if ReachKey(a) == ReachKey(b) && MaySee(a, h) != MaySee(b, h) {
			t.Fatalf("%+v and %+v have one key and differ in %+v", a, b, h)
		}
		a.Name, a.Role = "somebody", RoleAdmin
		c := a
		c.Name, c.Role = "", RoleReader
		if ReachKey(a) != ReachKey(c) {
			t.Fatal("a name or a role is in the key")
		}
	})
	seen := map[string]Viewer{}
	for _, v := range []Viewer{{}, Node("m1", "", ""), Node("m1", "energy", ""), Node("m1", "energy", "g1"),
		Node("m1", "", "g1"), Node("m1", "", "g1,g2"), Node("m2", "", "g1"), {Hub: true}, {Hub: true, Machine: true},
		{Member: "m1", User: "u1"}, {Member: "m1", User: "u2"}, {Hub: true, User: "u1", Coordinator: true}} {
		key := ReachKey(v)
		if other, ok := seen[key]; ok || len(key) != 32 {
			t.Errorf("%+v and %+v have the key %s", v, other, key)
		}
		seen[key] = v
	}
}
