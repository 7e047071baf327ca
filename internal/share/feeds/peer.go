package feeds

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/policy/marked"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Peer is a server of others that the hub sends to. What goes is at most GREEN: AMBER is for the
// community, and a peer is outside of it. Only what members and the hub itself gave goes, never what
// came from a feed, so nothing goes in a circle however many hubs send to one another.
type Peer struct {
	ID        string     `db:"id"`
	Name      string     `db:"name"`
	Address   string     `db:"address"`
	Login     string     `db:"login"`
	Secret    string     `db:"secret"`
	Most      policy.TLP `db:"most"`
	Types     string     `db:"types"`
	Paused    bool       `db:"paused"`
	Place     int64      `db:"place"`
	Due       time.Time  `db:"due"`
	Tried     time.Time  `db:"tried"`
	Succeeded time.Time  `db:"succeeded"`
	Failures  int64      `db:"failures"`
	Error     i18n.Text  `db:"error,json"`
	Sent      int64      `db:"sent"`
	Refused   int64      `db:"refused"`
	Notes     []peerNote `db:"notes,json"`
	By        string     `db:"made_by"`
}

// peerNote is an object that the peer did not take.
type peerNote struct{ ID, Why string }

// Bounds of sending.
const (
	maxPeers     = 100
	peerBatch    = 200
	peerEvery    = time.Minute
	peerEnvelope = 4 << 20
	maxSend      = 10 * time.Minute
)

const peerColumns = `p.id, p.name, p.address, p.login, p.secret, p.most, p.types, p.paused, p.place, p.due, p.tried,
	p.succeeded, p.failures, p.error, p.sent, p.refused, p.notes, p.made_by`

// reader is who a peer is to the hub: somebody whom nothing names.
func (p Peer) reader() policy.Viewer {
	return policy.Viewer{User: "peer:" + p.ID, Member: "peer:" + p.ID, Machine: true}
}

// types are those of objects that go.
func (p Peer) types() (list []string) {
	for t := range strings.FieldsFuncSeq(p.Types, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		list = append(list, t)
	}
	return list
}

// feed has the sign-in of a peer as a source has it.
func (p Peer) feed() Feed { return Feed{Address: p.Address, Login: p.Login, Secret: p.Secret} }

// check reports what of a peer as it is set up is wrong, by field.
func (p Peer) check(wrong func(field string, t i18n.Text)) {
	if p.Name == "" || len(p.Name) > maxName || strings.ContainsFunc(p.Name, func(r rune) bool { return r < ' ' }) {
		wrong("name", i18n.T("a name of at most {0} letters is needed", "{0} 文字までの名前が必要です").With(maxName))
	}
	if u, err := url.Parse(p.Address); err != nil || u.Host == "" || u.User != nil || !strings.Contains(u.Path,
		"/collections/") {
		wrong("address", i18n.T("the address of a collection is needed: https://…/collections/ID/",
			"コレクションのアドレスが必要です：https://…/collections/ID/"))
	}
	if p.Most != policy.Clear && p.Most != policy.Green {
		wrong("most", i18n.T("only CLEAR and GREEN leave the community", "共同体の外に送れるのは CLEAR と GREEN だけです"))
	}
	for _, t := range p.types() {
		if len(t) > 100 || strings.Trim(t, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			wrong("types", i18n.T("write types of STIX with commas: indicator, malware",
				"STIX の型をコンマで区切ってください：indicator, malware"))
		}
	}
}

func (s *Service) peers(ctx context.Context) (list []Peer, err error) {
	err = s.DB.Read(ctx, system(), func(tx *store.Tx) error {
		list, err = store.Query[Peer](tx, `SELECT `+peerColumns+` FROM share_peer p ORDER BY p.name`)
		return err
	})
	return list, err
}

// addPeer sets a peer up. What there is already goes to it too.
func (s *Service) addPeer(ctx context.Context, actor policy.Viewer, p Peer) error {
	if err := mustKeep(actor); err != nil {
		return err
	}
	err := s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		n, err := store.One[int64](tx, `SELECT count(*) FROM share_peer`)
		if err != nil {
			return err
		}
		if n >= maxPeers {
			return fault.New(fault.Invalid, i18n.T("there are {0} peers already", "送信先はすでに {0} 件あります").With(n))
		}
		p.ID = uuid.Must(uuid.NewV7()).String()
		_, err = tx.Exec(`INSERT INTO share_peer (id, name, address, login, secret, most, types, paused, place, due,
			tried,
			succeeded, failures, error, sent, refused, notes, made_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, 0, 0, 0, '{}', 0, 0, '[]', $10)`, p.ID, p.Name, p.Address,
			p.Login,
			p.Secret, int(p.Most), strings.Join(p.types(), ","), false, tx.Now(), actor.Name)
		if err != nil {
			return err
		}
		return identity.Audit(tx, actor, "peer.add", p.ID, map[string]any{"name": p.Name, "address": p.Address,
			"most": p.Most.Slug(), "types": p.types()})
	})
	if fault.Is(err, fault.Conflict) {
		err = fault.New(fault.Conflict, i18n.T("there is a peer of this name", "同じ名前の送信先があります"))
	}
	s.changed()
	s.look()
	return err
}

