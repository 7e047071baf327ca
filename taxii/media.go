package taxii

import (
	"mime"
	"strconv"
	"strings"
)

// MediaType is the media type of every TAXII 2.1 message.
const MediaType = "application/taxii+json;version=2.1"

// MediaSTIX is the media type of STIX 2.1 objects, as collections and manifests name it.
const MediaSTIX = "application/stix+json;version=2.1"

const (
	plainTAXII = "application/taxii+json"
	plainSTIX  = "application/stix+json"
)

// acceptable reports whether an Accept header lets TAXII 2.1 be the answer. Without
// one everything is acceptable. A manifest may be asked for as STIX beside TAXII
// (section 5.3), which is answered in TAXII too.
func acceptable(headers []string) bool {
	if len(headers) == 0 {
		return true
	}
	for _, part := range splitOutsideQuotes(strings.Join(headers, ",")) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if q, ok := params["q"]; ok {
			if f, err := strconv.ParseFloat(q, 64); err == nil && f == 0 {
				continue
			}
		}
		switch kind {
		case "*/*", "application/*":
			return true
		case plainTAXII:
			if v, ok := params["version"]; !ok || v == "2.1" {
				return true
			}
		}
	}
	return false
}

// isTAXII reports whether a Content-Type is TAXII 2.1, or TAXII without a version.
func isTAXII(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != plainTAXII {
		return false
	}
	v, ok := params["version"]
	return !ok || v == "2.1"
}

// splitOutsideQuotes splits a header at the commas that are not in quoted strings.
func splitOutsideQuotes(s string) (parts []string) {
	quoted, escaped, from := false, false, 0
	for i := range len(s) {
		switch c := s[i]; {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}
