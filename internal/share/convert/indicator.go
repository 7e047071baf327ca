package convert

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/stix"
)

// quoted is a text as a pattern has it.
func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// hashNames are the hashes that patterns ask for, as they are written there.
var hashNames = map[event.ObservableType]string{event.MD5: "MD5", event.SHA1: "'SHA-1'", event.SHA256: "'SHA-256'",
	watchlist.SHA224: "'SHA-224'", watchlist.SHA384: "'SHA-384'", watchlist.SHA512: "'SHA-512'",
	watchlist.SHA3256: "'SHA3-256'", watchlist.SHA3512: "'SHA3-512'", watchlist.SSDeep: "SSDEEP",
	watchlist.TLSH: "TLSH"}

// comparison is what asks for an entry. given is the value as it is written, where its letters
// matter.
func comparison(e watchlist.Entry, given string) string {
	v := e.Value
	switch e.Type {
	case event.IPv4, event.IPv6:
		if strings.Contains(v, "/") {
			return string(e.Type) + ":value ISSUBSET " + quoted(v)
		}
		return string(e.Type) + ":value = " + quoted(v)
	case event.Domain:
		below := "%." + v
		switch e.Match {
		case watchlist.Tree:
			return "domain-name:value = " + quoted(v) + " OR domain-name:value LIKE " + quoted(below)
		case watchlist.Below:
			return "domain-name:value LIKE " + quoted(below)
		}
		return "domain-name:value = " + quoted(v)
	case event.URL:
		if e.Match == watchlist.Prefix && strings.Contains(v, "%") {
			return "" // it would stand for anything
		}
		if e.Match == watchlist.Prefix {
			return "url:value LIKE " + quoted(v+"%")
		}
		return "url:value = " + quoted(v)
	case event.Email:
		return "email-addr:value = " + quoted(v)
	case watchlist.FileName:
		return "file:name = " + quoted(cmp.Or(given, v))
	case watchlist.FilePath:
		p := cmp.Or(given, v)
		i := strings.LastIndexAny(p, `/\`)
		return "file:name = " + quoted(p[i+1:]) + " AND file:parent_directory_ref.path = " + quoted(p[:max(i, 1)])
	case watchlist.RegistryKey:
		return "windows-registry-key:key = " + quoted(v)
	case watchlist.Mutex:
		return "mutex:name = " + quoted(v)
	case watchlist.MAC:
		return "mac-addr:value = " + quoted(v)
	case watchlist.UserAgent:
		return "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = " + quoted(v)
	}
	if name, ok := hashNames[e.Type]; ok {
		return "file:hashes." + name + " = " + quoted(v)
	}
	return ""
}

// item makes things of what a record says: one of values that mean the same, and one for each
// network of a range.
func (r *reader) item(it feed.Item) error {
	if len(it.Entries) > 1 && strings.Contains(it.Entries[0].Value, "/") && !strings.Contains(it.Entries[0].Value,
		"://") {
		for _, e := range it.Entries {
			one := it
			one.Entries = []watchlist.Entry{e}
			if err := r.item(one); err != nil {
				return err
			}
		}
		return nil
	}
	if !it.Silent.Zero() {
		r.result.Note(Note{Kind: Silent, File: r.name, Line: it.Line, Reason: it.Silent})
		if !r.o.Silent {
			r.observed(it)
			return nil
		}
	}
	var parts []string
	given := ""
	if len(it.Entries) == 1 && watchlistFolds(it.Entries[0]) {
		given = strings.TrimSpace(it.Text)
	}
	for _, e := range it.Entries {
		c := comparison(e, given)
		if c == "" {
			r.result.Note(Note{Kind: NotCovered, File: r.name, Line: it.Line, Reason: i18n.T(
				"STIX has no pattern for a value of type {0}", "型 {0} の値を表す STIX のパターンはありません").With(e.Type)})
			return nil
		}
		parts = append(parts, c)
	}
	pattern := "[" + strings.Join(parts, " OR ") + "]"
	if _, err := stix.ParsePattern(pattern); err != nil {
		r.result.Note(Note{Kind: Refused, File: r.name, Line: it.Line, Reason: i18n.T(
			"it has characters that a pattern cannot hold", "パターンに書けない文字を含んでいます")})
		return nil
	}
	e := it.Entries[0]
	t := Thing{Line: it.Line, first: it.First, Silent: it.Silent,
		ID: "indicator--" + uuid.NewSHA1(namespace, []byte(e.Source+"\x00"+pattern)).String()}
	t.props = map[string]any{"type": "indicator", "spec_version": "2.1", "id": t.ID, "pattern": pattern,
		"pattern_type": "stix", "pattern_version": "2.1"}
	set := func(name, value string) {
		if value != "" {
			t.props[name] = value
		}
	}
	set("created_by_ref", r.o.Identity)
	set("name", it.Name)
	set("description", it.Note)
	if !e.ValidUntil.IsZero() {
		set("valid_until", stix.TimestampOf(e.ValidUntil).String())
	}
	if it.Confidence > 0 {
		t.props["confidence"] = it.Confidence
	}
	labels := slices.Clone(it.Labels)
	if it.Port > 0 {
		labels = append(labels, "port:"+strconv.Itoa(it.Port))
	}
	if len(labels) > 0 {
		slices.Sort(labels)
		t.props["labels"] = slices.Compact(labels)
	}
	mark(t.props, it)
	var refs []map[string]string
	if e.ID != "" && e.Source != "" {
		refs = append(refs, map[string]string{"source_name": e.Source, "external_id": e.ID})
	}
	if strings.HasPrefix(it.Reference, "http://") || strings.HasPrefix(it.Reference, "https://") {
		refs = append(refs, map[string]string{"source_name": cmp.Or(e.Source, "reference"), "url": it.Reference})
	}
	if len(refs) > 0 {
		t.props["external_references"] = refs
	}
	r.add(t)
	return nil
}

// watchlistFolds reports whether a watchlist keeps a value in other letters than it was given.
func watchlistFolds(e watchlist.Entry) bool {
	return e.Type == watchlist.FileName || e.Type == watchlist.FilePath
}

// mark puts the handling of an item on an object, if the list or the options state one.
func mark(props map[string]any, it feed.Item) {
	if id, ok := stix.TLPMarkingID(it.Entries[0].TLP.String()); ok && it.Stated {
		props["object_marking_refs"] = []string{id}
	}
}

// observed keeps a value that says nothing by itself as an observable.
func (r *reader) observed(it feed.Item) {
	props := map[string]any{"spec_version": "2.1"}
	hashes := map[string]string{}
	for _, e := range it.Entries {
		switch e.Type {
		case event.IPv4, event.IPv6, event.Domain, event.URL, event.Email:
			props["type"], props["value"] = string(e.Type), e.Value
		case watchlist.FileName:
			props["type"], props["name"] = "file", strings.TrimSpace(it.Text)
		default:
			if _, ok := hashNames[e.Type]; !ok {
				return
			}
			hashes[strings.Trim(hashNames[e.Type], "'")] = e.Value
		}
	}
	if len(hashes) > 0 {
		props["type"], props["hashes"] = "file", hashes
	}
	mark(props, it)
	id, ok := deterministic(props)
	if !ok {
		return
	}
	props["id"] = id
	b, err := json.Marshal(props)
	if err != nil {
		return
	}
	if o, err := stix.Parse(b); err == nil {
		r.add(Thing{ID: id, Line: it.Line, Object: o, Silent: it.Silent})
	}
}

// deterministic returns the id that the content of an observable makes.
func deterministic(props map[string]any) (string, bool) {
	typ, _ := props["type"].(string)
	props["id"] = typ + "--00000000-0000-4000-8000-000000000000"
	defer delete(props, "id")
	b, err := json.Marshal(props)
	if err != nil {
		return "", false
	}
	o, err := stix.Parse(b)
	if err != nil {
		return "", false
	}
	return stix.ObservableID(o)
}
