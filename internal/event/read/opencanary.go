package read

import "github.com/meneki/meneki/internal/event"

// canaryShape recognises an alert of OpenCanary, a honeypot. Its local_time is that
// of the machine; newer versions write utc_time and local_time_adjusted too.
func canaryShape(m map[string]any) (record, bool) {
	_, ok := event.WholeOf(m["logtype"])
	if !ok || m["node_id"] == nil || m["logdata"] == nil || m["local_time"] == nil &&
		m["utc_time"] == nil {
		return record{}, false
	}
	r := record{product: "opencanary", categories: []string{"application"}}
	r.time = firstTime(m, "utc_time", "local_time")
	r.host = firstText(m, "node_id")
	r.user = textAt(m, "logdata.USERNAME")
	return r, true
}
