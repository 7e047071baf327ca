package observed

import "strings"

// Kind is the type of what is observed at a path.
type Kind uint8

// The kinds.
const (
	Never  Kind = iota // nothing is ever observed there
	Text               // text as it was written
	Folded             // text that is always in lower case
	Value              // a canonical value: address, domain, URL, mail address
	Hash               // lower-case hexadecimal
	Number             // a whole number
	Time               // a timestamp
	Key                // a registry key
	Ref                // a reference, which a path ends at only to ask whether it is there
)

// accountPaths and so on are what references to such objects point to.
var (
	accountPaths   = map[string]Kind{"account_login": Text, "user_id": Text, "display_name": Text}
	directoryPaths = map[string]Kind{"path": Text}
	valuePaths     = map[string]Kind{"value": Value}
	hashPaths      = map[string]Kind{"hashes": Ref, "hashes.MD5": Hash, "hashes.'SHA-1'": Hash,
		"hashes.'SHA-256'": Hash}
	filePaths = joined(map[string]Kind{"name": Text, "size": Number}, under("parent_directory_ref", directoryPaths),
		hashPaths)
	trafficPaths = joined(map[string]Kind{"src_port": Number, "dst_port": Number, "src_byte_count": Number,
		"dst_byte_count": Number, "src_packets": Number, "dst_packets": Number,
		"protocols": Folded, "start": Time, "extensions": Ref, "extensions.'http-request-ext'": Ref,
		"extensions.'http-request-ext'.request_method": Folded, "extensions.'http-request-ext'.request_value": Text,
		"extensions.'http-request-ext'.request_header": Ref, "extensions.'http-request-ext'.request_header.Host": Text,
		"extensions.'http-request-ext'.request_header.'User-Agent'": Text,
		"extensions.'http-request-ext'.request_header.Referer":      Text},
		under("src_ref", valuePaths), under("dst_ref", valuePaths))
	processOwn = joined(map[string]Kind{"pid": Number, "command_line": Text, "name": Text},
		under("image_ref", filePaths), under("binary_ref", filePaths))
	processPaths = joined(processOwn, map[string]Kind{"cwd": Text}, under("parent_ref", processOwn),
		under("creator_user_ref", accountPaths), under("opened_connection_refs", trafficPaths))
)

// paths lists every path of every object.
var paths = map[string]map[string]Kind{
	"ipv4-addr": valuePaths, "ipv6-addr": valuePaths, "url": valuePaths, "email-addr": valuePaths,
	"domain-name":          joined(valuePaths, under("resolves_to_refs", valuePaths)),
	"mac-addr":             {"value": Folded},
	"file":                 filePaths,
	"directory":            directoryPaths,
	"process":              processPaths,
	"user-account":         accountPaths,
	"network-traffic":      trafficPaths,
	"windows-registry-key": {"key": Key, "values": Ref, "values.name": Text, "values.data": Text},
	"mutex":                {"name": Text},
	"x509-certificate": {"subject": Text, "issuer": Text, "serial_number": Text, "hashes": Ref,
		"hashes.'SHA-1'": Hash},
	"email-message": joined(map[string]Kind{"subject": Text}, under("from_ref", valuePaths),
		under("to_refs", valuePaths)),
}

func under(name string, more map[string]Kind) map[string]Kind {
	out := map[string]Kind{name: Ref}
	for p, k := range more {
		out[name+"."+p] = k
	}
	return out
}

func joined(list ...map[string]Kind) map[string]Kind {
	out := map[string]Kind{}
	for _, m := range list {
		for p, k := range m {
			out[p] = k
		}
	}
	return out
}

// KindAt returns what is observed at an object's path, as a pattern writes it, with
// or without indexes.
func KindAt(object, path string) Kind {
	for {
		i := strings.IndexByte(path, '[')
		if i < 0 {
			break
		}
		j := strings.IndexByte(path[i:], ']')
		if j < 0 {
			return Never
		}
		path = path[:i] + path[i+j+1:]
	}
	return paths[object][path]
}
