package objects

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/extract"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// maxRelations bounds the relationships that a report makes of what it names together.
const maxRelations = 300

// builder makes the objects of a draft.
type builder struct {
	d      Draft
	by     string // the identity in whose name they are made
	now    time.Time
	names  func(technique string) string
	common stix.Common
	out    []*stix.Object
	refs   []string
	finds  []string // indicators
	found  []string // what they may indicate
	err    error
}

// build returns the objects of a draft, the report last.
func (p *pages) build(d Draft, by string, now time.Time) ([]*stix.Object, error) {
	tlp, _ := policy.ParseTLP(d.Body.TLP)
	b := builder{d: d, by: by, now: now, names: func(id string) string { t, _ := p.techniques.Find(id); return t.Name }}
	b.common = stix.Common{CreatedByRef: by, Created: stix.TimestampOf(now), Modified: stix.TimestampOf(now),
		ObjectMarkingRefs: markingRefs(tlp), Labels: d.Body.labels()}
	if d.Body.Confidence >= 0 {
		b.common.Confidence = &d.Body.Confidence
	}
	for i, l := range d.Body.Lines {
		if !l.Take {
			continue
		}
		if b.line(l); b.err != nil {
			return nil, fault.Wrap(fault.Invalid, i18n.T("row {0}, {1}: it cannot be shared as this type",
				"{0} 行目「{1}」：この種類では共有できません").With(i+1, clip(l.Value, 60)), b.err)
		}
	}
	b.relate()
	if len(b.refs) == 0 {
		b.refs = []string{by} // a report of words alone
	}
	b.add(stix.Report{Common: b.common, Name: d.Body.Title, Description: d.Body.Summary,
		Types:     []string{"threat-report"},
		Published: stix.TimestampOf(now), ObjectRefs: b.refs})
	if b.err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("the report cannot be made", "レポートを作成できません"), b.err)
	}
	for _, o := range b.out {
		if bad := stix.Validate(o); len(bad) > 0 {
			return nil, fault.Wrap(fault.Invalid, i18n.T("an object would not be valid", "オブジェクトの内容が正しくありません"), bad[0])
		}
	}
	return b.out, nil
}

// labels are the tags of a draft, and its PAP as a label.
func (b Body) labels() []string {
	out := slices.Clone(b.Tags)
	if b.PAP != "" {
		out = append(out, b.PAP)
	}
	return out
}

// add keeps an object, and returns its id.
func (b *builder) add(v interface {
	Object() (*stix.Object, error)
}) string {
	if b.err != nil {
		return ""
	}
	o, err := v.Object()
	if err != nil {
		b.err = err
		return ""
	}
	if slices.ContainsFunc(b.out, func(x *stix.Object) bool { return x.ID() == o.ID() }) {
		return o.ID() // an observable that comes again
	}
	b.out = append(b.out, o)
	if o.Type() != "report" {
		b.refs = append(b.refs, o.ID())
	}
	return o.ID()
}

// line makes the objects of one line.
func (b *builder) line(l Line) {
	seen := stix.ObservableCommon{ObjectMarkingRefs: b.common.ObjectMarkingRefs}
	switch l.Type {
	case "attack-pattern":
		if !techniqueID.MatchString(l.Value) {
			b.found = append(b.found, b.add(stix.AttackPattern{Common: b.common, Name: l.Value}))
			return
		}
		c := b.common
		c.ExternalReferences = []stix.ExternalReference{{SourceName: "mitre-attack", ExternalID: l.Value,
			URL: "https://attack.mitre.org/techniques/" + strings.ReplaceAll(l.Value, ".", "/") + "/"}}
		b.found = append(b.found, b.add(stix.AttackPattern{Common: c, Name: b.names(l.Value)}))
	case "vulnerability":
		c := b.common
		if cve.MatchString(l.Value) {
			c.ExternalReferences = []stix.ExternalReference{{SourceName: "cve", ExternalID: strings.ToUpper(l.Value)}}
		}
		b.add(stix.Vulnerability{Common: c, Name: l.Value})
	case "malware":
		b.found = append(b.found, b.add(stix.Malware{Common: b.common, Name: l.Value, IsFamily: true}))
	case "tool":
		b.found = append(b.found, b.add(stix.Tool{Common: b.common, Name: l.Value}))
	case "intrusion-set":
		b.found = append(b.found, b.add(stix.IntrusionSet{Common: b.common, Name: l.Value}))
	case "threat-actor":
		b.found = append(b.found, b.add(stix.ThreatActor{Common: b.common, Name: l.Value}))
	case "campaign":
		b.found = append(b.found, b.add(stix.Campaign{Common: b.common, Name: l.Value}))
	case extract.AS:
		n, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(l.Value), "AS"))
		if err != nil {
			b.err = err
			return
		}
		b.add(stix.AutonomousSystem{ObservableCommon: seen, Number: n})
	default:
		b.value(l, seen)
	}
}

