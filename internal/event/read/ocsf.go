package read

import (
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// ocsfShape recognises an event of the Open Cybersecurity Schema Framework 1.x
// (schema.ocsf.io): its class and activity determine the Sigma categories, the
// operating system of its device the product. Fields keep their names: rules
// reach them through the pipeline ocsf.
func ocsfShape(m map[string]any) (record, bool) {
	v := func(field string) any { x, _ := sigma.LookupIn(m, field); return x }
	class, ok := event.WholeOf(v("class_uid"))
	if !ok || v("metadata.version") == nil && v("category_uid") == nil && v("metadata.product.name") == nil {
		return record{}, false
	}
	activity, _ := event.WholeOf(v("activity_id"))
	r := record{fields: m, known: true}
	r.time = firstTime(m, "time_dt", "time")
	r.host = firstOf(v, "device.hostname", "device.name", "dst_endpoint.hostname")
	r.user = firstOf(v, "user.name", "actor.user.name", "process.user.name")
	switch id, _ := event.WholeOf(v("device.os.type_id")); id { // object os, type_id
	case 100, 101:
		r.product = "windows"
	case 200, 201:
		r.product = "linux"
	case 300, 301, 302:
		r.product = "macos"
	default:
		r.product = systemProduct(firstOf(v, "device.os.type", "device.os.name"),
			firstOf(v, "process.file.path", "actor.process.file.path", "file.path", "module.file.path"))
	}
	r.categories = ocsfCategories[[2]int64{class, activity}]
	switch class {
	case 201001, 201002: // every activity on a registry key or value
		if r.product == "" {
			r.product = "windows"
		}
		r.categories = append([]string{"registry_event"}, r.categories...)
	case 3002:
		if r.product == "windows" {
			r.service = "security"
		}
	case 4001:
		if v("actor.process") == nil {
			r.categories = []string{"firewall"} // seen on the wire, not at an endpoint
		}
	case 4003:
		if v("actor.process") == nil {
			r.categories = []string{"dns"}
		} else {
			r.categories = []string{"dns_query"}
		}
	}
	return r, true
}

// ocsfCategories maps class_uid and activity_id to Sigma categories.
var ocsfCategories = map[[2]int64][]string{
	{1007, 1}: {"process_creation"},
	{1007, 2}: {"process_termination"},
	{1007, 3}: {"process_access"},
	{1007, 4}: {"create_remote_thread"},
	{1005, 1}: {"image_load"},
	{1002, 1}: {"driver_load"},
	{1001, 1}: {"file_event"}, {1001, 2}: {"file_access"}, {1001, 3}: {"file_event"}, {1001, 4}: {"file_delete"},
	{1001, 5}: {"file_rename"}, {1001, 14}: {"file_access"},
	{201001, 1}: {"registry_add"}, {201001, 4}: {"registry_delete"}, {201001, 5}: {"registry_rename"},
	{201002, 2}: {"registry_set"}, {201002, 3}: {"registry_set"}, {201002, 4}: {"registry_delete"},
	{4001, 1}: {"network_connection"}, {4001, 6}: {"network_connection"},
}
