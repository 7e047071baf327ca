package principal

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// Baselines hold the usual behaviour of accounts: when each signed in last, from which
// machines, and where that was. They show what no single event shows: that an account
// was unused for months, signs in from a machine that it never used, or cannot have
// travelled so fast. They may be used by several goroutines.
//
// What deviates is put into the event under names that Sigma rules can use; see
// Annotate.
type Baselines struct {
	resolver *Resolver
	places   *Places // nil: only what records say themselves
	max      int

	mu        sync.Mutex
	accounts  map[string]*baseline // under mu; by what Resolve returns
	forgotten int64
}

// baseline is the usual behaviour of one account.
type baseline struct {
	First   time.Time            `json:"first"`
	Last    time.Time            `json:"last"`
	Devices map[string]time.Time `json:"devices"` // when used last
	Place   *Place               `json:"place,omitempty"`
	At      time.Time            `json:"at,omitzero"`    // when it was there last,
	Since   time.Time            `json:"since,omitzero"` // since when,
	Left    time.Time            `json:"left,omitzero"`  // and when it was elsewhere last
}

// Bounds and thresholds.
const (
	maxDevices  = 64                   // of one account, the ones used last
	learning    = 7 * 24 * time.Hour   // an account must be known so long before a machine is new for it
	deviceLife  = 180 * 24 * time.Hour // a machine that was not used so long is new again
	nearbyKm    = 300                  // places are not known better than that
	leastTravel = time.Minute
)

// Fields that Annotate puts into an event.
const (
	FieldOutcome  = "meneki.outcome"   // text: success or failure
	FieldTarget   = "meneki.target"    // text: the machine that it signed in to, if it is one
	FieldAccount  = "meneki.account"   // text: the account, under the one name that all its names share
	FieldDevice   = "meneki.device"    // text: the machine that it came from, likewise
	FieldIdleDays = "meneki.idle_days" // number: days since it signed in before; absent the first time
	// true or false: it has not come from there before; absent while it is not known for a week
	FieldNewDevice = "meneki.new_device"
	// number: distance to where it signed in before, or, for an event that comes late, last; absent if a place is not
	// known
	FieldTravelKm  = "meneki.travel_km"
	FieldTravelKmh = "meneki.travel_kmh" // number: how fast that was; absent if less than 300 km
)

// NewBaselines returns empty Baselines for at most max accounts (500,000 if 0); the
// ones unused for the longest time are forgotten first. places may be nil.
func NewBaselines(resolver *Resolver, places *Places, max int) *Baselines {
	return &Baselines{resolver: resolver, places: places, max: cmp.Or(max, defaultEntries),
		accounts: map[string]*baseline{}}
}

// Category is the Sigma log source category that Annotate sets on sign-ins.
const Category = "authentication"

// Annotate checks whether the event is a sign-in, and if so puts who, from where and
// whether it succeeded into the event's fields, and for one that succeeded what
// is known of the account's usual behaviour. Rules find it under the category
// authentication. The event must not be shared yet. An event that comes again,
// or late, changes nothing that is newer.
func (h *Baselines) Annotate(ev *event.Event) (signIn bool) {
	s, ok := signInOf(ev)
	if !ok {
		return false
	}
	account := h.resolver.Resolve(s.account, ev.Time)
	if account == "" {
		return false
	}
	device := h.resolver.Resolve(s.device, ev.Time)
	place := s.place
	if place == nil && s.device.Kind == IP {
		place = h.places.Find(s.device.Text)
	}
	if !slices.Contains(ev.Categories, Category) {
		ev.Categories = append(slices.Clip(ev.Categories), Category)
	}
	ev.Fields[FieldAccount] = account
	ev.Fields[FieldOutcome] = "success"
	if s.failed {
		ev.Fields[FieldOutcome] = "failure"
	}
	if target := h.resolver.Resolve(s.target, ev.Time); target != "" {
		ev.Fields[FieldTarget] = target
	}
	if device != "" {
		ev.Fields[FieldDevice] = device
	}
	if s.failed {
		return true // anyone can fail under any name: that says nothing about the account
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.accounts[account]
	if a == nil {
		h.trim()
		a = &baseline{First: ev.Time, Last: ev.Time, Devices: map[string]time.Time{}}
		h.accounts[account] = a
	} else if ev.Time.After(a.Last) {
		ev.Fields[FieldIdleDays] = ev.Time.Sub(a.Last).Hours() / 24
		a.Last = ev.Time
	}
	if ev.Time.Before(a.First) {
		a.First = ev.Time
	}
	if device != "" {
		used, known := a.Devices[device]
		if ev.Time.Sub(a.First) >= learning {
			ev.Fields[FieldNewDevice] = !known || ev.Time.Sub(used) > deviceLife
		}
		if ev.Time.After(used) {
			a.Devices[device] = ev.Time
		}
		if len(a.Devices) > maxDevices {
			delete(a.Devices, slices.MinFunc(slices.Collect(maps.Keys(a.Devices)), func(x, y string) int {
				return cmp.Or(a.Devices[x].Compare(a.Devices[y]), cmp.Compare(x, y))
			}))
		}
	}
	if place != nil {
		a.travel(ev, *place)
	}
	return true
}

// travel writes into a sign-in how far and how fast the account came there, and
// notes that it is there. An event that comes late, but not again, is compared with
// where the account was next.
func (a *baseline) travel(ev *event.Event, to Place) {
	late := ev.Time.Before(a.At)
	if a.Place != nil && (!late || ev.Time.After(a.Left) && ev.Time.Before(a.Since)) {
		took := ev.Time.Sub(a.At)
		if late {
			took = a.Since.Sub(ev.Time)
		}
		km := a.Place.Distance(to)
		ev.Fields[FieldTravelKm] = math.Round(km)
		if km >= nearbyKm {
			ev.Fields[FieldTravelKmh] = math.Round(km / max(took, leastTravel).Hours())
		}
	}
	if late {
		return
	}
	if a.Place == nil || a.Place.Distance(to) >= nearbyKm {
		a.Left, a.Since = a.At, ev.Time
	}
	a.Place, a.At = &to, ev.Time
}

func (h *Baselines) trim() {
	if len(h.accounts) < h.max {
		return
	}
	names := slices.SortedFunc(
		maps.Keys(h.accounts),
		func(x, y string) int { return h.accounts[x].Last.Compare(h.accounts[y].Last) },
	)
	for _, n := range names[:max(1, len(names)/8)] {
		delete(h.accounts, n)
		h.forgotten++
	}
}

// Count returns how many accounts are known, and how many were forgotten because
// there was no room.
func (h *Baselines) Count() (accounts int, forgotten int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.accounts), h.forgotten
}
