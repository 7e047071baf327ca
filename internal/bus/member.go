package bus

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Grant is what an admitted member needs, beside its own seed, to join. It
// holds nothing secret: without the seed it opens nothing.
type Grant struct {
	Account string // public key of the member's account on the hub
	UserJWT string
	LeafURL string // empty if the hub does not listen
}

// memberState is one admitted member.
type memberState struct {
	member  string
	userPub string
	acct    account
	grant   Grant
	queue   queue // under Hub.inbox.mu
	online  atomic.Bool
}

const maxMemberID = 200 // bytes

// Admit lets the holder of userPublicKey act as member, from now on and without
// a restart. The same pair again changes nothing; another key for the same
// member replaces the first, whose connections end. Members are not kept over a
// restart: the caller admits them again, and the account stays the same.
func (h *Hub) Admit(member, userPublicKey string) (Grant, error) {
	if member == "" || len(member) > maxMemberID {
		return Grant{}, fault.New(fault.Invalid,
			i18n.T("a member needs an id of 1 to {0} bytes", "構成員の ID は 1〜{0} バイトです").With(maxMemberID))
	}
	if !nkeys.IsValidPublicUserKey(userPublicKey) {
		return Grant{}, fault.New(fault.Invalid,
			i18n.T("the public key of the member is not valid", "構成員の公開鍵が正しくありません"))
	}
	h.mu.RLock()
	st := h.members[member]
	h.mu.RUnlock()
	if st != nil && st.userPub == userPublicKey {
		return st.grant, nil
	}
	a, err := h.authority.member(member, userPublicKey)
	if err != nil {
		return Grant{}, err
	}
	token, err := memberUser(a, member, userPublicKey)
	if err != nil {
		return Grant{}, err
	}
	next := &memberState{member: member, userPub: userPublicKey, acct: a,
		grant: Grant{Account: a.pub, UserJWT: token, LeafURL: h.leaf}}

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return Grant{}, fault.New(fault.Unavailable, i18n.T("the message bus is not running", "メッセージバスが動作していません"))
	}
	if now := h.members[member]; now != nil {
		if now.userPub == userPublicKey {
			return now.grant, nil // admitted meanwhile
		}
		if err := h.shut(now); err != nil {
			return Grant{}, err
		}
	}
	if err := h.accs.Store(a.pub, a.token); err != nil {
		return Grant{}, fmt.Errorf("bus: admit: %w", err)
	}
	// An account that was expelled earlier is still known to the server, as closed.
	acc, err := h.srv.LookupAccount(a.pub)
	if err != nil {
		return Grant{}, fmt.Errorf("bus: admit: %w", err)
	}
	h.srv.UpdateAccountClaims(acc, a.claims)
	h.members[member] = next
	h.accounts[a.pub] = next
	return next.grant, nil
}

// Expel ends a member's connections and its credentials, at once.
func (h *Hub) Expel(member string) error {
	h.mu.Lock()
	st := h.members[member]
	if st == nil {
		h.mu.Unlock()
		return unknownMember(member)
	}
	err := h.shut(st)
	h.mu.Unlock()
	if st.online.Swap(false) {
		h.presence.notify(presence{member, false})
	}
	return err
}

// shut forgets st and cuts it off. h.mu is held for writing.
func (h *Hub) shut(st *memberState) error {
	delete(h.members, st.member)
	delete(h.accounts, st.acct.pub)
	h.accs.remove(st.acct.pub)
	claims, err := h.authority.closed(st.acct)
	if err != nil {
		return err
	}
	acc, err := h.srv.LookupAccount(st.acct.pub)
	if err != nil {
		return nil // the server has not loaded it, and the resolver no longer knows it
	}
	h.srv.UpdateAccountClaims(acc, claims)
	for _, id := range h.connections(st.acct.pub) {
		// An error means that the connection is gone already.
		_ = h.srv.DisconnectClientByID(id)
	}
	return nil
}

// connections lists the server's ids of an account's connections.
func (h *Hub) connections(pub string) []uint64 {
	var ids []uint64
	if z, err := h.srv.Connz(&server.ConnzOptions{Account: pub, Limit: 1024}); err == nil {
		for _, c := range z.Conns {
			ids = append(ids, c.Cid)
		}
	}
	if z, err := h.srv.Leafz(&server.LeafzOptions{Account: pub}); err == nil {
		for _, l := range z.Leafs {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func unknownMember(member string) error {
	return fault.New(fault.NotFound, i18n.T("{0} is not an admitted member",
		"{0} は参加中の構成員ではありません").With(fmt.Sprintf("%.60q", member)))
}

// Online reports whether a member has a connection to the hub now.
func (h *Hub) Online(member string) bool {
	h.mu.RLock()
	st := h.members[member]
	h.mu.RUnlock()
	return st != nil && h.count(st) > 0
}

func (h *Hub) count(st *memberState) int {
	acc, err := h.srv.LookupAccount(st.acct.pub)
	if err != nil {
		return 0
	}
	return acc.NumLocalConnections() + acc.NumLeafNodes()
}

// OnPresence registers fn to be called when members come and go, in order, best
// effort: one that goes and comes back at once may go unseen.
func (h *Hub) OnPresence(fn func(member string, online bool)) {
	h.presence.add(func(p presence) { fn(p.member, p.online) }, nil)
}

// presencePoll catches what the server's events do not say, such as the moment
// between the event and the connection's end.
const presencePoll = 500 * time.Millisecond

func (h *Hub) watchPresence() error {
	wake := make(chan struct{}, 1)
	poke := func(*nats.Msg) {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	for _, s := range []string{"$SYS.ACCOUNT.*.CONNECT", "$SYS.ACCOUNT.*.DISCONNECT"} {
		if _, err := h.sys.Subscribe(s, poke); err != nil {
			return fmt.Errorf("bus: watch presence: %w", err)
		}
	}
	if err := h.sys.FlushTimeout(startTimeout); err != nil {
		return fmt.Errorf("bus: watch presence: %w", err)
	}
	h.spawn(func() {
		t := time.NewTicker(presencePoll)
		defer t.Stop()
		for {
			select {
			case <-h.ctx.Done():
				return
			case <-wake:
			case <-t.C:
			}
			h.updatePresence()
		}
	})
	return nil
}

func (h *Hub) updatePresence() {
	h.mu.RLock()
	all := make([]*memberState, 0, len(h.members))
	for _, st := range h.members {
		all = append(all, st)
	}
	h.mu.RUnlock()
	for _, st := range all {
		on := h.count(st) > 0
		if st.online.Swap(on) != on {
			h.presence.notify(presence{st.member, on})
		}
	}
}
