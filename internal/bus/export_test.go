package bus

import (
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Server shows the embedded server to tests that attack it.
func (h *Hub) Server() *server.Server { return h.srv }

// Pipe is how the bus itself connects in process.
func (h *Hub) Pipe() nats.InProcessConnProvider { return pipe{h.srv} }

// HubAccount is the public key of the hub's own account.
func (h *Hub) HubAccount() string { return h.authority.hub.pub }

// Unbounded makes credentials in a member's account with none of the
// permissions of a real member, so that only the wall between accounts is left.
func (h *Hub) Unbounded(member string) (token string, kp nkeys.KeyPair, err error) {
	h.mu.RLock()
	a := h.members[member].acct
	h.mu.RUnlock()
	if kp, err = nkeys.CreateUser(); err != nil {
		return "", nil, err
	}
	pub, err := kp.PublicKey()
	if err != nil {
		return "", nil, err
	}
	token, err = jwt.NewUserClaims(pub).Encode(a.kp)
	return token, kp, err
}

// Rogue makes an account, signed by the hub's own operator key, that imports
// what is victim's, and credentials in it.
func (h *Hub) Rogue(victim string) (token string, kp nkeys.KeyPair, err error) {
	h.mu.RLock()
	theirs := h.members[victim].acct.pub
	h.mu.RUnlock()
	akp, err := nkeys.CreateAccount()
	if err != nil {
		return "", nil, err
	}
	pub, err := akp.PublicKey()
	if err != nil {
		return "", nil, err
	}
	c := jwt.NewAccountClaims(pub)
	c.Imports.Add(
		&jwt.Import{Name: "up", Account: h.authority.hub.pub, Subject: jwt.Subject("up." + theirs + ".>"),
			LocalSubject: upLocal, Type: jwt.Service},
		&jwt.Import{Name: "down", Account: h.authority.hub.pub, Subject: jwt.Subject("down." + theirs + ".>"),
			LocalSubject: downLocal, Type: jwt.Stream},
	)
	at, err := c.Encode(h.authority.operator)
	if err != nil {
		return "", nil, err
	}
	if err := h.accs.Store(pub, at); err != nil {
		return "", nil, err
	}
	if kp, err = nkeys.CreateUser(); err != nil {
		return "", nil, err
	}
	upub, err := kp.PublicKey()
	if err != nil {
		return "", nil, err
	}
	token, err = jwt.NewUserClaims(upub).Encode(akp)
	return token, kp, err
}

// For tables and fuzzing.
var (
	CheckTopic = checkTopic
	FaultReply = faultReply
	ReplyError = replyError
)

// MaxQueued is how many requests of one member may wait.
const MaxQueued = maxQueued