// changePeer pauses, starts or removes a peer.
func (s *Service) changePeer(ctx context.Context, actor policy.Viewer, id, what string) error {
	if err := mustKeep(actor); err != nil {
		return err
	}
	err := s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		p, err := store.One[Peer](tx, `SELECT `+peerColumns+` FROM share_peer p WHERE p.id = $1`, id)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, i18n.T("there is no such peer", "その送信先はありません"))
		}
		if err != nil {
			return err
		}
		if what == "remove" {
			_, err = tx.Exec(`DELETE FROM share_peer WHERE id = $1`, id)
		} else {
			_, err = tx.Exec(`UPDATE share_peer SET paused = $1, due = $2 WHERE id = $3`, what == "pause", tx.Now(), id)
		}
		if err != nil {
			return err
		}
		return identity.Audit(tx, actor, "peer."+what, id, map[string]any{"name": p.Name})
	})
	s.changed()
	s.look()
	return err
}

// sendAll sends to the peers that are due.
func (s *Service) sendAll(ctx context.Context) error {
	list, err := s.peers(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Paused || p.Due.After(s.DB.Now()) || ctx.Err() != nil {
			continue
		}
		within, cancel := context.WithTimeout(ctx, maxSend)
		err := s.send(within, p)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err := s.notePeer(ctx, p, err); err != nil {
			return err
		}
	}
	return nil
}

// notePeer keeps what sending came to, and when it is tried again: later and later while it fails.
func (s *Service) notePeer(ctx context.Context, p Peer, failed error) error {
	return s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		now := tx.Now()
		if failed != nil {
			_,
				err := tx.Exec(`UPDATE share_peer SET tried = $1, failures = failures + 1, error = $2, due = $3
					WHERE id = $4`, now,
				textJSON(problem(failed)), now.Add(min(peerEvery<<min(p.Failures, 10), mostBackoff)), p.ID)
			return err
		}
		_,
			err := tx.Exec(`UPDATE share_peer SET tried = $1, succeeded = $1, failures = 0, error = '{}', due = $2
				WHERE id = $3`, now,
			now.Add(peerEvery), p.ID)
		return err
	})
}

// send sends what came since the last time, batch by batch. The place is kept after each batch that the
// peer has answered for, so that an interruption sends at most one batch again.
func (s *Service) send(ctx context.Context, p Peer) error {
	c, err := s.client(ctx, maxSend)
	if err != nil {
		return err
	}
	f := p.feed()
	root, collection, err := f.taxii()
	if err != nil {
		return err
	}
	t, err := f.taxiiClient(c)
	if err != nil {
		return err
	}
	for {
		list, place, more, err := s.outgoing(ctx, p)
		if err != nil {
			return err
		}
		sent, refused, notes := int64(0), int64(0), p.Notes
		if len(list) > 0 {
			answers, err := t.Add(ctx, root, collection, list, peerEnvelope)
			if err != nil {
				return c.Fault(root, err)
			}
			for _, st := range answers {
				if st, err = t.Wait(ctx, root, st, time.Second); err != nil {
					return c.Fault(root, err)
				}
				sent += int64(st.SuccessCount)
				refused += int64(st.FailureCount)
				for _, x := range st.Failures {
					notes = append(notes, peerNote{event.Clip(x.ID, 200), event.Clip(x.Message, 400)})
				}
			}
			notes = notes[max(0, len(notes)-maxNotes):]
		}
		if place == p.Place && !more {
			return nil
		}
		err = s.DB.Write(ctx, system(), func(tx *store.Tx) error {
			_,
				err := tx.Exec(`UPDATE share_peer SET place = $1, sent = sent + $2, refused = refused + $3, notes = $4
					WHERE id = $5`,
				place, sent, refused, asJSON(notes), p.ID)
			return err
		})
		if err != nil || !more {
			return err
		}
		p.Place, p.Notes = place, notes
	}
}

// outgoing returns the objects of one batch, and the position behind it.
func (s *Service) outgoing(ctx context.Context, p Peer) (list []json.RawMessage, place int64, more bool, err error) {
	err = s.DB.Read(ctx, store.As(p.reader()), func(tx *store.Tx) error {
		page, err := s.Objects.Read(tx, object.Ask{Types: p.types(), After: p.Place, Limit: peerBatch, Bodies: true})
		if err != nil {
			return err
		}
		place, more = max(page.Upto, p.Place), page.More
		foreign, err := fromFeeds(tx, page.Objects)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			if o.Handling.TLP.OrRed() > p.Most || foreign[o.N] {
				continue
			}
			x, err := stix.Parse(o.Body)
			if err != nil {
				return fmt.Errorf("read %s: %w", o.ID, err)
			}
			d := marked.Of(x, nil, o.Handling, s.DB.Now())
			// What does not say by itself how it is handled goes only if it is for everybody: whoever gets it
			// knows nothing else of it.
			said := o.Handling.TLP == policy.Clear || convert.Marking(x).Known()
			if said && d.Handling.TLP.OrRed() <= p.Most && d.PAP.Allows(policy.ActExport) {
				list = append(list, json.RawMessage(x.Bytes()))
			}
		}
		return nil
	})
	return list, place, more, err
}

// fromFeeds returns which objects came from a feed, by their number.
func fromFeeds(tx *store.Tx, list []object.Object) (map[int64]bool, error) {
	out := map[int64]bool{}
	numbers := make([]int64, len(list))
	for i, o := range list {
		numbers[i] = o.N
	}
	for some := range slices.Chunk(numbers, 400) {
		in, args := store.List(1, some)
		rows, err := store.Query[int64](tx,
			`SELECT DISTINCT n FROM object_source WHERE n IN `+in+` AND source LIKE 'feed:%'`, args...)
		if err != nil {
			return nil, err
		}
		for _, n := range rows {
			out[n] = true
		}
	}
	return out, nil
}
