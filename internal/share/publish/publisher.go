// Package publish is what a hub does with indicators: it makes them of what members
// offer, marks them, and keeps who is armed and who has seen what. They are objects like
// all others, and package feed takes them to the members.
package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Members is the members of the community, as a directory of package identity has them.
type Members interface {
	identity.Names
	identity.Nodes
	// Active lists the members that have joined and still belong.
	Active(ctx context.Context) ([]identity.Member, error)
}

// Assets is what belongs to the community itself, as package community keeps it.
type Assets interface {
	Own(ctx context.Context) (domains []string, networks []netip.Prefix, err error)
}

// Publisher makes and marks indicators at the hub, as objects of its store.
type Publisher struct {
	db       *store.DB
	objects  *object.Store
	feed     *feed.Feed
	members  Members
	assets   Assets
	log      *slog.Logger
	identity string // the hub's STIX identity
	notify   func()

	groupNames func(ctx context.Context, groups policy.Groups) (map[string]string, error)
}

// Config is what a Publisher stands on.
type Config struct {
	DB      *store.DB
	Objects *object.Store
	Feed    *feed.Feed
	Members Members
	Assets  Assets
	Log     *slog.Logger
	Notify  func() // called after something changed that a page shows
	// GroupNames returns what trust groups are called, by id; nil where there are none.
	GroupNames func(ctx context.Context, groups policy.Groups) (map[string]string, error)
}

// New returns a publisher.
func New(c Config) *Publisher {
	if c.GroupNames == nil {
		c.GroupNames = func(context.Context, policy.Groups) (map[string]string, error) { return nil, nil }
	}
	return &Publisher{db: c.DB, objects: c.Objects, feed: c.Feed, members: c.Members, assets: c.Assets,
		log: c.Log, notify: c.Notify, groupNames: c.GroupNames}
}

// exclusion returns a function that reports why a value can never be an indicator
// here, and "" of one that can: what nodes leave out too, such as reserved ranges, and
// the community's own names and networks.
func (p *Publisher) exclusion(ctx context.Context) (func(event.Observable) string, error) {
	domains, networks, err := p.assets.Own(ctx)
	own := exclusion.CommunityAssets{Domains: domains, Networks: networks}
	return func(v event.Observable) string { return exclusion.Reason(v, own) }, err
}

