package situation

import (
	"context"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

func nav() []web.NavItem {
	return []web.NavItem{{Key: "situation", Path: "/", Text: i18n.T("Situation", "状況"), Icon: "situation", Letter: "s"}}
}

// HubModule is the situation as the hub sees it. notify is called after it changed.
func HubModule(c PageConfig, notify func()) role.Module {
	t := NewTracker(c.Members.OnlineMembers, notify)
	return role.Module{
		Name:       "situation",
		Migrations: []store.Migration{Migration()},
		Consumes: map[string]queue.Handler{
			msg.TopicCase:      queue.On(t.OnCase),
			msg.TopicAssessed:  queue.On(t.OnAssessed),
			msg.TopicIndicator: queue.On(t.OnIndicator),
			msg.TopicReceipt:   queue.On(t.OnReceipt),
			msg.TopicSighting:  queue.On(t.OnSighting),
		},
		Pages: func(site *web.Site) { Pages(site, c) },
		API:   func(a *api.API) { API(a, c) },
		Nav:   nav(),
		Panels: []web.Panel{{Page: "case", Slots: map[string]string{"top": "situation/case"},
			Load: c.ofCase}},
	}
}

// ofCase draws the cycle of a case as far as the viewer may know of its indicators. It
// names members, so it is for the hub's people only.
func (c PageConfig) ofCase(ctx context.Context, about web.Subject) (out web.Part, err error) {
	if !about.Viewer.Hub {
		return out, nil
	}
	var of Cycle
	err = c.DB.Read(ctx, store.As(about.Viewer), func(tx *store.Tx) (err error) {
		of, err = Of(tx, about.ID)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Data = of.Picture(func(member string) string { return c.Members.Name(ctx, member) })
	return out, nil
}

// NodeModule is the situation at a node.
func NodeModule(c NodeConfig) role.Module {
	return role.Module{Name: "situation", Pages: func(site *web.Site) { NodePages(site, c) }, Nav: nav()}
}
