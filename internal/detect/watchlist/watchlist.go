// Package watchlist keeps very many observables (ten million and more) and says
// in a fraction of a microsecond whether an event holds one of them. Each entry
// keeps its marking, its source, the id it came under and its expiry. An entry
// matches exactly, as a network (CIDR), as a domain with all below it, or as the
// beginning of a URL that ends where a part of the URL ends.
//
// A List is a folder. Its entries lie in one sorted segment file; what changed
// since that was written is in memory and in a journal. Of the segment, memory
// holds a split-block Bloom filter (24 bits an entry), the first fingerprint of
// each block of about 4 kB, and the union of all networks: less than 4 bytes an
// entry together. The filter says "perhaps" to one foreign value in about seven
// thousands; that value's block is then read and compared, byte for byte, with
// what was asked for. So no false finding is possible, neither by the filter nor
// by two values of one fingerprint (64 bits of XXH3, with a seed of the folder's
// own that a list's author cannot know).
//
// Readers take no lock: they load one pointer to what is never changed. A change
// is journalled and synced before readers see it, and survives kill -9; a bulk
// Load is seen as a whole or not at all. Blocks, tables, journal and manifest
// carry CRC-32C; what is damaged is named by a *DamagedError.
//
// A folder belongs to one process at a time: the process that holds the lock of
// the data folder around it.
package watchlist

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Match says which values an entry matches.
type Match uint8

// The ways to match. The numbers are those of the files.
const (
	Exact   Match = iota // the value itself
	Tree                 // a domain and every domain below it
	Below                // every domain below it, and not the domain itself
	Prefix               // every URL that begins with it and goes on with a new part
	Network              // every address in it; said by the value's "/"
	matches
)

var matchNames = [matches]string{"exact", "tree", "below", "prefix", "network"}

// String is the name that ParseMatch reads.
func (m Match) String() string {
	if m < matches {
		return matchNames[m]
	}
	return "unknown"
}

// ParseMatch reads "exact", "tree" (or "suffix"), "below", "prefix" and
// "network" (or "cidr"), in any case.
func ParseMatch(s string) (Match, bool) {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "suffix":
		return Tree, true
	case "cidr":
		return Network, true
	}
	for i, n := range matchNames {
		if n == s {
			return Match(i), true
		}
	}
	return 0, false
}

// Entry is one observable that is watched for.
type Entry struct {
	Type       event.ObservableType
	Match      Match
	Value      string     // canonical; see Canonical
	Source     string     // who says so: a feed, a member
	ID         string     // under which the source knows it: a STIX id, a MISP UUID; may be ""
	TLP        policy.TLP // no label counts as RED
	ValidUntil time.Time  // from then on it no longer matches; zero: no end. Kept to the microsecond.
}

// Key is what makes an entry the same as another one: adding it again replaces
// its marking and expiry. Two sources may watch for one value.
type Key struct {
	Type   event.ObservableType
	Match  Match
	Value  string
	Source string
	ID     string
}

// Key returns the entry's key.
func (e Entry) Key() Key { return Key{e.Type, e.Match, e.Value, e.Source, e.ID} }

// Hit is an entry that an observable met.
type Hit struct {
	Observable event.Observable
	Entry      Entry
}

const (
	maxValue = 4096 // bytes of a value, as in internal/event
	maxName  = 512  // bytes of a source's name and of an id
)

// Check returns e in the form in which it is kept: value canonical, a network's
// Match set, no label made RED. It refuses what could not be matched as it says,
// and what would match nearly everything: networks wider than /8 (IPv4) and /16
// (IPv6), and domains under which the public registers (co.jp) as a tree. The
// error is a fault.Invalid.
func Check(e Entry) (Entry, error) {
	k := kindOf(e.Type)
	if k == 0 {
		return e, refuse(i18n.T("there is no observable type {0}", "観測値の型 {0} はありません").With(e.Type))
	}
	v, ok := Canonical(e.Type, e.Value)
	if !ok {
		return e, refuse(i18n.T("{0} is not a value of type {1}", "{0} は型 {1} の値ではありません").With(quoted(e.Value), e.Type))
	}
	e.Value = v
	if (k == kindIPv4 || k == kindIPv6) && strings.IndexByte(v, '/') >= 0 {
		if e.Match != Exact && e.Match != Network {
			return e, refuse(i18n.T("{0} is a network and cannot match as {1}",
				"{0} はネットワークであり、{1} としては照合できません").With(v, e.Match))
		}
		e.Match = Network
	} else if e.Match == Network {
		if k != kindIPv4 && k != kindIPv6 {
			return e, refuse(i18n.T("a value of type {0} is no network", "型 {0} の値はネットワークではありません").With(e.Type))
		}
		e.Match = Exact // a network of one address
	}
	if err := shapeOf(k, e.Match, v); err != nil {
		return e, err
	}
	switch {
	case e.Source == "":
		return e, refuse(i18n.T("{0} has no source", "{0} に出所がありません").With(quoted(v)))
	case len(e.Source) > maxName || !utf8.ValidString(e.Source):
		return e, refuse(i18n.T("the source's name is not UTF-8 of at most {0} bytes",
			"出所の名前は {0} バイト以内の UTF-8 でなければなりません").With(maxName))
	case len(e.ID) > maxName || !utf8.ValidString(e.ID):
		return e, refuse(i18n.T("the id is not UTF-8 of at most {0} bytes",
			"ID は {0} バイト以内の UTF-8 でなければなりません").With(maxName))
	}
	e.TLP = e.TLP.OrRed()
	if !e.ValidUntil.IsZero() {
		us := e.ValidUntil.UnixMicro()
		if us <= 0 {
			us = 1 // before 1970 is over, and not "no end"
		}
		e.ValidUntil = time.UnixMicro(us).UTC()
	}
	return e, nil
}

// DamagedError says that a file of the list is not as it was written.
type DamagedError struct {
	File   string
	Offset int64 // where, in bytes
	Reason string
}

// Error is one line with the file's name and the place.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("watchlist: %s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}

// refuse says why something cannot be watched for.
func refuse(why i18n.Text) error { return fault.New(fault.Invalid, why) }

// quoted keeps foreign text short and plain in a message.
func quoted(s string) string { return strconv.QuoteToGraphic(event.Clip(s, 120)) }