// OnCase makes indicators of what was offered with a finding, once the finding
// is in a case.
func (p *Publisher) OnCase(tx *store.Tx, ev msg.CaseChanged) error {
	if ev.Finding == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO candidate_case (finding, case_id) VALUES ($1,$2) ON CONFLICT (finding) DO NOTHING`,
		ev.Finding, ev.Case)
	if err != nil {
		return err
	}
	return p.issue(tx, ev.Finding, ev.Case)
}

// OnCandidate makes an indicator of an offer whose finding is in a case; one
// that comes before its case waits for it.
func (p *Publisher) OnCandidate(tx *store.Tx, c msg.Candidate) error {
	cases, err := store.Query[string](tx, `SELECT case_id FROM candidate_case WHERE finding = $1`, c.Finding)
	if err != nil || len(cases) == 0 {
		return err
	}
	return p.issue(tx, c.Finding, cases[0])
}

// issue makes indicators of the unused candidates of a finding.
func (p *Publisher) issue(tx *store.Tx, finding, caseID string) error {
	list, err := store.Query[candidateRow](tx, `SELECT c.body, c.object FROM candidates c
		WHERE c.finding = $1 AND c.object = '' AND SCOPE(c) ORDER BY c.at, c.id`, finding)
	if err != nil || len(list) == 0 {
		return err
	}
	people, err := p.members.Active(tx.Context())
	if err != nil {
		return err
	}
	excluded, err := p.exclusion(tx.Context())
	if err != nil {
		return err
	}
	for _, row := range list {
		var c msg.Candidate
		if err := json.Unmarshal([]byte(row.Body), &c); err != nil {
			return err
		}
		// A node looks for itself, but it may be hostile, or not know yet whose
		// names these are. The answer to its offer is the same as to any.
		if c.Observable != nil {
			if why := excluded(*c.Observable); why != "" {
				if err := p.unusable(tx, c, errors.New(why)); err != nil {
					return err
				}
				continue
			}
		}
		if err := p.issueOne(tx, c, caseID, people); err != nil {
			return err
		}
	}
	return nil
}

// issueOne uses one candidate: for a new indicator, or for the one that there is already.
func (p *Publisher) issueOne(tx *store.Tx, c msg.Candidate, caseID string, people []identity.Member) error {
	kind, value := subjectOf(c)
	old, err := store.Query[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM objects o WHERE o.kind = $1
		AND o.value = $2 AND o.realm = $3 AND o.withdrawn = 0 AND SCOPE(o) ORDER BY o.made, o.id`, kind, value, c.Realm)
	if err != nil {
		return err
	}
	if c.Sigma != "" { // an id says nothing of what it stands for: anybody may write one
		old = slices.DeleteFunc(old, func(i indicator.Indicator) bool { return !i.SameRule(c.Sigma) })
	}
	id := ""
	if at := slices.IndexFunc(old, func(i indicator.Indicator) bool {
		return covers(i.Handling, c.Handling, people)
	}); at >= 0 {
		id = old[at].ID
	} else {
		o, row, err := p.build(c, tx.Now())
		if err != nil {
			return p.unusable(tx, c, err)
		}
		row.Case = caseID
		id = row.ID
		if err := row.Save(tx); err != nil {
			return err
		}
		if err := p.put(tx, o, row); err != nil {
			return err
		}
		ev := msg.IndicatorChanged{Indicator: id, Case: caseID, Finding: c.Finding,
			Entitled: len(feed.Entitled(people, row.Handling)), Made: true, At: tx.Now(), Handling: row.Handling}
		if err := tx.EmitIn(row.Handling.Owner, msg.TopicIndicator, "made:"+id, ev); err != nil {
			return err
		}
		tx.AfterCommitOnce(p, p.notify)
	}
	_, err = tx.Exec(`UPDATE candidates SET object = $1 WHERE id = $2 AND SCOPE(candidates)`, id, c.ID)
	return err
}

// put keeps an indicator, or a version of it, as the object that members get.
func (p *Publisher) put(tx *store.Tx, o *stix.Object, row indicator.Indicator) error {
	out, err := p.objects.Put(tx, []object.Item{{Object: o, Handling: row.Handling, Realm: row.Realm, Source: "cycle"}})
	if err == nil && out[0].Err != nil {
		err = fmt.Errorf("keep the indicator %s: %w", row.ID, out[0].Err)
	}
	return err
}

// covers reports whether an indicator that is there does for an offer: everybody
// who may get the offer has it, and who offers may see it. If not, another one is
// made of the same value; else a member could tell by what becomes of its own
// offer that somebody else has marked the value more strictly.
func covers(there, offer policy.Handling, people []identity.Member) bool {
	by := policy.Viewer{Member: offer.Owner, User: "any"}
	for _, p := range people {
		if p.ID == offer.Owner {
			by.Sector, by.Groups = p.Sector, p.Groups
		}
		if policy.MayReceive(p.Node(), offer) && !policy.MayReceive(p.Node(), there) {
			return false
		}
	}
	return policy.MaySee(by, there)
}

// unusable puts aside an offer that no valid indicator can be made of, so that
// it is not tried for ever.
func (p *Publisher) unusable(tx *store.Tx, c msg.Candidate, why error) error {
	p.log.Warn("an offer cannot become an indicator", slog.String("member", c.Member), slog.Any("err", why))
	_, err := tx.Exec(`UPDATE candidates SET object = 'unusable' WHERE id = $1 AND SCOPE(candidates)`, c.ID)
	return err
}
