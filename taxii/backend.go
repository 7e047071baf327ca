package taxii

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Backend stores what a Server serves. Its methods are called by many goroutines at
// once, with the context that Config.Authenticate returned; who the caller is, and
// what of all this they may know, is the backend's to decide. What they may not know
// of is in no result, no count and no date: it is ErrNotFound like what is not there.
//
// A backend keeps two promises that pollers rely on:
//
//   - Positions rise in the order of the commits. When a record is visible, no record
//     with a lower position ever becomes visible later, other than by a change of what
//     the caller may see.
//   - Added rises with the position and is never the same for two records of a
//     collection, in whole microseconds.
type Backend interface {
	// Roots returns the names of the API roots, the default first. A name is the part
	// of the address behind the server's own.
	Roots(ctx context.Context) ([]string, error)

	// Root describes an API root. Versions and MaxContentLength are the server's.
	Root(ctx context.Context, root string) (Root, error)

	// Collections returns the collections of a root, always in the same order.
	Collections(ctx context.Context, root string) ([]Collection, error)

	// Records returns records in the order of their positions.
	Records(ctx context.Context, root, collection string, q Query) (Page, error)

	// Exists reports whether a collection has an object, in any version.
	Exists(ctx context.Context, root, collection, id string) (bool, error)

	// Add takes objects. Objects that are there already in this version and with the
	// same content are successes and change nothing. The status is kept for a day at
	// least, for this caller.
	Add(ctx context.Context, root, collection string, objects []Submission) (Status, error)

	// Status returns a status of Add, to the caller who added.
	Status(ctx context.Context, root, id string) (Status, error)

	// Delete removes an object from a collection, in the versions that f asks for.
	Delete(ctx context.Context, root, collection, id string, f Filter) error
}

// Query is which records are wanted.
type Query struct {
	Filter     Filter
	AddedAfter time.Time // strictly after; zero: from the start
	After      string    // position, strictly after; empty: from the start
	Limit      int       // most records, 1 or more
	Bytes      bool      // the objects themselves are wanted
}

// Record is one version of an object in a collection.
type Record struct {
	ID       string
	Version  string // modified, or created, or the date that the server gave it
	Added    time.Time
	Position string
	Object   json.RawMessage // if Query.Bytes
}

// Page is a part of the records of a collection.
type Page struct {
	Records []Record
	More    bool // there are more behind the last
	// High is the latest date up to which the caller has seen everything after this
	// page, if it has no records: the server's clock must not be guessed by clients.
	High time.Time
}

// Submission is an object that a client adds.
type Submission struct {
	Raw json.RawMessage
	// ID is the object's, or its place in the envelope if it has none that is text.
	ID string
	// Version is the object's modified, or created, as it is written; may be empty.
	Version string
}

// Errors of a Backend. Others are shown to nobody and answered with 500.
var (
	ErrNotFound  = errors.New("taxii: not found")
	ErrForbidden = errors.New("taxii: forbidden")
	ErrTooMany   = errors.New("taxii: too many requests")
)
