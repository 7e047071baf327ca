package read

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/sigma"
)

// ecsShape recognises a record in the Elastic Common Schema (ECS reference 8,
// "Categorization fields"), nested or with dotted keys. Fields keep their names:
// rules reach them through a pipeline. Only the log source is worked out here.
func ecsShape(m map[string]any) (record, bool) {
	v := func(field string) any { x, _ := sigma.LookupIn(m, field); return x }
	categories := texts(v("event.category"))
	if v("ecs.version") == nil && (len(categories) == 0 || v("@timestamp") == nil) {
		return record{}, false
	}
	r := record{fields: m, known: true}
	r.time = firstTime(m, "@timestamp")
	r.host = firstOf(v, "host.name", "host.hostname", "observer.name")
	r.user = firstOf(v, "user.name", "user.id")
	system := firstOf(v, "host.os.type", "host.os.family", "host.os.platform")
	r.product = systemProduct(system, firstOf(v, "process.executable", "file.path", "process.parent.executable"))
	dataset := firstOf(v, "event.dataset", "data_stream.dataset")
	if module, service, ok := strings.Cut(dataset, "."); ok && module == "zeek" {
		r.product, r.service = module, service
	}
	if l, ok := ecsDatasets[dataset]; ok {
		r.product, r.service = l[0], l[1]
	}
	types := texts(v("event.type"))
	for _, c := range categories {
		for _, t := range types {
			r.categories = append(r.categories, ecsCategories[c+" "+t]...)
		}
	}
	endpoint := firstOf(v, "process.executable", "process.name", "process.entity_id") != ""
	if r.product != "zeek" && slices.Contains(categories, "network") && !slices.Contains(types, "end") && endpoint &&
		(slices.Contains(types, "start") || slices.Contains(types, "connection")) {
		r.categories = append(r.categories, "network_connection")
	}
	if v("dns.question.name") != nil {
		if endpoint {
			r.categories = append(r.categories, "dns_query")
		} else {
			r.categories = append(r.categories, "dns")
		}
	}
	switch observer := strings.ToLower(firstOf(v, "observer.type")); {
	case observer == "proxy" || observer == "web-proxy" || observer == "secure-web-gateway":
		r.categories = append(r.categories, "proxy")
	case observer == "firewall" && slices.Contains(categories, "network"):
		r.categories = append(r.categories, "firewall")
	case slices.Contains(categories, "web") && v("http.response.status_code") != nil:
		r.categories = append(r.categories, "webserver")
	}
	slices.Sort(r.categories)
	r.categories = slices.Compact(r.categories)
	return r, true
}

// ecsDatasets are the log sources of Beats' and the Agent's data sets. Of gcp.audit
// rules use the names as they are; of the others a pipeline has to translate.
var ecsDatasets = map[string][2]string{
	"azure.activitylogs": {"azure", "activitylogs"}, "azure.auditlogs": {"azure", "auditlogs"},
	"azure.signinlogs":          {"azure", "signinlogs"},
	"azure.identity_protection": {"azure", "riskdetection"},
	"o365.audit":                {"m365", "audit"}, "okta.system": {"okta", "okta"}, "gcp.audit": {"gcp", "gcp.audit"},
	"github.audit":           {"github", "audit"},
	"google_workspace.admin": {"gcp", "google_workspace.admin"},
	"google_workspace.login": {"gcp", "google_workspace.login"},
	"kubernetes.audit_logs":  {"kubernetes", "audit"}, "cisco_duo.auth": {"cisco", "duo"},
}

// ecsCategories maps event.category and event.type to Sigma categories.
var ecsCategories = map[string][]string{
	"process start":     {"process_creation"},
	"process end":       {"process_termination"},
	"file creation":     {"file_event"},
	"file change":       {"file_event"},
	"file deletion":     {"file_delete"},
	"file access":       {"file_access"},
	"library start":     {"image_load"},
	"driver start":      {"driver_load"},
	"registry creation": {"registry_add", "registry_event"},
	"registry change":   {"registry_set", "registry_event"},
	"registry deletion": {"registry_delete", "registry_event"},
	"malware info":      {"antivirus"},
}

// systemProduct returns the Sigma product of an operating system's name; where it
// is not stated, a path on it shows which it is.
func systemProduct(name, path string) string {
	switch name = strings.ToLower(name); {
	case strings.HasPrefix(name, "windows"):
		return "windows"
	case name == "darwin" || strings.HasPrefix(name, "macos") || strings.HasPrefix(name, "mac os"):
		return "macos"
	case slices.Contains([]string{"linux", "debian", "redhat", "ubuntu", "centos", "rhel", "fedora", "suse", "amazon",
		"arch", "alpine"}, name):
		return "linux"
	case name != "" || path == "":
		return ""
	case strings.Contains(path, `\`):
		return "windows"
	case strings.HasPrefix(path, "/"):
		return "linux"
	}
	return ""
}

// texts returns the texts of a value that may be one or a list, in lower case.
func texts(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = append(out, strings.ToLower(v))
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, strings.ToLower(s))
			}
		}
	}
	return out
}

func firstOf(v func(string) any, fields ...string) string {
	for _, f := range fields {
		if s, ok := v(f).(string); ok && s != "" && s != "-" {
			return s
		}
	}
	return ""
}
