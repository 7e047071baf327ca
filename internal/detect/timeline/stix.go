package timeline

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/stix"
)

// bundle gathers matches and writes them as one STIX 2.1 bundle: each rule as an
// indicator of pattern type "sigma", each host as an identity of class "system",
// and for each rule on each host a sighting with how often, from when and until
// when, and the observed data behind it. All of them carry the TLP marking.
// Identifiers depend on what they name alone, so that the same run yields the same.
//
// A sighting counts all of its matches; the observables beside it are the first
// maxGroupSeen distinct ones. Hosts beyond maxGroups are counted together.
type bundle struct {
	w      *bufio.Writer
	style  Style
	groups map[groupKey]*group
	most   int // groups that are distinguished
}

type groupKey struct {
	rule *sigma.Rule
	host string
	rest bool // hosts that are not distinguished any more
}

type group struct {
	count       int64
	first, last time.Time
	seen        map[sco]bool
	list        []sco    // in the order seen
	rests       []string // records that correlations rest on
}

// sco is a cyber-observable: its type, the property that identifies it, and the value.
type sco struct{ typ, key, value string }

const (
	maxGroups     = 5_000
	maxGroupSeen  = 32
	maxGroupRests = 256
	maxCount      = 999_999_999 // STIX 2.1, 4.14 and 5.2
)

// namespace is that of the identifiers made here (UUIDv5 of their content).
var namespace = uuid.MustParse("6b5d2c3e-0a55-5c1f-9d0e-4c4fd1a0b8a1")

func newBundle(w *bufio.Writer, s Style) *bundle {
	return &bundle{w: w, style: s, groups: map[groupKey]*group{}, most: maxGroups}
}

// Begin does nothing.
func (b *bundle) Begin(*Result) error { return nil }

// Write counts a match.
func (b *bundle) Write(m *Match) error {
	k := groupKey{rule: m.Rule, host: m.Host}
	g := b.groups[k]
	if g == nil && len(b.groups) >= b.most {
		k = groupKey{rule: m.Rule, rest: true}
		g = b.groups[k]
	}
	if g == nil {
		g = &group{seen: map[sco]bool{}}
		b.groups[k] = g
	}
	g.count++
	span(&g.first, &g.last, m.Time)
	for _, o := range m.Seen {
		g.add(scoOf(o))
	}
	for _, f := range m.Fields {
		if f.Name == Records && len(g.rests)+len(f.Values) <= maxGroupRests {
			g.rests = append(g.rests, f.Values...)
		}
		if strings.EqualFold(f.Name, "CommandLine") || strings.EqualFold(f.Name, "ParentCommandLine") {
			for _, v := range f.Values {
				g.add(sco{"process", "command_line", event.Clip(v, 4096)})
			}
		}
	}
	if m.User != "" {
		g.add(sco{"user-account", "account_login", m.User})
	}
	return nil
}

func scoOf(o event.Observable) sco {
	switch o.Type {
	case event.MD5, event.SHA1, event.SHA256:
		return sco{"file", string(o.Type), o.Value}
	}
	return sco{string(o.Type), "value", o.Value}
}

func (g *group) add(o sco) {
	if o.value == "" || len(g.list) == maxGroupSeen || g.seen[o] {
		return
	}
	g.seen[o] = true
	g.list = append(g.list, o)
}

func idOf(typ string, parts ...string) string {
	return typ + "--" + uuid.NewSHA1(namespace, []byte(typ+"\x00"+strings.Join(parts, "\x00"))).String()
}

// End writes the bundle.
func (b *bundle) End(*Result) error {
	tlp := strings.TrimPrefix(b.style.TLP.String(), "TLP:")
	marking := stix.TLPMarking(tlp)
	made := &makings{marking: []string{marking.ID()}, now: b.style.Now, done: map[string]bool{}}
	made.object(marking, nil)
	made.author = idOf("identity", "meneki")
	made.object(stix.Identity{Common: made.common(made.author), Name: "meneki", Class: "system",
		Description: b.style.Program +
			": matches of Sigma rules over recorded events. Each rule is its author's, under the licence that its " +
			"indicator names."}.Object())
	keys := make([]groupKey, 0, len(b.groups))
	for k := range b.groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y groupKey) int {
		return cmp.Or(cmp.Compare(x.rule.Path, y.rule.Path), cmp.Compare(x.rule.Line, y.rule.Line),
			cmp.Compare(x.rule.Key(), y.rule.Key()), cmp.Compare(x.host, y.host), boolCompare(x.rest, y.rest))
	})
	var content []string
	for _, k := range keys {
		made.sighting(k, b.groups[k])
		content = append(content, made.list[len(made.list)-1].ID())
	}
	if made.err != nil {
		return made.err
	}
	if err := stix.WriteBundle(b.w, idOf("bundle", content...), made.list...); err != nil {
		return err
	}
	return b.w.Flush()
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// makings are the objects of a bundle, in the order in which they refer to one another.
type makings struct {
	marking []string
	author  string
	now     time.Time
	list    []*stix.Object
	done    map[string]bool
	err     error
}

