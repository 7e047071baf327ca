package principal

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Lease says that an address was a machine's for a while.
type Lease struct {
	Host        string    `json:"host"` // as Machine reads it
	From, Until time.Time // from From on, and before Until
	Claimed     bool      `json:"claimed,omitempty"` // the machine says so itself
}

// leased returns whose an address was. One that machines claim in turns belongs
// to none: each has it on a network of its own, behind a router at home or a
// virtual switch.
func (b *Resolver) leased(ip string, at time.Time) (host string, ok bool) {
	list := b.leases[ip]
	if inTurns(list, at) {
		return "", false
	}
	i, exact := slices.BinarySearchFunc(list, at, func(o Lease, t time.Time) int { return o.From.Compare(t) })
	if !exact {
		i--
	}
	for ; i >= 0; i-- {
		if at.Before(list[i].Until) {
			return list[i].Host, true
		}
		if i > 0 && list[i-1].Host != list[i].Host {
			break // the next one had it after that
		}
	}
	return "", false
}

// inTurns reports whether a machine claimed the address, then another, and then
// the first again, and all of these hold.
func inTurns(list []Lease, at time.Time) bool {
	before := map[string]bool{}
	last := ""
	for _, l := range list {
		if l.From.After(at) {
			break
		}
		if !l.Claimed || !at.Before(l.Until) || l.Host == last {
			continue
		}
		if before[l.Host] {
			return true
		}
		last, before[l.Host] = l.Host, true
	}
	return false
}

// AddLease says that an address is a machine's from a time on, for so long; for
// Options.Lease if d is 0. A later lease ends an earlier one.
func (b *Resolver) AddLease(ip, host Name, from time.Time, d time.Duration) {
	b.lend(ip, host, from, d, false)
}

// Claim says that a machine used an address as its own. It counts as a lease of
// Options.Lease, unless another machine claims the address in turns with it.
func (b *Resolver) Claim(ip, host Name, at time.Time) { b.lend(ip, host, at, 0, true) }

func (b *Resolver) lend(ip, host Name, from time.Time, d time.Duration, claimed bool) {
	if a, err := netip.ParseAddr(ip.Text); err != nil || a.IsLinkLocalUnicast() {
		return // every machine may have it at once
	}
	if ip.Kind != IP || host.Kind != Host && host.Kind != FQDN || from.IsZero() {
		return
	}
	d = min(cmp.Or(max(d, 0), b.opts.Lease), 400*24*time.Hour)
	l := Lease{Host: host.Text, From: from.UTC(), Until: from.Add(d).UTC(), Claimed: claimed}
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.leases[ip.Text]
	i, _ := slices.BinarySearchFunc(list, l.From, func(o Lease, t time.Time) int { return o.From.Compare(t) })
	if list == nil && len(b.leases) >= b.opts.MaxEntries {
		b.expire()
	}
	list = slices.Insert(list, i, l)
	if len(list) > maxLeases {
		list = slices.Delete(list, 0, 1)
	}
	b.leases[ip.Text] = list
}

// expire removes the eighth of the addresses whose last lease ended first.
func (b *Resolver) expire() {
	type last struct {
		ip    string
		until time.Time
	}
	all := make([]last, 0, len(b.leases))
	for ip, l := range b.leases {
		all = append(all, last{ip, l[len(l)-1].Until})
	}
	slices.SortFunc(all, func(x, y last) int { return x.until.Compare(y.until) })
	for _, l := range all[:max(1, len(all)/8)] {
		delete(b.leases, l.ip)
		b.stats.Forgotten++
	}
}
