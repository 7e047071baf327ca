package taxii

import (
	"encoding/json"
	"time"
)

// Discovery is what a server says of itself (section 4.1).
type Discovery struct {
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Contact     string   `json:"contact,omitempty"`
	Default     string   `json:"default,omitempty"`
	APIRoots    []string `json:"api_roots,omitempty"`
}

// Root is what a server says of an API root (section 4.2).
type Root struct {
	Title            string   `json:"title"`
	Description      string   `json:"description,omitempty"`
	Versions         []string `json:"versions"`
	MaxContentLength int64    `json:"max_content_length"`
}

// Collection is a set of objects that is read and written as one (section 5.2).
type Collection struct {
	ID          string   `json:"id"` // a UUID
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Alias       string   `json:"alias,omitempty"` // another name for ID in addresses
	CanRead     bool     `json:"can_read"`
	CanWrite    bool     `json:"can_write"`
	MediaTypes  []string `json:"media_types,omitempty"`
}

// Envelope carries objects (section 3.7).
type Envelope struct {
	More    bool              `json:"more,omitempty"`
	Next    string            `json:"next,omitempty"`
	Objects []json.RawMessage `json:"objects,omitempty"`
}

// ManifestEntry is what a manifest says of one version of an object (section 5.3).
type ManifestEntry struct {
	ID        string `json:"id"`
	DateAdded string `json:"date_added"`
	Version   string `json:"version"`
	MediaType string `json:"media_type,omitempty"`
}

// Manifest lists versions of objects without the objects. The specification has no
// next in it, but clients that page need one.
type Manifest struct {
	More    bool            `json:"more,omitempty"`
	Next    string          `json:"next,omitempty"`
	Objects []ManifestEntry `json:"objects,omitempty"`
}

// Versions lists the versions of one object (section 5.8).
type Versions struct {
	More     bool     `json:"more,omitempty"`
	Next     string   `json:"next,omitempty"`
	Versions []string `json:"versions,omitempty"`
}

// Status is how far objects that were added have been taken (section 4.3).
type Status struct {
	ID           string         `json:"id"`     // a UUID
	Status       string         `json:"status"` // complete or pending
	Requested    string         `json:"request_timestamp,omitempty"`
	TotalCount   int            `json:"total_count"`
	SuccessCount int            `json:"success_count"`
	Successes    []StatusDetail `json:"successes,omitempty"`
	FailureCount int            `json:"failure_count"`
	Failures     []StatusDetail `json:"failures,omitempty"`
	PendingCount int            `json:"pending_count"`
	Pendings     []StatusDetail `json:"pendings,omitempty"`
}

// The values of Status.Status.
const (
	Complete = "complete"
	Pending  = "pending"
)

// StatusDetail is what became of one object.
type StatusDetail struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Message string `json:"message,omitempty"`
}

// Error is an error message of a server (section 3.6). As an error of a handler or of
// a Client it says which HTTP status goes with it.
type Error struct {
	Title       string            `json:"title"`
	Description string            `json:"description,omitempty"`
	ErrorID     string            `json:"error_id,omitempty"`
	ErrorCode   string            `json:"error_code,omitempty"`
	HTTPStatus  string            `json:"http_status,omitempty"` // the HTTP status as text
	External    string            `json:"external_details,omitempty"`
	Details     map[string]string `json:"details,omitempty"`

	RetryAfter time.Duration `json:"-"` // of a Client: how long the server asks to wait
}

func (e *Error) Error() string {
	s := "taxii: " + e.Title
	if e.HTTPStatus != "" {
		s += " (" + e.HTTPStatus + ")"
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}

// dateAdded is how a date of this protocol is written: UTC with six digits of a second.
const dateAdded = "2006-01-02T15:04:05.000000Z"

// FormatDate returns a time as X-TAXII-Date-Added headers and manifests have it.
func FormatDate(t time.Time) string { return t.UTC().Format(dateAdded) }
