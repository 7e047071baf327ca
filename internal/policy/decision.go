package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/i18n"
)

// Decision is how one thing is to be handled, of all markings that it has: who may see it,
// what those may do with it, and what else they are bound to. But for the label, zero
// values bind to nothing.
type Decision struct {
	Handling    Handling    `json:"handling"`
	PAP         PAP         `json:"pap,omitempty"`
	Attribution Attribution `json:"attribution,omitempty"`
	Encrypt     bool        `json:"encrypt,omitempty"`   // only over connections that are encrypted
	NoNotice    bool        `json:"no_notice,omitempty"` // affected parties are not to be told
	NoResale    bool        `json:"no_resale,omitempty"` // not to be sold on
	// Until is when the first of the markings ends, and the thing becomes RED; zero: never.
	Until time.Time `json:"until,omitzero"`
	Terms []string  `json:"terms,omitempty"` // statements, such as of copyright, that go along with it
	// Why says, for each marking that counted, what it asks for. It is sorted by its English.
	Why []i18n.Text `json:"-"`
}

// Attribution is whether those who pass a thing on may say who gave it. Greater discloses
// less.
type Attribution int

// The kinds of attribution.
const (
	MayAttribute Attribution = iota
	MustAttribute
	MustNotAttribute
)

// MostRestrictive is how a thing is handled of whose markings one is not understood.
func MostRestrictive(owner string) Decision {
	return Decision{Handling: Handling{TLP: Red, Owner: owner}, PAP: Hold, Attribution: MustNotAttribute,
		Encrypt: true, NoNotice: true, NoResale: true}
}

// Combine returns a decision that is as strict as both in everything: nobody may see or do
// by it what either forbids. The order of its arguments makes no difference. Markings of
// different owners leave a thing nobody's, and RED.
func Combine(a, b Decision) Decision {
	d := Decision{
		Handling: Handling{TLP: Strictest(a.Handling.TLP, b.Handling.TLP), Owner: a.Handling.Owner,
			Audience: both(a.Handling.Audience, b.Handling.Audience)},
		PAP:         max(a.PAP.orHold(), b.PAP.orHold()),
		Attribution: max(a.Attribution, b.Attribution),
		Encrypt:     a.Encrypt || b.Encrypt,
		NoNotice:    a.NoNotice || b.NoNotice,
		NoResale:    a.NoResale || b.NoResale,
		Until:       sooner(a.Until, b.Until),
		Terms:       union(a.Terms, b.Terms, cmp.Compare[string]),
		Why: union(a.Why, b.Why, func(x, y i18n.Text) int {
			return cmp.Or(cmp.Compare(x.EN, y.EN), cmp.Compare(x.JA, y.JA))
		}),
	}
	if a.Handling.Owner != b.Handling.Owner {
		d.Handling = Handling{TLP: Red}
	}
	return d
}

// At returns the decision at a time: what has ended is not understood any more, since what
// its owner wants from then on was not said.
func (d Decision) At(now time.Time) Decision {
	if d.Until.IsZero() || now.Before(d.Until) {
		return d
	}
	ended := MostRestrictive(d.Handling.Owner)
	ended.Until = d.Until
	ended.Why = []i18n.Text{i18n.T("its policy ended at {0}; what holds since then was not said, so it is RED",
		"ポリシーの期限は {0} です。その後の取扱いが示されていないため、RED として扱います").With(d.Until.UTC().Format(time.RFC3339))}
	return Combine(d, ended)
}

// both returns the recipients that are in both audiences. A community that a sector, a
// group or a member stands beside is the narrower of both.
func both(a, b Audience) Audience {
	var out Audience
	keep := func(from, other Audience) {
		for _, t := range from {
			member := t != Coordinators && !isUser(t)
			if slices.Contains(other, t) || member && slices.Contains(other, Community) {
				out = append(out, t)
			}
		}
	}
	keep(a, b)
	keep(b, a)
	slices.Sort(out)
	return slices.Compact(out)
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func union[T comparable](a, b []T, compare func(T, T) int) []T {
	out := slices.Concat(a, b)
	slices.SortFunc(out, compare)
	return slices.Compact(out)
}
