package timeline

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

// correlator evaluates correlations over matches that come in the order of time.
type correlator struct {
	engine *correlate.Engine
	rules  map[*sigma.Correlation]*sigma.Rule // the rule that represents a correlation in a timeline
	places map[*sigma.Rule]int                // behind all rules of the set
}

// newCorrelator returns nil if the set has no correlations.
func newCorrelator(set *sigma.Set, resolver *principal.Resolver) (*correlator, error) {
	if len(set.Correlations) == 0 {
		return nil, nil
	}
	e, err := correlate.New(set, correlate.Config{Lateness: lateness, Resolve: resolver.ResolveField})
	if err != nil {
		return nil, err
	}
	c := &correlator{engine: e, rules: map[*sigma.Correlation]*sigma.Rule{}, places: map[*sigma.Rule]int{}}
	for i, x := range set.Correlations {
		r := &sigma.Rule{
			ID: x.ID, Name: x.Name, Title: x.Title, Status: x.Status, Description: x.Description, Author: x.Author,
			License: x.License,
			Date:    x.Date, Modified: x.Modified, References: x.References, FalsePositives: x.FalsePositives,
			Tags: x.Tags, Level: x.Level,
			Path: x.Path, Line: x.Line, Source: x.Source,
		}
		c.rules[x] = r
		c.places[r] = len(set.Rules) + i
	}
	return c, nil
}

// list returns the rules that represent correlations, in the order of the set.
func (c *correlator) list(set *sigma.Set) (out []*sigma.Rule) {
	for _, x := range set.Correlations {
		out = append(out, c.rules[x])
	}
	return out
}

// add adds a match of a single event, and returns the alerts that are certain now.
func (c *correlator) add(r *sigma.Rule, ev *event.Event, in int, alert func(*Match) error) error {
	if !c.engine.RefersTo(r) {
		return nil
	}
	return c.told(c.engine.Add(correlate.Match{Rule: r, Time: ev.Time, Event: nameEvent(ev, in), Fields: ev}), alert)
}

// rest returns the alerts that remain.
func (c *correlator) rest(alert func(*Match) error) error { return c.told(c.engine.Flush(), alert) }

func (c *correlator) told(list []*correlate.Alert, alert func(*Match) error) error {
	for _, a := range list {
		if err := alert(c.match(a)); err != nil {
			return err
		}
	}
	return nil
}

// Records is the name of the field of a correlation's match that lists the
// records that it rests on, as file#record.
const Records = "records"

func nameEvent(ev *event.Event, in int) string {
	return strconv.Itoa(in) + "\x00" + strconv.FormatInt(ev.From.Record, 10) + "\x00" + event.Clip(ev.Host, 256) +
		"\x00" + ev.From.Name
}

func splitEvent(s string) (in int, record int64, host, file string) {
	parts := strings.SplitN(s, "\x00", 4)
	if len(parts) < 4 {
		return 0, 0, "", s
	}
	in, _ = strconv.Atoi(parts[0])
	record, _ = strconv.ParseInt(parts[1], 10, 64)
	return in, record, parts[2], parts[3]
}

// match makes a match of an alert: at the moment at which the correlation holds,
// and the record of its last event. What matched is the group, the value of the
// condition, and which records contributed.
func (c *correlator) match(a *correlate.Alert) *Match {
	r := c.rules[a.Rule]
	m := &Match{Rule: r, Time: a.At.UTC(), rule: c.places[r]}
	for _, g := range a.Group {
		m.Fields = append(m.Fields, Field{g.Field, []string{event.Clip(g.Value, maxValue)}})
		switch kind, name, _ := strings.Cut(g.Value, ":"); kind {
		case "ip":
			if a, err := netip.ParseAddr(name); err == nil && a.Is4() {
				m.Seen = append(m.Seen, event.Observable{Type: event.IPv4, Value: name})
			} else if err == nil {
				m.Seen = append(m.Seen, event.Observable{Type: event.IPv6, Value: name})
			}
		case "down", "addr", "user", "sid":
			m.User = event.Clip(name, maxName)
		}
	}
	m.Fields = append(m.Fields, Field{string(a.Rule.Type), []string{strconv.FormatFloat(a.Value, 'f', -1, 64)}})
	var from []string
	for i, e := range a.Events {
		in, record, host, file := splitEvent(e.Event)
		if i == 0 {
			m.Host = host
		} else if m.Host != host {
			m.Host = "" // several
		}
		if at := file + "#" + strconv.FormatInt(record, 10); len(from) < maxValues && !slices.Contains(from, at) {
			from = append(from, at)
		}
		m.file, m.Record, m.File = in, record, file
	}
	if len(from) > 0 {
		m.Fields = append(m.Fields, Field{Records, from})
	}
	if a.Omitted > 0 || a.Truncated {
		m.Fields = append(m.Fields, Field{"omitted", []string{fmt.Sprint(a.Omitted)}})
	}
	return m
}

// uncertain counts what the engine dropped because of its bounds.
func (c *correlator) uncertain() int64 {
	s := c.engine.Stats()
	return s.Overflowed + s.Evicted + s.Forced + s.LeftOut
}
