package bus

import (
	"fmt"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// The subjects. The second word of up and down is an account's public key, and
// the server lets an account import only its own (AccountTokenPosition).
const (
	upExport   = "up.*.>"
	downExport = "down.*.>"
	upLocal    = "up.>"   // as a member sees its up.<account>.>
	downLocal  = "down.>" // as a member sees its down.<account>.>
)

// Limits of one member's account on the hub.
const (
	memberConns = 4 // a new connection may come before the old one is found dead
	memberSubs  = 256
)

// authority holds the signing keys of one hub and the claims of its own accounts.
type authority struct {
	sec      secret
	operator nkeys.KeyPair
	oper     *jwt.OperatorClaims
	sys, hub account
}

type account struct {
	kp     nkeys.KeyPair
	pub    string
	claims *jwt.AccountClaims
	token  string
}

func newAuthority(sec secret) (*authority, error) {
	op, opPub, err := sec.key(nkeys.PrefixByteOperator, "operator")
	if err != nil {
		return nil, err
	}
	r := &authority{sec: sec, operator: op}
	if r.sys.kp, r.sys.pub, err = sec.key(nkeys.PrefixByteAccount, "system"); err != nil {
		return nil, err
	}
	if r.hub.kp, r.hub.pub, err = sec.key(nkeys.PrefixByteAccount, "hub"); err != nil {
		return nil, err
	}
	oc := jwt.NewOperatorClaims(opPub)
	oc.Name = "meneki"
	oc.SystemAccount = r.sys.pub
	token, err := oc.Encode(op)
	if err != nil {
		return nil, fmt.Errorf("bus: sign operator: %w", err)
	}
	if r.oper, err = jwt.DecodeOperatorClaims(token); err != nil {
		return nil, fmt.Errorf("bus: sign operator: %w", err)
	}

	sc := jwt.NewAccountClaims(r.sys.pub)
	sc.Name = "system"
	if err := r.sign(&r.sys, sc); err != nil {
		return nil, err
	}
	hc := jwt.NewAccountClaims(r.hub.pub)
	hc.Name = "hub"
	hc.Exports.Add(
		&jwt.Export{Name: "up", Subject: upExport, Type: jwt.Service, AccountTokenPosition: 2},
		&jwt.Export{Name: "down", Subject: downExport, Type: jwt.Stream, AccountTokenPosition: 2},
	)
	return r, r.sign(&r.hub, hc)
}

func (r *authority) sign(a *account, c *jwt.AccountClaims) error {
	var vr jwt.ValidationResults
	c.Validate(&vr)
	if errs := vr.Errors(); len(errs) > 0 {
		return fmt.Errorf("bus: account %s: %w", c.Name, errs[0])
	}
	token, err := c.Encode(r.operator)
	if err != nil {
		return fmt.Errorf("bus: sign account %s: %w", c.Name, err)
	}
	a.claims, a.token = c, token
	return nil
}

// member makes the account of a member. It depends on the user's key too: a
// member that enrols with a new key gets a new account, and with the old
// account the old key stops working, with no list of revoked keys to keep.
func (r *authority) member(member, userPub string) (account, error) {
	var a account
	var err error
	if a.kp, a.pub, err = r.sec.key(nkeys.PrefixByteAccount, "member/"+userPub+"/"+member); err != nil {
		return a, err
	}
	c := jwt.NewAccountClaims(a.pub)
	c.Name = member
	c.Imports.Add(
		&jwt.Import{Name: "up", Account: r.hub.pub, Subject: jwt.Subject("up." + a.pub + ".>"), LocalSubject: upLocal,
			Type: jwt.Service},
		&jwt.Import{Name: "down", Account: r.hub.pub, Subject: jwt.Subject("down." + a.pub + ".>"),
			LocalSubject: downLocal, Type: jwt.Stream},
	)
	c.Limits.AccountLimits = jwt.AccountLimits{Imports: 2, Exports: 0, WildcardExports: false, DisallowBearer: true,
		Conn: memberConns, LeafNodeConn: memberConns}
	c.Limits.NatsLimits = jwt.NatsLimits{Subs: memberSubs, Data: jwt.NoLimit, Payload: maxPayload}
	c.Limits.JetStreamLimits = jwt.JetStreamLimits{} // none
	return a, r.sign(&a, c)
}

// closed returns claims under which the account cannot be used any more.
func (r *authority) closed(a account) (*jwt.AccountClaims, error) {
	c := jwt.NewAccountClaims(a.pub)
	c.Name = a.claims.Name
	c.Limits.AccountLimits = jwt.AccountLimits{DisallowBearer: true}
	c.Limits.NatsLimits = jwt.NatsLimits{Payload: 1}
	c.Revoke(jwt.All)
	// A JWT of this very second must fall under it as well.
	c.Revocations[jwt.All]++
	if _, err := c.Encode(r.operator); err != nil {
		return nil, fmt.Errorf("bus: close account: %w", err)
	}
	return c, nil
}

// memberUser lets the holder of userPub act in a, and do there nothing but ask
// up and listen down.
func memberUser(a account, member, userPub string) (string, error) {
	u := jwt.NewUserClaims(userPub)
	u.Name = member
	u.Permissions.Pub.Allow.Add(upLocal)
	u.Permissions.Sub.Allow.Add(downLocal, "_INBOX.>")
	u.Limits.NatsLimits = jwt.NatsLimits{Subs: memberSubs, Data: jwt.NoLimit, Payload: maxPayload}
	u.AllowedConnectionTypes.Add(jwt.ConnectionTypeLeafnode, jwt.ConnectionTypeInProcess)
	token, err := u.Encode(a.kp)
	if err != nil {
		return "", fmt.Errorf("bus: sign user: %w", err)
	}
	return token, nil
}

// own makes credentials for the hub's own connections; they live in memory only.
func (a account) own(name string) (token string, kp nkeys.KeyPair, err error) {
	kp, err = nkeys.CreateUser()
	if err != nil {
		return "", nil, fmt.Errorf("bus: make key: %w", err)
	}
	pub, err := kp.PublicKey()
	if err != nil {
		return "", nil, fmt.Errorf("bus: make key: %w", err)
	}
	u := jwt.NewUserClaims(pub)
	u.Name = name
	u.AllowedConnectionTypes.Add(jwt.ConnectionTypeInProcess)
	if token, err = u.Encode(a.kp); err != nil {
		return "", nil, fmt.Errorf("bus: sign user: %w", err)
	}
	return token, kp, nil
}
