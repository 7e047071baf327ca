package read

// duoShape recognises an authentication log of Cisco Duo (Admin API v2).
func duoShape(m map[string]any) (record, bool) {
	kind := str(m, "event_type")
	if kind != "authentication" && kind != "enrollment" || m["txid"] == nil || m["access_device"] == nil &&
		m["auth_device"] == nil {
		return record{}, false
	}
	r := record{product: "cisco", service: "duo"}
	r.time = firstTime(m, "isotimestamp", "timestamp")
	r.user = textAt(m, "user.name", "email")
	return r, true
}
