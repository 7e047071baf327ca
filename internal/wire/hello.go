package wire

import (
	"net/netip"
	"time"

	"github.com/meneki/meneki/internal/policy"
)

// Hello is what a node sends when it connects and every half minute. It holds
// numbers only.
type Hello struct {
	Version    string    `json:"version"`
	Now        time.Time `json:"now"` // by the node's clock
	Rules      int       `json:"rules"`
	Indicators int       `json:"indicators"`
	Events     int64     `json:"events"`
	Delivered  int64     `json:"delivered"`
	Waiting    int64     `json:"waiting"` // messages that wait for a person there
}

// Welcome is the hub's answer: its clock, and what belongs to the community.
type Welcome struct {
	Now    time.Time     `json:"now"` // by the hub's clock
	Member string        `json:"member"`
	Name   string        `json:"name"`
	Sector string        `json:"sector"`
	Groups policy.Groups `json:"groups"` // the trust groups that the member belongs to
	// GroupNames is what these are called, by id.
	GroupNames map[string]string `json:"group_names,omitempty"`

	Hub      string         `json:"hub"`
	Domains  []string       `json:"domains"`
	Networks []netip.Prefix `json:"networks"`
}

// JoinRequest is what a node sends, over HTTP, to join with an invitation.
type JoinRequest struct {
	Token     string `json:"token" maxLength:"400" doc:"the invitation"`
	PublicKey string `json:"public_key" maxLength:"200" doc:"the node's public nkey"`
}

// JoinReply is what it gets.
type JoinReply struct {
	Member  string `json:"member"`
	Name    string `json:"name"`
	Sector  string `json:"sector"`
	HubName string `json:"hub_name"`
	LeafURL string `json:"leaf_url" doc:"where the node's bus connects"`
	CA      string `json:"ca" doc:"PEM of the hub's certificate authority"`
	Account string `json:"account"`
	UserJWT string `json:"user_jwt"`
	// A node reads its sensors at once, and must know whose these are before the
	// hub has answered its first hello.
	Domains  []string       `json:"domains,omitempty" doc:"domains of the community's members"`
	Networks []netip.Prefix `json:"networks,omitempty" doc:"networks of the community's members"`
}
