package read

// journalShape recognises a record of the systemd journal (journalctl -o json,
// and what collectors make of it): a message of syslog under other names.
func (d *Decoder) journalShape(m map[string]any, name string, hint Hint, depth int) (record, bool) {
	text, ok := m["MESSAGE"].(string)
	if !ok || m["_HOSTNAME"] == nil && m["__REALTIME_TIMESTAMP"] == nil && m["_BOOT_ID"] == nil {
		return record{}, false
	}
	h := header{priority: -1, text: clean(text)}
	h.host, h.app, h.pid = str(m, "_HOSTNAME"), firstText(m, "SYSLOG_IDENTIFIER", "_COMM"),
		firstText(m, "_PID", "SYSLOG_PID")
	h.time = firstTime(m, "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP")
	r := d.syslog(h, name, hint, depth)
	for k, v := range m {
		if k != "MESSAGE" {
			put(r.fields, k, v)
		}
	}
	return r, true
}
