package demo

import (
	"context"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/groups"
	"github.com/meneki/meneki/internal/store"
)

// coordinator is a coordinator of a member at the hub, as one would come in now.
func (d *Demo) coordinator(ctx context.Context, key string) (policy.Viewer, error) {
	m, err := d.Hub.People().Member(ctx, d.member(key).id)
	if err != nil {
		return policy.Viewer{}, err
	}
	v := m.Node()
	v.Machine, v.User, v.Role = false, "demo-"+key, policy.RoleCoordinator
	v.Name = i18n.T("Coordinator of {0}", "{0}の調整担当").With(m.Name).In(d.cfg.Lang)
	return v, nil
}

// circle makes a trust group that the power company leads, in which the city is, and to
// which the university is invited.
func (d *Demo) circle(ctx context.Context) error {
	lead, err := d.coordinator(ctx, "power")
	if err != nil {
		return err
	}
	say := func(t i18n.Text) string { return t.In(d.cfg.Lang) }
	id, err := d.Hub.Groups().Make(ctx, lead, groups.NewGroup{Admits: groups.AdmitsAll,
		Name: say(i18n.T("Lifeline early warning", "ライフライン早期警戒")),
		Purpose: say(i18n.T("What hits power, water and the town halls that depend on them, before it is confirmed.",
			"電力・水道と、それに依存する自治体を狙う攻撃を、未確認の段階から共有します。"))})
	if err != nil {
		return err
	}
	city, err := d.coordinator(ctx, "city")
	if err != nil {
		return err
	}
	name := func(key string) string { return d.Hub.Directory().Name(ctx, d.member(key).id) }
	if err := d.Hub.Groups().Ask(ctx, lead, id, name("city")); err != nil {
		return err
	}
	var offers []groups.Offer
	if err := d.Hub.DB().Read(ctx, store.System("demo: invitations"), func(tx *store.Tx) (err error) {
		offers, err = d.Hub.Groups().Offers(tx, city)
		return err
	}); err != nil {
		return err
	}
	for _, o := range offers {
		if _, err := d.Hub.Groups().Answer(ctx, city, o.ID, true); err != nil {
			return err
		}
	}
	return d.Hub.Groups().Ask(ctx, lead, id, name("university"))
}
