package read

import (
	"net/url"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// bitbucketShape recognises an event of the audit log of Bitbucket Data Center.
// Jira and Confluence write the same form, so the record must name Bitbucket: in a
// key of a text, or in the address of the system.
func bitbucketShape(m map[string]any) (record, bool) {
	kind := sub(m, "auditType")
	if str(kind, "action") == "" || str(kind, "category") == "" || m["author"] == nil || !ofBitbucket(m, kind) {
		return record{}, false
	}
	r := record{product: "bitbucket", service: "audit"}
	if t := sub(m, "timestamp"); t != nil {
		if sec, ok := event.WholeOf(t["epochSecond"]); ok && sec > 0 && sec < 1<<37 {
			nano, _ := event.WholeOf(t["nano"])
			r.time = time.Unix(sec, min(max(nano, 0), 999_999_999)).UTC()
		}
	} else {
		r.time = firstTime(m, "timestamp")
	}
	r.user = textAt(m, "author.name", "author.id")
	if u, err := url.Parse(str(m, "system")); err == nil {
		r.host = u.Hostname()
	}
	return r, true
}

func ofBitbucket(m, kind map[string]any) bool {
	for _, k := range []string{"actionI18nKey", "categoryI18nKey"} {
		if s := str(kind, k); strings.HasPrefix(s, "bitbucket.") || strings.HasPrefix(s, "stash.") {
			return true
		}
	}
	for _, list := range []string{"extraAttributes", "changedValues"} {
		items, _ := m[list].([]any)
		for i, item := range items {
			if o, ok := item.(map[string]any); ok && i < maxAdded {
				for _, k := range []string{"nameI18nKey", "i18nKey"} {
					if strings.HasPrefix(str(o, k), "bitbucket.") {
						return true
					}
				}
			}
		}
	}
	u, err := url.Parse(str(m, "system"))
	return err == nil && strings.Contains(strings.ToLower(u.Hostname()), "bitbucket")
}
