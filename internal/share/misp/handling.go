package misp

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Handling returns what an event's own marking says: its TLP tags and its distribution,
// the strictest of them. The owner is for the caller to set.
//
//	distribution            without a TLP tag
//	0 own organisation      AMBER+STRICT: the owner and the hub
//	1 this community        AMBER, to the community
//	2, 3 others too         GREEN
//	4 a sharing group       AMBER, to the parties that groups knows for it; else as 0
//	none, or unknown        as 0
//
// A TLP tag can make it stricter, and says more than distribution 3 where both are there,
// so that tlp:clear is CLEAR. AMBER+STRICT and RED are for whom it was given, which is the
// hub: no distribution widens them. A tag that begins with tlp: and is no label is RED,
// and so is one of FIRST IEP.
func (e *Event) Handling(groups Groups) policy.Handling {
	h, _ := e.mark(nil).handling(groups)
	return h
}

// Groups returns the parties of a sharing group by its uuid, or ok false if it is not
// known here. Nil knows none.
type Groups func(uuid string) (parties policy.Audience, ok bool)

// The distributions of MISP.
const (
	ownOrganisation  = 0
	thisCommunity    = 1
	connected        = 2
	allCommunities   = 3
	sharingGroup     = 4
	inherit          = 5
	none             = -1
	unknownDistribut = -2
)

// mark is what a thing of MISP says of its handling.
type mark struct {
	tlp          policy.TLP // 0: no TLP tag
	distribution int
	group        string
	odd          []string // tags of tlp: that are no labels
}

func labelOf(tag string) (t policy.TLP, is, ok bool) {
	lower := strings.ToLower(tag)
	if strings.HasPrefix(lower, "iep:") || strings.HasPrefix(lower, "iep2-policy:") {
		return policy.Red, true, false // a tag cannot hold all that a policy of FIRST says
	}
	if !strings.HasPrefix(lower, "tlp:") {
		return 0, false, false
	}
	t, ok = policy.ParseTLP(lower)
	return t, true, ok
}

func distributionOf(m map[string]any) int {
	if text(m, "distribution") == "" {
		return none
	}
	n, ok := number(m, "distribution")
	if !ok || n < ownOrganisation || n > inherit {
		return unknownDistribut
	}
	return int(n)
}

func markOf(fields map[string]any) mark {
	k := mark{distribution: distributionOf(fields)}
	for _, tag := range tags(fields) {
		t, is, ok := labelOf(tag)
		if !is {
			continue
		}
		k.tlp = max(k.tlp, t.OrRed())
		if !ok {
			k.odd = append(k.odd, tag)
		}
	}
	if k.distribution == sharingGroup {
		g, _ := fields["SharingGroup"].(map[string]any)
		k.group = uuidOf(g)
	}
	return k
}

// mark is the event's mark; of a part of it, the part's fields say more.
func (e *Event) mark(parts []map[string]any) mark {
	k := markOf(e.Fields)
	for _, fields := range parts {
		if fields != nil {
			k = k.and(markOf(fields))
		}
	}
	return k
}

// and is the mark of a part of a thing: the strictest of both.
func (k mark) and(part mark) mark {
	out := mark{tlp: max(k.tlp, part.tlp), distribution: k.distribution, group: k.group,
		odd: append(slices.Clone(k.odd), part.odd...)}
	order := []int{unknownDistribut, ownOrganisation, sharingGroup, thisCommunity, connected, allCommunities}
	switch {
	case part.distribution == inherit || part.distribution == none:
		return out
	case k.distribution == none || k.distribution == inherit:
		out.distribution, out.group = part.distribution, part.group
		if k.distribution == none && k.tlp == 0 {
			out.distribution = ownOrganisation // the event says nothing, and a part says no more than it
		}
	case k.distribution == sharingGroup && part.distribution == sharingGroup && k.group != part.group:
		out.distribution = ownOrganisation
	case slices.Index(order, part.distribution) < slices.Index(order, k.distribution):
		out.distribution, out.group = part.distribution, part.group
	}
	return out
}

// handling returns what a mark means, and what of it was not understood.
func (k mark) handling(groups Groups) (h policy.Handling, odd i18n.Text) {
	for _, tag := range k.odd {
		odd = i18n.T("the tag {0} is not understood: handled as TLP:RED", "タグ {0} を解釈できないため、TLP:RED として扱います").
			With(clip(tag))
	}
	community := policy.Audience{policy.Community}
	switch k.distribution {
	case thisCommunity:
		h = policy.Handling{TLP: policy.Amber, Audience: community}
	case connected, allCommunities:
		h = policy.Handling{TLP: policy.Green, Audience: community}
		if k.distribution == allCommunities && k.tlp != 0 {
			h.TLP = policy.Clear
		}
	case sharingGroup:
		h = policy.Handling{TLP: policy.AmberStrict}
		if groups != nil {
			if parties, ok := groups(k.group); ok {
				h = policy.Handling{TLP: policy.Amber, Audience: parties}
			}
		}
		if h.TLP == policy.AmberStrict {
			odd = i18n.T("the sharing group is not known here: the owner and the hub alone",
				"この共有グループは登録されていないため、所有者とハブだけが閲覧できます")
		}
	case none, inherit:
		h.TLP = policy.AmberStrict
		if k.tlp != 0 {
			h.TLP = k.tlp
		}
	case unknownDistribut:
		h.TLP = policy.AmberStrict
		odd = i18n.T("the distribution is not known: the owner and the hub alone",
			"配布範囲を解釈できないため、所有者とハブだけが閲覧できます")
	default:
		h.TLP = policy.AmberStrict
	}
	if h.TLP = max(h.TLP, k.tlp); h.TLP != policy.Amber {
		h.Audience = nil
	}
	return h, odd
}
