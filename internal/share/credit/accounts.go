package credit

import (
	"cmp"
	"slices"
	"time"
)

// pair is who confirmed whom.
type pair struct{ by, giver string }

// word is one confirmation that counts: what it is worth before it is damped.
type word struct {
	object string
	worth  float64
}

// books is what Accounts works on.
type books struct {
	rules    Rules
	now      time.Time
	voice    func(string) string
	trust    Trust
	gifts    map[string]Gift                    // by object, the earliest of each
	first    map[string]string                  // by value, the object that was given first
	verdicts map[string]Verdict                 // by object, the earliest
	said     map[string]map[string]Confirmation // by object and by whom, the best word of each
	spoke    map[string]int                     // how many objects each member confirmed
	pairs    map[pair]int                       // and how many of each other member's
}

// Accounts returns what each member has earned at a time, by how much the words of those who
// confirmed count. Members of the ledger without any gift have an empty account.
func Accounts(l Ledger, r Rules, t Trust, now time.Time) map[string]Account {
	b := open(l, r, t, now)
	lines := map[string]*Line{}
	for id, g := range b.gifts {
		lines[id] = b.line(g)
	}
	for p, list := range b.words(lines) {
		slices.SortFunc(list, func(x, y word) int {
			return cmp.Or(cmp.Compare(y.worth, x.worth), cmp.Compare(x.object, y.object))
		})
		counts := t.counts(p)
		for _, w := range list {
			lines[w.object].Points += points(counts * w.worth)
			counts *= r.Repeat
		}
	}
	out := map[string]Account{}
	for _, m := range l.Members {
		out[m.ID] = Account{Member: m.ID}
	}
	for id, line := range lines {
		a := out[b.gifts[id].Giver]
		a.Member = b.gifts[id].Giver
		a.Given++
		switch {
		case line.Kind == Mistaken:
			a.Mistakes++
		case line.Points > 0:
			a.Confirmed++
		}
		a.Lines = append(a.Lines, *line)
		out[a.Member] = a
	}
	for by, list := range b.corrections() {
		a := out[by]
		a.Member, a.Lines = by, append(a.Lines, list...)
		out[by] = a
	}
	for id, a := range out {
		for _, line := range a.Lines {
			a.Points += line.Points
		}
		a.Points = max(a.Points, 0)
		slices.SortFunc(a.Lines, func(x, y Line) int {
			return cmp.Or(cmp.Compare(y.Points.abs(), x.Points.abs()), y.At.Compare(x.At),
				cmp.Compare(x.Object, y.Object), cmp.Compare(x.Kind, y.Kind))
		})
		out[id] = a
	}
	return out
}

func (p Points) abs() Points { return max(p, -p) }

// open reads a ledger so that its order and its repetitions do not matter.
func open(l Ledger, r Rules, t Trust, now time.Time) *books {
	b := &books{rules: r, now: now, voice: voices(l.Members, r), trust: t, gifts: map[string]Gift{},
		first: map[string]string{}, verdicts: map[string]Verdict{}, said: map[string]map[string]Confirmation{},
		spoke: map[string]int{}, pairs: map[pair]int{}}
	for _, g := range l.Gifts {
		g.Value = cmp.Or(g.Value, g.Object)
		if had, ok := b.gifts[g.Object]; !ok || before(g, had) {
			b.gifts[g.Object] = g
		}
	}
	for id, g := range b.gifts {
		if had, ok := b.first[g.Value]; !ok || before(g, b.gifts[had]) {
			b.first[g.Value] = id
		}
	}
	for _, v := range l.Verdicts {
		had, ok := b.verdicts[v.Object]
		if !ok || cmp.Or(v.At.Compare(had.At), cmp.Compare(v.By, had.By)) < 0 {
			b.verdicts[v.Object] = v
		}
	}
	for _, c := range l.Confirmations {
		g, ok := b.gifts[c.Object]
		if !ok || b.voice(c.By) == b.voice(g.Giver) {
			continue
		}
		if b.said[c.Object] == nil {
			b.said[c.Object] = map[string]Confirmation{}
		}
		had, ok := b.said[c.Object][c.By]
		if !ok || c.InTime && !had.InTime || c.InTime == had.InTime && c.At.After(had.At) {
			b.said[c.Object][c.By] = c
		}
		if !ok {
			b.spoke[c.By]++
			b.pairs[pair{c.By, g.Giver}]++
		}
	}
	return b
}

// before reports whether a gift counts as given before another.
func before(a, b Gift) bool {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Giver, b.Giver)) < 0
}

// fades returns what is left of something that happened at a time.
func (b *books) fades(at time.Time) float64 {
	return b.rules.left(b.now.Sub(at))
}

// line returns what becomes of a gift, without the points that confirmations give.
func (b *books) line(g Gift) *Line {
	line := &Line{Object: g.Object, At: g.At, Kind: Unconfirmed, Quorum: b.rules.Quorum}
	voices := map[string]bool{}
	for by, c := range b.said[g.Object] {
		if b.trust.Standing[by] == 0 {
			continue
		}
		line.Members++
		if c.InTime {
			line.InTime++
		}
		voices[b.voice(by)] = true
	}
	v, wrong := b.verdicts[g.Object]
	switch {
	case wrong:
		line.Kind, line.At = Mistaken, v.At
		line.Points = -points(b.rules.Mistake * b.fades(v.At))
	case g.Warned:
		line.Kind = Harmless
	case b.first[g.Value] != g.Object:
		line.Kind = Later
	case len(voices) >= b.rules.Quorum:
		line.Kind = Confirmed
	}
	return line
}

// words returns the confirmations that count, by who confirmed whom.
func (b *books) words(lines map[string]*Line) map[pair][]word {
	out := map[pair][]word{}
	for object, said := range b.said {
		if lines[object].Kind != Confirmed {
			continue
		}
		for by, c := range said {
			if b.trust.Standing[by] == 0 {
				continue
			}
			worth := b.fades(c.At)
			if !c.InTime {
				worth *= b.rules.Late
			}
			p := pair{by, b.gifts[object].Giver}
			out[p] = append(out[p], word{object, worth})
		}
	}
	return out
}

// corrections returns what members earn by mistakes that they found: as their word counts,
// and each further one less, whoever made the mistake.
func (b *books) corrections() map[string][]Line {
	by := map[string][]Verdict{}
	for _, v := range b.verdicts {
		if g, ok := b.gifts[v.Object]; ok && v.By != "" && b.voice(v.By) != b.voice(g.Giver) {
			by[v.By] = append(by[v.By], v)
		}
	}
	out := map[string][]Line{}
	for id, list := range by {
		slices.SortFunc(list, func(x, y Verdict) int {
			return cmp.Or(y.At.Compare(x.At), cmp.Compare(x.Object, y.Object))
		})
		counts := b.rules.Correction * float64(b.trust.Standing[id]) / Whole
		for _, v := range list {
			out[id] = append(out[id], Line{Object: v.Object, At: v.At, Kind: Correction,
				Points: points(counts * b.fades(v.At))})
			counts *= b.rules.Repeat
		}
	}
	return out
}
