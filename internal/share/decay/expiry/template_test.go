package expiry_test

import (
	"io/fs"
	"testing/fstest"
)

// panelTemplates is a page that shows panels and nothing else.
func panelTemplates() fs.FS {
	return fstest.MapFS{"templates/test.html": {Data: []byte(`{{define "test/panels"}}{{panels . "main"}}{{end}}`)}}
}
