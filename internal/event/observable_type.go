package event

// Live is the realm of real work; any other realm is the id of an exercise.
const Live = "live"

// ObservableType is a kind of value worth matching, as STIX names its type or
// its hash algorithm.
type ObservableType string

// The observable types.
const (
	IPv4   ObservableType = "ipv4-addr"
	IPv6   ObservableType = "ipv6-addr"
	Domain ObservableType = "domain-name"
	URL    ObservableType = "url"
	Email  ObservableType = "email-addr"
	MD5    ObservableType = "MD5"
	SHA1   ObservableType = "SHA-1"
	SHA256 ObservableType = "SHA-256"
)

// Observable is one value worth matching, in its canonical form: addresses as
// netip writes them, domains in lower-case A-label form, hashes in lower-case
// hexadecimal.
type Observable struct {
	Type  ObservableType `json:"type"`
	Value string         `json:"value"`
}
