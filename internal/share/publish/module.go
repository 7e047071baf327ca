package publish

import (
	"context"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/search"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// Module is what a hub makes of offers and delivers to members.
func Module(o *Publisher) role.Module {
	c := pages{o}
	return role.Module{
		Name:       "share",
		Migrations: []store.Migration{indicator.Migration(), Migration()},
		Consumes: map[string]queue.Handler{
			msg.TopicCase:      queue.On(o.OnCase),
			msg.TopicCandidate: queue.On(o.OnCandidate),
		},
		Requests: map[string]bus.Handler{wire.TopicSync: role.Answer(o.Sync)},
		Intake: map[wire.Kind]role.Intake{
			wire.KindCandidate: o.ReceiveCandidate,
			wire.KindReceipt:   o.ReceiveReceipt,
			wire.KindSighting:  o.ReceiveSighting,
		},
		Pages: func(site *web.Site) {
			site.Templates(indicator.Templates())
			site.Templates(Templates())
			c.addTo(site)
		},
		API:      c.api,
		Nav:      []web.NavItem{indicator.Nav()},
		Panels:   []web.Panel{{Page: "case", Slots: map[string]string{"main": "indicators/case"}, Load: c.ofCase}},
		Finders:  []search.Finder{indicator.Finder(o.db)},
		Restored: o.NewDeliveryRun,
		Start:    o.start,
	}
}

// settingIdentity holds the hub's STIX identity.
const settingIdentity = "hub.identity"

// start makes or reads what every object and every delivery carries.
func (o *Publisher) start(ctx context.Context) error {
	id, ok, err := o.db.Setting(ctx, settingIdentity)
	if err == nil && !ok {
		id = "identity--" + uuid.NewString()
		err = o.db.SetSetting(ctx, settingIdentity, id)
	}
	if err != nil {
		return err
	}
	o.identity = id
	_, err = o.DeliveryRun(ctx)
	return err
}
