package release

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Line is the node's connection to its hub.
type Line interface {
	// Request returns after the hub has stored what was sent, or with
	// fault.Unavailable if that is not known: then it is sent again.
	Request(ctx context.Context, topic string, body []byte) ([]byte, error)
}

// A batch holds this much at most.
const (
	batchItems     = 64
	batchBytes     = 2 << 20
	requestTimeout = 10 * time.Second
)

// Sender sends what may leave, in the order in which it was offered.
type Sender struct {
	db    *store.DB
	queue *Outgoing
	line  Line
	log   *slog.Logger
	done  func() // after something was sent
}

// NewSender returns a sender; done is called after something was sent.
func NewSender(db *store.DB, queue *Outgoing, line Line, log *slog.Logger, done func()) *Sender {
	return &Sender{db: db, queue: queue, line: line, log: log, done: done}
}

// Run sends until ctx ends. It is woken by the queue and looks by itself once a
// second, so that nothing is left behind by a wake-up that was missed.
func (s *Sender) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		more, err := s.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !fault.Is(err, fault.Unavailable):
			s.log.Warn("could not send to the hub", slog.Any("err", err))
		case more && err == nil:
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.queue.wake:
		case <-tick.C:
		}
	}
}

// round sends one batch; more says that there may be another.
func (s *Sender) round(ctx context.Context) (more bool, err error) {
	var list []Message
	err = s.db.Read(ctx, store.System("share: what leaves"), func(tx *store.Tx) error {
		list, err = store.Query[Message](
			tx, `SELECT `+columns+` FROM outgoing WHERE state = 'ready' ORDER BY at, kind DESC, id LIMIT $1`,
			batchItems,
		)
		return err
	})
	if err != nil || len(list) == 0 {
		return false, err
	}
	var b wire.Batch
	size := 0
	for _, l := range list {
		if size += len(l.Body); size > batchBytes && len(b.Items) > 0 {
			break
		}
		b.Items = append(b.Items, wire.Message{Kind: l.Kind, ID: l.ID, Body: json.RawMessage(l.Body)})
	}
	list = list[:len(b.Items)]
	body, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	askCtx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	reply, err := s.line.Request(askCtx, wire.TopicBatch, body)
	if fault.Is(err, fault.Storage) { // the hub's disk, and none of ours: its log says so, and we send again
		return false, fault.Wrap(
			fault.Unavailable, i18n.T("the hub cannot store at present", "ハブが保存できない状態です"), err,
		)
	}
	if err != nil {
		return false, err
	}
	var a wire.BatchReply
	if err := json.Unmarshal(reply, &a); err != nil || len(a.Results) != len(list) {
		return false, fault.Wrap(fault.Unavailable, fault.Unavailable.Title(), err)
	}
	return true, s.settle(ctx, list, a)
}

// maxReason is how long a reason of another node may be that is stored, in bytes
// of JSON.
const maxReason = 2000

// settle writes down what the hub said. A message that grew meanwhile stays ready.
func (s *Sender) settle(ctx context.Context, list []Message, a wire.BatchReply) error {
	err := s.db.Write(ctx, store.System("share: sent"), func(tx *store.Tx) error {
		for i, l := range list {
			state, why := StateSent, reason.Reason{}
			if r := a.Results[i]; r.Problem != "" {
				state, why = StateFailed, reason.Fault(r.Problem, r.Reason).Clip(maxReason)
			}
			if _, err := tx.Exec(`UPDATE outgoing SET state = $1, reason = $2, sent = $3 WHERE kind = $4 AND id = $5
				AND rev = $6 AND state = 'ready'`,
				state, why.Stored(), clock.Micros(tx.Now()), l.Kind, l.ID, l.Rev); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && s.done != nil {
		s.done()
	}
	return err
}
