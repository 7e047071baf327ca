package match

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma/correlate"
)

// AlertEvent makes the event of an alert. host is that of the last event that the
// alert rests on, for alerts that are not about a machine.
func AlertEvent(a *correlate.Alert, now time.Time, host string) *event.Event {
	ev := &event.Event{ID: read.RecordID("correlation", a.At.UnixMicro(), []byte(a.ID)), Time: a.Last, Seen: now,
		From: event.Source{Sensor: "correlation", Name: a.Rule.ID}, Product: "meneki", Service: "correlation",
		Fields: map[string]any{}}
	var ids []string
	var list []any
	for _, e := range a.Events {
		ids = append(ids, e.Event)
		list = append(list, e.Event)
	}
	ev.Fields["meneki.events"], ev.Fields["meneki.value"] = list, a.Value
	if a.Omitted > 0 {
		ev.Fields["meneki.events_omitted"] = int64(a.Omitted)
	}
	for _, g := range a.Group {
		ev.Fields[g.Field] = g.Value
		kind, name, ok := strings.Cut(g.Value, ":")
		if !ok {
			continue
		}
		switch kind {
		case "ip":
			ev.Fields["src_ip"] = name
		case "host", "fqdn":
			ev.Host = name
		case "down", "addr", "user", "sid":
			ev.User = name
		}
	}
	if ev.Host == "" {
		ev.Host = host
	}
	raw, err := json.Marshal(
		map[string]any{
			"rule": a.Rule.ID, "title": a.Rule.Title, "group": a.Group, "at": a.At.UTC(), "first": a.First.UTC(),
			"last": a.Last.UTC(), "value": a.Value, "events": ids, "omitted": a.Omitted,
		},
	)
	if err != nil {
		raw = []byte("{}") // a value that is no number
	}
	ev.Raw = raw
	return ev
}

// CorrelationHit is the hit of a correlation.
func CorrelationHit(a *correlate.Alert) Hit {
	h := Hit{Correlated: true, Rule: CorrelationRef(a.Rule), Basis: a}
	for _, g := range a.Group {
		h.Fields = append(h.Fields, wire.FieldValue{Field: g.Field, Value: event.Clip(g.Value, maxValue)})
	}
	return h
}

// BasisOf names the events that an alert rests on.
func BasisOf(a *correlate.Alert) []string {
	ids := make([]string, len(a.Events))
	for i, e := range a.Events {
		ids[i] = e.Event
	}
	return ids
}
