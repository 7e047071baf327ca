package read

// oneLoginShape recognises an event of OneLogin's Events API or of its webhooks.
func oneLoginShape(m map[string]any) (record, bool) {
	if m["event_type_id"] == nil || m["account_id"] == nil {
		return record{}, false
	}
	_, actor := m["actor_user_id"]
	_, system := m["actor_system"]
	if m["created_at"] == nil && m["event_timestamp"] == nil || !actor && !system {
		return record{}, false
	}
	r := record{product: "onelogin", service: "onelogin.events"}
	r.time = firstTime(m, "event_timestamp", "created_at")
	r.user = firstText(m, "user_name", "actor_user_name")
	return r, true
}
