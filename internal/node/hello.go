package node

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Hello tells the hub how the node is and takes its clock and the community's
// own names.
func (n *Node) Hello(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := n.hello(ctx)
	if err != nil && !fault.Is(err, fault.Unavailable) && !errors.Is(err, context.DeadlineExceeded) {
		n.cfg.Log.Warn("the hub did not answer the hello", slog.Any("err", err))
	}
}

func (n *Node) hello(ctx context.Context) error {
	rules, armed := n.engine.Count()
	var waiting int64
	err := n.db.Read(ctx, store.System("node: hello"), func(tx *store.Tx) (err error) {
		waiting, err = release.Count(tx, release.StateWaiting)
		return err
	})
	if err != nil {
		return err
	}
	sent := n.cfg.Clock()
	body, err := role.Encode(
		wire.Hello{
			Version: role.Version, Now: sent, Rules: rules, Indicators: armed, Events: n.past.Totals().Events,
			Waiting: waiting,
		},
	)
	if err != nil {
		return err
	}
	reply, err := n.link.Request(ctx, wire.TopicHello, body)
	if fault.Is(err, fault.Storage) { // the hub's disk, and none of ours
		return fault.Wrap(
			fault.Unavailable, i18n.T("the hub cannot store at present", "ハブが保存できない状態です"), err,
		)
	}
	if err != nil {
		return err
	}
	back := n.cfg.Clock()
	w, err := role.Decode[wire.Welcome](reply)
	if err != nil {
		return err
	}
	n.welcome(w, sent, back)
	return nil
}

// welcome takes the hub's answer. The hub's clock is read at the middle of the
// way there and back; a difference that the way itself may explain is none.
func (n *Node) welcome(w wire.Welcome, sent, back time.Time) {
	skew := w.Now.Sub(sent.Add(back.Sub(sent) / 2))
	if skew.Abs() <= back.Sub(sent) {
		skew = 0
	}
	if skew.Abs() > time.Minute && time.Duration(n.skew.Load()).Abs() <= time.Minute {
		n.cfg.Log.Warn("this machine's clock differs from the hub's; set it right", slog.Duration("difference", skew))
	}
	n.skew.Store(int64(skew))
	p := *n.enrolment.Load()
	if p.Name != w.Name || p.Sector != w.Sector || p.Groups != w.Groups ||
		!maps.Equal(p.GroupNames, w.GroupNames) || p.HubName != w.Hub ||
		!slices.Equal(p.Domains, w.Domains) || !slices.Equal(p.Networks, w.Networks) {
		p.Name, p.Sector, p.Groups, p.HubName = w.Name, w.Sector, w.Groups, w.Hub
		p.GroupNames, p.Domains, p.Networks = w.GroupNames, w.Domains, w.Networks
		n.owns(p)
		n.enrolment.Store(&p)
		if err := p.Save(n.cfg.Data); err != nil {
			n.cfg.Log.Warn("could not keep the new name", slog.Any("err", err))
		}
	}
}

// heartbeat says hello every half minute, and tells the operator once when the
// hub is gone and once when it is back.
func (n *Node) heartbeat(ctx context.Context) error {
	away, sure, told := false, false, map[string]int64{}
	wait := 5 * time.Second // by then the line is up, if there is a hub
	for {
		n.Hello(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = 30 * time.Second
		n.sensors.tellLosses(n.cfg.Log, told)
		gone, why := !n.link.Connected(), n.link.Problem()
		refused := gone && why != nil && !fault.Is(why, fault.Unavailable)
		if refused && !sure { // a hub that starts again listens before it knows its members: look once more
			sure, wait = true, 5*time.Second
			continue
		}
		sure = refused
		if gone != away {
			away = gone
			hub := slog.String("hub", n.enrolment.Load().Hub)
			switch {
			case refused:
				n.cfg.Log.Error(
					"cut off from the hub, and not by the network; this node goes on by itself", hub,
					slog.String("why", fault.TextOf(why).EN), slog.String("hint", fault.HintOf(why).EN),
				)
			case away:
				n.cfg.Log.Warn(
					"the hub cannot be reached; this node goes on by itself and catches up when the hub is back", hub,
					slog.Any("why", why),
				)
			default:
				n.cfg.Log.Info("the hub is back", hub)
			}
		}
	}
}
