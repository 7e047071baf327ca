package watchlist

import (
	"cmp"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
)

// role says what a field holds of the types that only a watchlist knows.
type role uint8

const (
	fileRole     role = iota + 1 // a path or a name
	registryRole                 // a key, or a key and the name of a value
	agentRole
	hashesRole // ALG=hex,ALG=hex
	hashRole   // known by its length
	imphashRole
	ja3Role
	macRole
	mutexRole
)

// roles maps field names to roles, for every product. Nested names have dots.
var roles = map[string]role{
	"Image": fileRole, "ParentImage": fileRole, "TargetFilename": fileRole, "ImageLoaded": fileRole,
	"OriginalFileName": fileRole,
	"SourceImage":      fileRole, "TargetImage": fileRole, "NewProcessName": fileRole, "ParentProcessName": fileRole,
	"ProcessName": fileRole,
	"file.name":   fileRole, "file.path": fileRole, "fileinfo.filename": fileRole, "filename": fileRole,
	"files.filename":     fileRole,
	"process.executable": fileRole, "process.name": fileRole, "process.parent.executable": fileRole,
	"dll.path": fileRole, "exe": fileRole,

	"TargetObject": registryRole, "registry.path": registryRole, "registry.key": registryRole,
	"ObjectName": registryRole,

	"http.http_user_agent": agentRole, "c-useragent": agentRole, "user_agent": agentRole,
	"user_agent.original": agentRole,
	"cs-user-agent":       agentRole, "userAgent": agentRole,

	"Hashes": hashesRole, "Hash": hashesRole, "hashes": hashesRole,
	"sha512": hashRole, "SHA512": hashRole, "file.hash.sha512": hashRole, "process.hash.sha512": hashRole,
	"sha384": hashRole, "sha224": hashRole,
	"Imphash": imphashRole, "file.pe.imphash": imphashRole, "process.pe.imphash": imphashRole,
	"ja3": ja3Role, "tls.ja3.hash": ja3Role, "tls.client.ja3": ja3Role,
	"mac": macRole, "source.mac": macRole, "destination.mac": macRole, "client.mac": macRole, "host.mac": macRole,
	"ether.src_mac": macRole, "ether.dest_mac": macRole,
	"MutexName": mutexRole, "mutex": mutexRole,
}

// Observables is event.Observables and what only a watchlist looks for: file
// names and paths, registry keys, user agents, longer hashes, IMPHASH, JA3, MAC
// addresses and mutexes of known fields. Those of internal/event come first; at
// most event.MaxObservables are added, in a fixed order, without duplicates.
func Observables(ev *event.Event) []event.Observable {
	out := event.Observables(ev)
	x := extractor{from: len(out), out: out}
	for k, v := range ev.Fields {
		x.walk(k, v, 0)
	}
	more := x.out[x.from:]
	slices.SortFunc(more, func(a, b event.Observable) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	more = slices.Compact(more)
	return x.out[:x.from+min(len(more), event.MaxObservables)]
}

type extractor struct {
	from int
	out  []event.Observable
}

func (x *extractor) walk(path string, v any, depth int) {
	switch v := v.(type) {
	case string:
		if r := roles[path]; r != 0 && v != "" && v != "-" {
			x.value(r, v)
		}
	case map[string]any:
		if depth < 8 {
			for k, w := range v {
				x.walk(path+"."+k, w, depth+1)
			}
		}
	case []any:
		if depth < 8 {
			for _, w := range v {
				x.walk(path, w, depth+1)
			}
		}
	}
}

func (x *extractor) add(t event.ObservableType, v string) {
	// As event.Observables: collect more than is given, so that order decides.
	if c, ok := Canonical(t, v); ok && len(x.out)-x.from < 16*event.MaxObservables {
		x.out = append(x.out, event.Observable{Type: t, Value: c})
	}
}

func (x *extractor) value(r role, v string) {
	switch r {
	case fileRole:
		x.add(FilePath, v)
		x.add(FileName, v[strings.LastIndexAny(v, `/\`)+1:])
	case registryRole:
		x.registry(v)
	case agentRole:
		x.add(UserAgent, v)
	case hashesRole:
		for _, p := range strings.Split(v, ",") {
			if alg, hex, ok := strings.Cut(strings.TrimSpace(p), "="); ok && strings.EqualFold(alg, "IMPHASH") {
				x.add(ImpHash, hex)
			} else if ok {
				x.hash(hex)
			}
		}
	case hashRole:
		x.hash(v)
	case imphashRole:
		x.add(ImpHash, v)
	case ja3Role:
		x.add(JA3, v)
	case macRole:
		x.add(MAC, v)
	case mutexRole:
		x.add(Mutex, v)
	}
}

func (x *extractor) hash(v string) {
	switch len(v) {
	case 56:
		x.add(SHA224, v)
	case 96:
		x.add(SHA384, v)
	case 128:
		x.add(SHA512, v)
	}
}

// registry adds what is written, and the key without its last part, which is the
// name of a value in records of values that were set; both also as the user's own
// hive where they lie in one user's hive.
func (x *extractor) registry(v string) {
	c, ok := Canonical(RegistryKey, v)
	if !ok {
		return
	}
	for _, k := range []string{c, ownHive(c)} {
		if k == "" {
			continue
		}
		x.add(RegistryKey, k)
		if i := strings.LastIndexByte(k, '\\'); i > 0 {
			x.add(RegistryKey, k[:i])
		}
	}
}

// ownHive writes a key in the hive of a user as that user sees it; "" if it is in none.
func ownHive(key string) string {
	rest, ok := strings.CutPrefix(key, `hkey_users\s-1-5-21-`)
	if !ok {
		return ""
	}
	sid, rest, ok := strings.Cut(rest, `\`)
	switch {
	case !ok:
		return ""
	case strings.HasSuffix(sid, "_classes"):
		return `hkey_current_user\software\classes\` + rest
	}
	return `hkey_current_user\` + rest
}
