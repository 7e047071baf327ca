package publish

import (
	"context"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// Module is what a hub makes of offers.
func Module(p *Publisher) role.Module {
	c := pages{Publisher: p}
	return role.Module{
		Name:       "share",
		Migrations: []store.Migration{indicator.Migration(), Migration()},
		Consumes: map[string]queue.Handler{
			msg.TopicCase:      queue.On(p.OnCase),
			msg.TopicCandidate: queue.On(p.OnCandidate),
		},
		Intake: map[wire.Kind]role.Intake{
			wire.KindCandidate: p.ReceiveCandidate,
			wire.KindReceipt:   p.ReceiveReceipt,
			wire.KindRange:     p.ReceiveRange,
			wire.KindSighting:  p.ReceiveSighting,
		},
		Pages: func(site *web.Site) {
			site.Templates(indicator.Templates())
			site.Templates(Templates())
			c.addTo(site)
		},
		API: c.api,
		Nav: []web.NavItem{indicator.Nav()},
		Panels: []web.Panel{
			{Page: "case", Slots: map[string]string{"main": "indicators/case"}, Load: c.ofCase},
			{Page: "object", Slots: map[string]string{"main": "indicators/object"}, Load: c.ofObject},
		},
		Finders: []search.Finder{indicator.Finder(p.db)},
		Start:   p.start,
	}
}

// start makes or reads what every object carries.
func (p *Publisher) start(ctx context.Context) error {
	id, ok, err := p.db.Setting(ctx, indicator.SettingIdentity)
	if err == nil && !ok {
		id = "identity--" + uuid.NewString()
		err = p.db.SetSetting(ctx, indicator.SettingIdentity, id)
	}
	if err != nil {
		return err
	}
	p.identity = id
	p.feed.Listen(p.Pushed)
	return nil
}
