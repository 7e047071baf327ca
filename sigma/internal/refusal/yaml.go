package refusal

import (
	"errors"
	"strings"
)

// YAML are the reasons about YAML that packages sigma and pipeline share.
var YAML = Table{
	"yaml.invalid":          "not valid YAML: %s",
	"yaml.documents":        "unexpected second document; end lines with LF and separate documents with ---",
	"yaml.none":             "not a YAML document",
	"yaml.asterisk":         "not valid YAML: a value that begins with * must stand in quotes: '*%s'",
	"yaml.hint.tabs":        "%s; indent with blanks, not tabs",
	"yaml.hint.quotes":      "%s; put values that begin with %%, @ or ` in quotes",
	"yaml.hint.backslashes": "%s; write backslashes within single quotes",
	"yaml.hint.colon":       "%s; put values that hold a colon and a blank in quotes",
	"yaml.aliases":          "more than %d YAML aliases",
	"yaml.key.kind":         "a key must be plain text",
	"yaml.key.merge":        "YAML merge keys (<<) are not supported; write the keys out",
	"yaml.key.duplicate":    "duplicate key %q",
	"yaml.type":             "YAML type %s is not supported",
	"yaml.utf8":             "text is not valid UTF-8",
	"yaml.kind.mapping":     "a mapping",
	"yaml.kind.list":        "a list",
	"yaml.kind.null":        "null",
	"yaml.kind.bool":        "true or false",
	"yaml.kind.number":      "a number",
	"yaml.kind.text":        "text",
	"yaml.file.large":       "file is larger than %d bytes",
	"yaml.file.utf8":        "file is not UTF-8; save it as UTF-8",
	"yaml.depth":            "nested deeper than %d levels",
	"yaml.values":           "more than %d values",
	"yaml.anchor":           "anchor '%s' value contains itself",
}

// Reader returns the error for a text of the YAML reader, which has no code but
// for one that names an anchor.
func Reader(text string) error {
	if name, ok := strings.CutPrefix(text, "anchor '"); ok {
		if name, ok = strings.CutSuffix(name, "' value contains itself"); ok {
			return YAML.New("yaml.anchor", name)
		}
	}
	return errors.New(text)
}
