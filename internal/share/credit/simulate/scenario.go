// Package simulate plays a year of a community that does not exist, so that a real one sees
// what a rule set does to honest members, to those who only take, and to those who cheat,
// before it adopts it. The same scenario, rules and seed give the same outcome.
package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/credit"
)

// Kind is how members of a group behave.
type Kind string

// The kinds of members.
const (
	Honest    Kind = "honest"     // gives what attacks it, and reports what it sees
	FreeRider Kind = "free-rider" // is attacked as others are, gives nothing and reports nothing
	Colluder  Kind = "colluder"   // gives inventions, which the others of its clique say they saw
	Flooder   Kind = "flooder"    // gives much that nobody needs
	Poisoner  Kind = "poisoner"   // gives what is harmless, so that others block it
)

// kinds are the kinds with their names, in the order in which they are shown.
var kinds = []struct {
	kind Kind
	text i18n.Text
}{
	{Honest, i18n.T("Honest members", "誠実な組織")}, {FreeRider, i18n.T("Free riders", "ただ乗りの組織")},
	{Colluder, i18n.T("Colluders", "結託する組織")}, {Flooder, i18n.T("Flooders", "大量に送る組織")},
	{Poisoner, i18n.T("Poisoners", "偽の値を混ぜる組織")},
}

// Text returns what members of a kind are called.
func (k Kind) Text() i18n.Text {
	for _, x := range kinds {
		if x.kind == k {
			return x.text
		}
	}
	return i18n.Same(string(k))
}

// Group is members that behave alike.
type Group struct {
	Kind    Kind   `yaml:"kind" json:"kind"`
	Name    string `yaml:"name,omitempty" json:"name,omitempty"` // empty: that of the kind
	JA      string `yaml:"ja,omitempty" json:"ja,omitempty"`
	Members int    `yaml:"members" json:"members"`
	// Joined is how many days before the start they joined; a negative number is a day after it.
	Joined int `yaml:"joined_days_before" json:"joined_days_before"`
	// Gives is how much a colluder, a flooder or a poisoner gives in a week.
	Gives float64 `yaml:"gives_per_week,omitempty" json:"gives_per_week,omitempty"`
	// Clique is how many colluders confirm one another; 0: all of the group.
	Clique int `yaml:"clique,omitempty" json:"clique,omitempty"`
	// Praise is the chance with which a colluder says that it saw what an honest member gave.
	Praise float64 `yaml:"praise,omitempty" json:"praise,omitempty"`
	// Reports is the chance with which an honest member reports what it saw.
	Reports float64 `yaml:"reports,omitempty" json:"reports,omitempty"`
}

// Text returns what the group is called.
func (g Group) Text() i18n.Text {
	switch {
	case g.Name == "":
		return g.Kind.Text()
	case g.JA == "":
		return i18n.Same(g.Name)
	}
	return i18n.Text{EN: g.Name, JA: g.JA}
}

// Scenario is a community and a time.
type Scenario struct {
	Seed uint64 `yaml:"seed" json:"seed"`
	Days int    `yaml:"days" json:"days"`
	// Attacks is how many campaigns begin in a week.
	Attacks float64 `yaml:"attacks_per_week" json:"attacks_per_week"`
	// Reach is the chance with which a campaign comes to a member.
	Reach      float64      `yaml:"reach" json:"reach"`
	Population []Group      `yaml:"population" json:"population"`
	Rules      credit.Rules `yaml:"rules" json:"rules"`
}

// Default is a community of 39, with some of every kind.
func Default() Scenario {
	return Scenario{Seed: 1, Days: 365, Attacks: 5, Reach: 0.25, Rules: credit.Default(), Population: []Group{
		{Kind: Honest, Members: 20, Joined: 900, Reports: 0.7},
		{Kind: Honest, Name: "Honest newcomers", JA: "誠実な新規組織", Members: 4, Joined: -60, Reports: 0.7},
		{Kind: FreeRider, Members: 8, Joined: 700},
		{Kind: Colluder, Members: 4, Joined: 600, Gives: 5, Praise: 0.1},
		{Kind: Flooder, Members: 2, Joined: 500, Gives: 60},
		{Kind: Poisoner, Members: 1, Joined: 400, Gives: 2},
	}}
}