func (w *makings) common(id string) stix.Common {
	by := w.author
	if by == id {
		by = ""
	}
	return stix.Common{ID: id, CreatedByRef: by, Created: stix.TimestampOf(w.now), ObjectMarkingRefs: w.marking}
}

func (w *makings) object(o *stix.Object, err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
	if err == nil && !w.done[o.ID()] {
		w.done[o.ID()] = true
		w.list = append(w.list, o)
	}
}

// sighting makes what a group stands for; the sighting itself is the last.
func (w *makings) sighting(k groupKey, g *group) {
	indicator := w.indicator(k.rule)
	count := int(min(g.count, maxCount))
	s := stix.Sighting{FirstSeen: stix.TimestampOf(g.first), LastSeen: stix.TimestampOf(g.last), Count: &count,
		SightingOfRef: indicator, Description: k.rule.Credit()}
	if len(g.rests) > 0 {
		s.Description += "\nRests on the records " + strings.Join(g.rests, ", ")
	}
	switch {
	case k.rest:
		s.Description += "\nFurther hosts, counted together."
		s.Summary = true
	case k.host != "":
		id := idOf("identity", "host", k.host)
		w.object(stix.Identity{Common: w.common(id), Name: k.host, Class: "system"}.Object())
		s.WhereSightedRefs = []string{id}
	}
	if !g.first.IsZero() {
		if refs := w.observables(g.list); len(refs) > 0 {
			s.ObservedDataRefs = []string{w.observed(k, g, count, refs)}
		}
	}
	s.Common = w.common(idOf("sighting", append(groupName(k, g), strconv.FormatInt(g.count, 10))...))
	o, err := s.Object()
	w.object(o, err)
}

func groupName(k groupKey, g *group) []string {
	rest := ""
	if k.rest {
		rest = "rest"
	}
	return []string{k.rule.Key(), string(k.rule.Source), k.host, rest, g.first.Format(time.RFC3339Nano),
		g.last.Format(time.RFC3339Nano)}
}

func (w *makings) indicator(r *sigma.Rule) string {
	id := idOf("indicator", r.Key(), string(r.Source))
	if w.done[id] {
		return id
	}
	i := stix.Indicator{Common: w.common(id), Name: r.Title,
		Description: strings.TrimSpace(r.Description + "\n\n" + r.Credit()),
		Pattern:     string(r.Source), PatternType: "sigma", ValidFrom: stix.TimestampOf(w.now),
		Types: []string{"anomalous-activity"}}
	if r.Level.Rank() >= sigma.High.Rank() {
		i.Types = []string{"malicious-activity"}
	}
	i.Labels = slices.Clone(r.Tags)
	i.ExternalReferences = []stix.ExternalReference{{SourceName: "sigma", ExternalID: r.Key(), Description: r.Credit()}}
	for _, t := range techniques(r) {
		i.ExternalReferences = append(i.ExternalReferences,
			stix.ExternalReference{SourceName: "mitre-attack", ExternalID: t})
	}
	for _, p := range phases(r) {
		i.KillChainPhases = append(i.KillChainPhases, stix.KillChainPhase{KillChain: "mitre-attack", Phase: p})
	}
	w.object(i.Object())
	return id
}

// observables makes the observables and returns their ids, each once.
func (w *makings) observables(list []sco) []string {
	var refs []string
	for _, o := range list {
		made, err := w.observable(o)
		if err != nil {
			w.object(nil, err)
			return nil
		}
		if !slices.Contains(refs, made.ID()) {
			refs = append(refs, made.ID())
			w.object(made, nil)
		}
	}
	return refs
}

func (w *makings) observable(o sco) (*stix.Object, error) {
	common := stix.ObservableCommon{ObjectMarkingRefs: w.marking}
	switch o.typ {
	case "file":
		return stix.File{ObservableCommon: common, Hashes: map[string]string{o.key: o.value}}.Object()
	case "process": // which has no identifier of its own by its content
		common.ID = idOf("process", o.value)
		return stix.Process{ObservableCommon: common, CommandLine: o.value}.Object()
	case "user-account":
		return stix.UserAccount{ObservableCommon: common, AccountLogin: o.value}.Object()
	case "ipv4-addr":
		return stix.IPv4Addr{ObservableCommon: common, Value: o.value}.Object()
	case "ipv6-addr":
		return stix.IPv6Addr{ObservableCommon: common, Value: o.value}.Object()
	case "domain-name":
		return stix.DomainName{ObservableCommon: common, Value: o.value}.Object()
	case "url":
		return stix.URL{ObservableCommon: common, Value: o.value}.Object()
	case "email-addr":
		return stix.EmailAddr{ObservableCommon: common, Value: o.value}.Object()
	}
	return nil, fmt.Errorf("no cyber-observable is made of a %s", o.typ)
}

// observed makes the observed-data of a group and returns its id.
func (w *makings) observed(k groupKey, g *group, count int, refs []string) string {
	id := idOf("observed-data", append(groupName(k, g), refs...)...)
	o, err := stix.ObservedData{Common: w.common(id), FirstObserved: stix.TimestampOf(g.first),
		LastObserved: stix.TimestampOf(g.last), NumberObserved: count, ObjectRefs: refs}.Object()
	w.object(o, err)
	return id
}
