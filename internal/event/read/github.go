package read

import (
	"strings"

	"github.com/meneki/meneki/internal/event"
)

// githubShape recognises an event of the audit log of a GitHub organisation or
// enterprise (docs.github.com, "Audit log events"), exported or streamed.
func githubShape(m map[string]any) (record, bool) {
	action := str(m, "action")
	if m["actor"] == nil || !strings.ContainsRune(action, '.') {
		return record{}, false
	}
	_, number := event.WholeOf(m["@timestamp"])
	_, created := event.WholeOf(m["created_at"])
	if str(m, "_document_id") == "" && (!number || !created) || !number && !created {
		return record{}, false
	}
	r := record{product: "github", service: "audit"}
	r.time = firstTime(m, "@timestamp", "created_at")
	r.user = firstText(m, "actor", "user")
	return r, true
}
