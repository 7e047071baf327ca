package contribution

import (
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
)

// OnIndicator notes an indicator that a member gave, with its marking as it is now. What the
// hub itself made, and what an exercise made, is nobody's contribution.
func (s *Service) OnIndicator(tx *store.Tx, ev msg.IndicatorChanged) error {
	i, err := indicator.Get(tx, ev.Indicator)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil || i.Handling.Owner == "" || i.Realm != event.Live {
		return err
	}
	_, err = tx.Exec(`INSERT INTO contribution_gift (object, giver, kind, value, name, at, warned, told, tlp, owner,
		audience) VALUES ($1,$2,$3,$4,$5,$6,$7,0,$8,$9,$10)
ON CONFLICT (object) DO UPDATE SET tlp = excluded.tlp, owner = excluded.owner, audience = excluded.audience`,
		i.ID, i.Handling.Owner, i.Kind, i.Value, i.Name, clock.Micros(i.Made), harmless(i), int(i.Handling.TLP),
		i.Handling.Owner, i.Handling.Audience.Column())
	tx.AfterCommitOnce(s, s.Notify)
	return err
}

// harmless reports whether a value says nothing by itself, such as a reserved address.
func harmless(i indicator.Indicator) bool {
	if i.Kind == "sigma" {
		return false
	}
	v := event.Observable{Type: event.ObservableType(i.Kind), Value: i.Value}
	return exclusion.Reason(v, exclusion.CommunityAssets{}) != ""
}

// OnSighting notes that a member saw an indicator.
func (s *Service) OnSighting(tx *store.Tx, v msg.Sighting) error {
	if v.Realm != event.Live {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO contribution_seen (id, object, member, retro, at, received, tlp, owner, audience)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT (id) DO NOTHING`,
		v.ID, v.Indicator, v.Member, v.Retro, clock.Micros(v.At), clock.Micros(tx.Now()), int(v.Handling.TLP),
		v.Handling.Owner, v.Handling.Audience.Column())
	tx.AfterCommitOnce(s, s.Notify)
	return err
}
