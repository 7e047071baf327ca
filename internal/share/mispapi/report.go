package mispapi

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
)

// reports lists the texts about an event.
func (c *call) reports() (any, error) {
	id := c.text("event_id")
	if id == "" {
		return []any{}, nil
	}
	out := []any{}
	err := c.seen(func(tx *store.Tx) error {
		h, err := c.find(tx, id)
		if err != nil {
			return err
		}
		m, err := c.write(tx, h, false)
		if err != nil {
			return err
		}
		e, _ := m["Event"].(map[string]any)
		list, _ := e["EventReport"].([]any)
		for _, r := range list {
			out = append(out, map[string]any{"EventReport": r})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (c *call) noteIDs() []string { return []string{"note--" + misp.IDOf(c.id())} }

func (c *call) viewReport() (any, error) {
	var out map[string]any
	err := c.seen(func(tx *store.Tx) error {
		row, err := c.findObject(tx, c.id(), c.noteIDs(), "report")
		if err != nil {
			return err
		}
		f, err := misp.ReportFields(row.Body)
		if err != nil {
			return missing("report")
		}
		f["id"] = strconv.FormatInt(row.N, 10)
		out = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"EventReport": out}, nil
}

func (c *call) addReport() (any, error) {
	m := inner(c.sent, "EventReport")
	if scalar(m["name"]) == "" {
		return nil, invalid("A report has a name.")
	}
	f := map[string]any{"uuid": orText(scalar(m["uuid"]), uuid.NewString()), "name": scalar(m["name"]),
		"content": scalar(m["content"]), "distribution": orText(scalar(m["distribution"]), "5"), "deleted": false}
	_, err := c.change(c.id(), func(e *misp.Event, now time.Time) error {
		f["timestamp"] = strconv.FormatInt(now.Unix(), 10)
		reportIn(e, &misp.Report{Fields: f}, scalar(f["timestamp"]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	f["id"] = misp.NumberOf(scalar(f["uuid"]))
	return map[string]any{"EventReport": f}, nil
}

func (c *call) editReport() (any, error) {
	m := inner(c.sent, "EventReport")
	return c.changeReport(func(r *misp.Report) {
		fields(r.Fields, m, "uuid", "timestamp")
	})
}

func (c *call) deleteReport() (any, error) {
	if _, err := c.changeReport(func(r *misp.Report) { r.Fields["deleted"] = true }); err != nil {
		return nil, err
	}
	return done("Event Report deleted"), nil
}

func (c *call) changeReport(fn func(r *misp.Report)) (any, error) {
	event, id, err := c.home(c.noteIDs(), "report")
	if err != nil {
		return nil, err
	}
	var out map[string]any
	_, err = c.change(event, func(e *misp.Event, now time.Time) error {
		for _, r := range e.Reports {
			if scalar(r.Fields["uuid"]) == id {
				fn(r)
				r.Fields["timestamp"] = strconv.FormatInt(now.Unix(), 10)
				out = r.Fields
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"EventReport": out}, nil
}
