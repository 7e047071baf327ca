package hub

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// intake takes, at the hub, what members send. A batch is stored in one
// transaction and answered after the commit: the answer is the receipt.
type intake struct {
	db    *store.DB
	log   *slog.Logger
	kinds map[wire.Kind]role.Intake
}

func newIntake(db *store.DB, log *slog.Logger, modules []role.Module) *intake {
	in := &intake{db, log, map[wire.Kind]role.Intake{}}
	for _, m := range modules {
		maps.Copy(in.kinds, m.Intake)
	}
	return in
}

// maxBatch bounds a batch, whatever a node believes.
const maxBatch = 500

// batch answers one batch of one authenticated member.
func (d *intake) batch(ctx context.Context, member string, body []byte) ([]byte, error) {
	var b wire.Batch
	if err := json.Unmarshal(body, &b); err != nil || len(b.Items) > maxBatch {
		return nil, fault.Coded(fault.HubBadBatch, err)
	}
	a := wire.BatchReply{Results: make([]wire.Result, len(b.Items))}
	err := d.db.Write(ctx, store.System("hub: take in"), func(tx *store.Tx) error {
		tx.SetLane(member)
		for _, l := range b.Items {
			if err := d.one(tx, member, l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !final(err) {
		return nil, err
	}
	if err != nil { // one message is bad: take the others one by one
		for i, l := range b.Items {
			err := d.db.Write(ctx, store.System("hub: take in"), func(tx *store.Tx) error {
				tx.SetLane(member)
				return d.one(tx, member, l)
			})
			if err == nil {
				continue
			}
			if !final(err) {
				return nil, err
			}
			a.Results[i] = wire.Result{Problem: fault.KindOf(err).Label(), Reason: reason.Refusal(err)}
			d.log.Warn("refused what a member sent", slog.String("member", member),
				slog.String("kind", event.Clip(string(l.Kind), 40)), slog.Any("err", err))
		}
	}
	return json.Marshal(a)
}

func (d *intake) one(tx *store.Tx, member string, l wire.Message) error {
	take := d.kinds[l.Kind]
	if take == nil {
		return fault.Coded(fault.HubUnknownKind, nil, event.Clip(string(l.Kind), 40))
	}
	return take(tx, member, l.Body)
}

// final reports whether sending the same again cannot help.
func final(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Unsupported, fault.Denied, fault.NotFound, fault.TooLarge, fault.Gone, fault.Conflict:
		return true
	}
	return false
}
