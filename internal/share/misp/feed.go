package misp

import (
	"bytes"
	"crypto/md5" //nolint:gosec // hashes.csv names values so
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Entry is an event in the manifest of a feed.
type Entry struct {
	UUID      string
	Info      string
	Timestamp time.Time // as the manifest says; the event's own counts
	Org       string
	Tags      []string
}

// File is the name of the event's file, below the feed's address.
func (e Entry) File() string { return e.UUID + ".json" }

// maxManifest bounds the events of a feed.
const maxManifest = 200_000

// ReadManifest reads manifest.json of a feed: a table by UUIDs, or a list as some make it.
// What is no UUID is a note, so that nothing outside the feed is read. An empty manifest
// is a feed without events, and no error.
func ReadManifest(raw []byte) ([]Entry, []Note, error) {
	v, err := decode(raw, 20)
	if err != nil {
		return nil, nil, err
	}
	var out []Entry
	var notes []Note
	add := func(id, where string, v any) {
		m, ok := v.(map[string]any)
		parsed, err := uuid.Parse(id)
		switch {
		case !ok:
			notes = append(notes, Note{where, i18n.T("not an event", "イベントではありません")})
			return
		case err != nil || len(id) != 36:
			notes = append(notes, Note{where, i18n.T("{0} is no UUID: left out", "{0} は UUID ではないため読み込みません").
				With(clip(id))})
			return
		case len(out) >= maxManifest:
			return
		}
		org, _ := m["Orgc"].(map[string]any)
		out = append(out, Entry{UUID: parsed.String(), Info: text(m, "info"), Timestamp: seconds(m, "timestamp"),
			Org: text(org, "name"), Tags: tags(m)})
	}
	switch v := v.(type) {
	case map[string]any:
		for _, id := range sortedKeys(v) {
			add(id, clip(id), v[id])
		}
	case []any:
		for i, x := range v {
			m, _ := x.(map[string]any)
			add(text(m, "uuid"), fmt.Sprintf("[%d]", i), x)
		}
	default:
		return nil, nil, fault.New(fault.Invalid, i18n.T("a manifest is a table of events by UUID",
			"manifest.json は UUID をキーとするイベントの表でなければなりません"))
	}
	return out, notes, nil
}

// Folder is a feed as files: manifest.json, hashes.csv and one file an event.
func Folder(events []*Event, v View) (map[string][]byte, error) {
	files := map[string][]byte{}
	manifest := map[string]any{}
	var hashes bytes.Buffer
	for _, e := range events {
		m := e.JSON(v)
		raw, err := indent(map[string]any{"Event": m})
		if err != nil {
			return nil, err
		}
		id := e.UUID()
		files[id+".json"] = raw
		manifest[id] = ManifestEntry(m)
		hashes.Write(Hashes(e))
	}
	raw, err := indent(manifest)
	if err != nil {
		return nil, err
	}
	files["manifest.json"], files["hashes.csv"] = raw, hashes.Bytes()
	return files, nil
}

// Hashes are the lines of hashes.csv for an event: each value, and each part of one.
func Hashes(e *Event) []byte {
	var b bytes.Buffer
	for _, p := range e.All() {
		if p.Deleted() {
			continue
		}
		for _, part := range ValueParts(p.Type(), p.Value()) {
			b.WriteString(valueHash(part) + "," + e.UUID() + "\n")
		}
	}
	return b.Bytes()
}

// ManifestEntry is what a manifest says of an event that JSON returned.
func ManifestEntry(m map[string]any) map[string]any {
	at, _ := strconv.ParseInt(text(m, "timestamp"), 10, 64)
	tagged := []any{}
	for _, t := range list(m, "Tag") {
		tagged = append(tagged, map[string]any{"name": text(t, "name"), "colour": text(t, "colour")})
	}
	org, _ := m["Orgc"].(map[string]any)
	return map[string]any{"Orgc": map[string]any{"name": text(org, "name"), "uuid": text(org, "uuid")},
		"Tag": tagged, "info": text(m, "info"), "date": text(m, "date"), "analysis": json.Number(orZero(text(m,
			"analysis"))),
		"threat_level_id": json.Number(orZero(text(m, "threat_level_id"))), "timestamp": at}
}

func orZero(s string) string {
	if _, err := strconv.Atoi(s); err != nil {
		return "0"
	}
	return s
}

// ValueParts are a value and, of a composite type, its parts.
func ValueParts(typ, value string) []string {
	if !strings.Contains(typ, "|") && typ != "malware-sample" {
		return []string{value}
	}
	a, b, ok := cutLast(value)
	if !ok {
		return []string{value}
	}
	return slices.Compact([]string{a, b})
}

// valueHash is how MISP's feeds name a value in hashes.csv.
func valueHash(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // the format says so
	return hex.EncodeToString(sum[:])
}
