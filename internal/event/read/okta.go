package read

// oktaShape recognises an event of Okta's System Log (developer.okta.com, "System
// Log API", LogEvent).
func oktaShape(m map[string]any) (record, bool) {
	if str(m, "eventType") == "" || m["published"] == nil || sub(m, "actor") == nil || sub(m, "outcome") == nil {
		return record{}, false
	}
	r := record{product: "okta", service: "okta"}
	r.time = firstTime(m, "published")
	r.user = textAt(m, "actor.alternateId", "actor.displayName", "actor.id")
	return r, true
}
