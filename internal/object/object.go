// Package object keeps STIX objects: every version of each, byte for byte as it was
// given, with who may see it. Objects are found by id, by the observables that they are
// about and by the objects that they refer to, and they are read in one order.
//
// That order is the order of the commits. A position is a time in microseconds that no
// two versions have; when one is visible, no lower one ever becomes visible later, but
// for a change of what the reader may see. So paging, synchronisation and pushing all
// go by it, and whoever is at a position has missed nothing before it.
//
// Who may see an object is decided by the store's scope, as everywhere. So that a page
// does not cost what everybody else's objects cost, objects that the same viewers may
// see are in one stream, and a page is read from the streams of its viewer.
package object

import (
	"embed"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql
var files embed.FS

// Migration is the tables of the objects.
func Migration() store.Migration { return store.Migration{Name: "object", FS: files} }

// Object is one version of an object as it is stored.
type Object struct {
	N        int64           `db:"n"`
	Realm    string          `db:"realm"`
	ID       string          `db:"id"`
	Seq      int64           `db:"seq"`
	Stream   int64           `db:"stream"`
	Modified time.Time       `db:"modified"` // the version; when it came, of an object without versions
	Version  string          `db:"version"`  // the same as it is written
	Flags    Flags           `db:"flags"`
	Body     []byte          `db:"body"`
	Handling policy.Handling `db:",handling"`
}

// Added is when the version became visible to those who may see it.
func (o Object) Added() time.Time { return time.UnixMicro(o.Seq).UTC() }

// Flags are properties of a version that lists ask for.
type Flags int

// The flags.
const (
	Revoked     Flags = 1 << iota
	Unversioned       // the object has neither modified nor created
	First             // the earliest version
	Held              // see Item.Held
)

// columns are those of Object, of the table with the alias o.
const columns = "o.n, o.realm, o.id, o.seq, o.stream, o.modified, o.version, o.flags, o.body, " +
	"o.tlp, o.owner, o.audience"