// value makes the observable and the indicator of a value.
func (b *builder) value(l Line, seen stix.ObservableCommon) {
	pattern := ""
	hash := func(name string) {
		b.add(stix.File{ObservableCommon: seen, Hashes: map[string]string{name: l.Value}})
	}
	switch t := event.ObservableType(l.Type); t {
	case event.IPv4, event.IPv6:
		if _, err := netip.ParsePrefix(l.Value); err == nil {
			pattern = "[" + l.Type + ":value ISSUBSET '" + l.Value + "']"
		} else if !canonical(&l) {
			b.err = fmt.Errorf("%q is no address", l.Value)
			return
		}
		if t == event.IPv4 {
			b.add(stix.IPv4Addr{ObservableCommon: seen, Value: l.Value})
		} else {
			b.add(stix.IPv6Addr{ObservableCommon: seen, Value: l.Value})
		}
	case event.Domain, event.URL, event.Email, event.MD5, event.SHA1, event.SHA256:
		if !canonical(&l) {
			b.err = fmt.Errorf("%q is none", l.Value)
			return
		}
		switch t {
		case event.Domain:
			b.add(stix.DomainName{ObservableCommon: seen, Value: l.Value})
		case event.URL:
			b.add(stix.URL{ObservableCommon: seen, Value: l.Value})
		case event.Email:
			b.add(stix.EmailAddr{ObservableCommon: seen, Value: l.Value})
		default:
			hash(l.Type)
		}
	case extract.SHA512:
		hash(l.Type)
		pattern = "[file:hashes.'SHA-512' = " + literal(l.Value) + "]"
	case extract.FilePath:
		dir, base := splitPath(l.Value)
		f := stix.File{ObservableCommon: seen, Name: base}
		pattern = "[file:name = " + literal(base) + "]"
		if dir != "" {
			f.ParentDirectoryRef = b.add(stix.Directory{ObservableCommon: seen, Path: dir})
			pattern = "[file:name = " + literal(base) + " AND file:parent_directory_ref.path = " + literal(dir) + "]"
		}
		b.add(f)
	case extract.Registry:
		b.add(stix.WindowsRegistryKey{ObservableCommon: seen, Key: l.Value})
		pattern = "[windows-registry-key:key = " + literal(l.Value) + "]"
	case extract.Mutex:
		b.add(stix.Mutex{ObservableCommon: seen, Name: l.Value})
		pattern = "[mutex:name = " + literal(l.Value) + "]"
	default:
		b.err = fmt.Errorf("the type %q is not known", l.Type)
		return
	}
	if pattern == "" {
		pattern = stix.ValuePattern(l.Type, l.Value)
	}
	i := stix.Indicator{Common: b.common, Name: l.Value, Types: []string{"malicious-activity"}, Pattern: pattern,
		PatternType: "stix", PatternVersion: "2.1", ValidFrom: stix.TimestampOf(b.now)}
	if b.d.Body.Days > 0 {
		i.ValidUntil = stix.TimestampOf(b.now.AddDate(0, 0, b.d.Body.Days))
	}
	b.finds = append(b.finds, b.add(i))
}

// canonical makes the value of a line the usual form of its type; false if it is none.
func canonical(l *Line) bool {
	v, ok := event.Canonical(event.ObservableType(l.Type), l.Value)
	if ok {
		l.Value = v
	}
	return ok
}

func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func splitPath(s string) (dir, base string) {
	i := strings.LastIndexAny(s, `/\`)
	if i < 0 || i == len(s)-1 {
		return "", strings.TrimRight(s, `/\`)
	}
	return s[:max(i, 1)], s[i+1:]
}

// relate states that the indicators indicate what the text names, unless that are too many
// for one to be meant by the other.
func (b *builder) relate() {
	if len(b.finds)*len(b.found) > maxRelations {
		return
	}
	c := b.common
	c.Labels, c.Confidence = nil, nil
	for _, from := range b.finds {
		for _, to := range b.found {
			b.add(stix.Relationship{Common: c, RelationshipType: "indicates", SourceRef: from, TargetRef: to})
		}
	}
}

// keep puts the objects of a draft into the store, and returns the ids of those that were
// not there before. An observable of the same giver that is there already is not marked
// more strictly by that, and is shown to those whom this is for, too.
func (p *pages) keep(tx *store.Tx, list []*stix.Object, h policy.Handling, source string) (fresh []string, err error) {
	var items []object.Item
	old := map[string]bool{}
	for _, o := range list {
		it := object.Item{Object: o, Handling: h, Source: source}
		if o.Modified().IsZero() && stix.IsObservable(o.Type()) {
			have, err := object.Own(tx, live, h.Owner, []string{o.ID()})
			switch {
			case err != nil:
				return nil, err
			case len(have) == 0:
			case object.Covers(have[0].Handling, h):
				continue
			default:
				it.Handling = widest(have[0].Handling, h)
				if it.Handling.TLP != h.TLP { // its own marking is the wider one, and stays
					if err := p.Objects.SetHandling(tx, live, o.ID(), h.Owner, it.Handling); err != nil {
						return nil, err
					}
					continue
				}
				old[o.ID()] = true
			}
		}
		items = append(items, it)
	}
	out, err := p.Objects.Put(tx, items)
	if err != nil {
		return nil, err
	}
	for i, o := range out {
		if o.Err != nil {
			return nil, fmt.Errorf("keep %s: %w", items[i].Object.ID(), o.Err)
		}
		if o.New && !old[items[i].Object.ID()] {
			fresh = append(fresh, items[i].Object.ID())
		}
	}
	return fresh, nil
}

// widest is a handling by which whoever may see something by one of two may see it.
func widest(a, b policy.Handling) policy.Handling {
	out := policy.Handling{TLP: min(a.TLP.OrRed(), b.TLP.OrRed()), Owner: a.Owner}
	for _, h := range []policy.Handling{a, b} {
		for _, t := range h.Audience {
			// Of RED only what names persons counts, and it does not come to count by this.
			if h.TLP.OrRed() == policy.Red && t != policy.Coordinators && !strings.HasPrefix(t, "user:") {
				continue
			}
			if !slices.Contains(out.Audience, t) {
				out.Audience = append(out.Audience, t)
			}
		}
	}
	return out
}