// Bounds of a scenario, so that it is played within seconds.
const (
	maxText    = 256 << 10
	maxGroups  = 50
	maxMembers = 500
	maxDays    = 1100
	maxEvents  = 200_000
)

// Parse reads a scenario as YAML or JSON. What is left out is as in Default; a key that is
// not known is an error.
func Parse(text []byte) (Scenario, error) {
	s := Default()
	if len(text) > maxText {
		return s, fault.New(fault.TooLarge, i18n.T("the scenario is longer than {0} KiB",
			"シナリオが {0} KiB を超えています").With(maxText>>10))
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return Default(), fault.Wrap(fault.Invalid, i18n.T("the scenario cannot be read: {0}",
			"シナリオを読み取れません：{0}").With(err), err)
	}
	if err := s.Validate(); err != nil {
		return Default(), err
	}
	return s, nil
}

// YAML writes the scenario as Parse reads it.
func (s Scenario) YAML() string {
	b, err := yaml.Marshal(s)
	if err != nil { // plain data
		return ""
	}
	return string(b)
}

// Validate refuses a scenario that means nothing or is too great, and says why.
func (s Scenario) Validate() error {
	bad := func(key string, from, to any) error {
		return fault.New(fault.Invalid, i18n.T("{0} must be from {1} to {2}",
			"{0} は {1} から {2} の間で指定してください").With(key, from, to))
	}
	in := func(v, from, to float64) bool { return v >= from && v <= to }
	switch {
	case s.Days < 28 || s.Days > maxDays:
		return bad("days", 28, maxDays)
	case !in(s.Attacks, 0, 100):
		return bad("attacks_per_week", 0, 100)
	case !in(s.Reach, 0, 1):
		return bad("reach", 0, 1)
	case len(s.Population) < 1 || len(s.Population) > maxGroups:
		return bad("population", 1, maxGroups)
	}
	members, events := 0, 0.0
	weeks := float64(s.Days) / 7
	for i, g := range s.Population {
		key := func(name string) string { return fmt.Sprintf("population[%d].%s", i, name) }
		switch {
		case g.Kind.Text() == i18n.Same(string(g.Kind)):
			return fault.New(fault.Invalid, i18n.T("{0}: {1} is no kind of member", "{0}：{1} という種類はありません").
				With(key("kind"), g.Kind)).
				WithHint(i18n.T("use honest, free-rider, colluder, flooder or poisoner",
					"honest、free-rider、colluder、flooder、poisoner のいずれかです"))
		case g.Members < 1 || g.Members > maxMembers:
			return bad(key("members"), 1, maxMembers)
		case !in(float64(g.Joined), -maxDays, 36500):
			return bad(key("joined_days_before"), -maxDays, 36500)
		case !in(g.Gives, 0, 10_000):
			return bad(key("gives_per_week"), 0, 10_000)
		case !in(g.Praise, 0, 1):
			return bad(key("praise"), 0, 1)
		case !in(g.Reports, 0, 1):
			return bad(key("reports"), 0, 1)
		case g.Clique < 0 || g.Clique > maxMembers:
			return bad(key("clique"), 0, maxMembers)
		case len(g.Name) > 60 || len(g.JA) > 60:
			return bad(key("name"), 0, 60)
		}
		members += g.Members
		each := 1.0
		if g.Kind == Colluder {
			each = float64(max(g.Clique, g.Members))
		}
		events += g.Gives * weeks * float64(g.Members) * each
	}
	events += s.Attacks * weeks * float64(members)
	switch {
	case members > maxMembers:
		return bad("members", 1, maxMembers)
	case events > maxEvents:
		return fault.New(fault.TooLarge, i18n.T("the scenario has about {0} events, at most {1} are played",
			"このシナリオの事象は約 {0} 件です。上限は {1} 件です").With(int(events), maxEvents)).
			WithHint(i18n.T("lower days, members or gives_per_week",
				"days、members、gives_per_week のいずれかを減らしてください"))
	}
	return s.Rules.Validate()
}
