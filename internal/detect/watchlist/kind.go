package watchlist

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// The observable types that internal/event does not know, by the name that STIX
// or the field's own practice gives them.
const (
	SHA224      event.ObservableType = "SHA-224"
	SHA384      event.ObservableType = "SHA-384"
	SHA512      event.ObservableType = "SHA-512"
	SHA3256     event.ObservableType = "SHA3-256"
	SHA3512     event.ObservableType = "SHA3-512"
	ImpHash     event.ObservableType = "IMPHASH"
	SSDeep      event.ObservableType = "SSDEEP" // equal text only, no likeness
	TLSH        event.ObservableType = "TLSH"   // as SSDEEP
	JA3         event.ObservableType = "JA3"
	FileName    event.ObservableType = "file-name" // without folder
	FilePath    event.ObservableType = "file-path" // with folder
	RegistryKey event.ObservableType = "windows-registry-key"
	Mutex       event.ObservableType = "mutex"
	UserAgent   event.ObservableType = "user-agent"
	MAC         event.ObservableType = "mac-addr"
)

// kind is a type's number in the files; it never changes. 0 is none.
type kind uint8

const (
	kindIPv4 kind = iota + 1
	kindIPv6
	kindDomain
	kindURL
	kindEmail
	kindMD5
	kindSHA1
	kindSHA256
	kindSHA224
	kindSHA384
	kindSHA512
	kindSHA3256
	kindSHA3512
	kindImpHash
	kindSSDeep
	kindTLSH
	kindJA3
	kindFileName
	kindFilePath
	kindRegistryKey
	kindMutex
	kindUserAgent
	kindMAC
	kinds // at most 32: a record holds five bits
)

var kindTypes = [kinds]event.ObservableType{
	"", event.IPv4, event.IPv6, event.Domain, event.URL, event.Email, event.MD5, event.SHA1, event.SHA256,
	SHA224, SHA384, SHA512, SHA3256, SHA3512, ImpHash, SSDeep, TLSH, JA3, FileName, FilePath, RegistryKey,
	Mutex, UserAgent, MAC,
}

// Types lists every observable type that a list can hold.
func Types() []event.ObservableType {
	return append([]event.ObservableType(nil), kindTypes[1:]...)
}

// kindOf is a switch because it is on the path of every look-up.
func kindOf(t event.ObservableType) kind {
	switch t {
	case event.IPv4:
		return kindIPv4
	case event.IPv6:
		return kindIPv6
	case event.Domain:
		return kindDomain
	case event.URL:
		return kindURL
	case event.Email:
		return kindEmail
	case event.MD5:
		return kindMD5
	case event.SHA1:
		return kindSHA1
	case event.SHA256:
		return kindSHA256
	case FileName:
		return kindFileName
	case FilePath:
		return kindFilePath
	}
	for k := kindSHA224; k < kinds; k++ {
		if kindTypes[k] == t {
			return k
		}
	}
	return 0
}

// Canonical is event.Canonical, and does the same for the types that only a
// watchlist knows: hashes in lower case; file names and paths and registry keys
// in lower case (Windows compares them so) and Unicode form C, paths with \ if
// they have a drive or a \, registry keys with the long name of their hive;
// MAC addresses as six pairs with colons; the rest as it is. A path with a
// variable (%TEMP%) is none: nothing in an event would be equal to it.
func Canonical(t event.ObservableType, s string) (string, bool) {
	k := kindOf(t)
	if k >= kindIPv4 && k <= kindSHA256 {
		return event.Canonical(t, s)
	}
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxValue || !utf8.ValidString(s) || strings.ContainsFunc(s, control) {
		return "", false
	}
	switch k {
	case kindSHA224:
		return hexadecimal(s, 56)
	case kindSHA384:
		return hexadecimal(s, 96)
	case kindSHA512, kindSHA3512:
		return hexadecimal(s, 128)
	case kindSHA3256:
		return hexadecimal(s, 64)
	case kindImpHash, kindJA3:
		return hexadecimal(s, 32)
	case kindSSDeep:
		size, rest, ok := strings.Cut(s, ":")
		return s, ok && decimal(size) && strings.Count(rest, ":") == 1
	case kindTLSH:
		v, ok := hexadecimal(strings.TrimPrefix(strings.ToUpper(s), "T1"), 70)
		return "T1" + strings.ToUpper(v), ok
	case kindFileName:
		if strings.ContainsAny(s, `/\%`) || s == "." || s == ".." {
			return "", false
		}
		return folded(s)
	case kindFilePath:
		return canonicalPath(s)
	case kindRegistryKey:
		return canonicalRegistry(s)
	case kindMutex, kindUserAgent:
		return s, true
	case kindMAC:
		return canonicalMAC(s)
	}
	return "", false
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func decimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func hexadecimal(s string, n int) (string, bool) {
	if len(s) != n || strings.Trim(s, "0123456789abcdefABCDEF") != "" || strings.Trim(s, "0") == "" {
		return "", false
	}
	return strings.ToLower(s), true
}

// folded is s without regard to case, in form C; refused is what would change
// again when it is folded again.
func folded(s string) (string, bool) {
	v := norm.NFC.String(strings.ToLower(norm.NFC.String(s)))
	return v, len(v) <= maxValue && norm.NFC.String(strings.ToLower(v)) == v
}

func canonicalPath(s string) (string, bool) {
	if strings.IndexByte(s, '%') >= 0 {
		return "", false
	}
	windows := strings.IndexByte(s, '\\') >= 0 || len(s) > 2 && s[1] == ':'
	if windows {
		s = strings.ReplaceAll(s, "/", `\`)
		s = strings.TrimPrefix(s, `\\?\`)
	}
	if !strings.ContainsAny(s, `/\`) || strings.HasSuffix(s, "/") || strings.HasSuffix(s, `\`) {
		return "", false
	}
	return folded(s)
}

// hives are the names under which the registry's roots are written.
var hives = [...]struct{ short, long string }{
	{`hklm\`, `hkey_local_machine\`},
	{`\registry\machine\`, `hkey_local_machine\`},
	{`hkcu\`, `hkey_current_user\`},
	{`hku\`, `hkey_users\`},
	{`\registry\user\`, `hkey_users\`},
	{`hkcr\`, `hkey_classes_root\`},
	{`hkcc\`, `hkey_current_config\`},
}

func canonicalRegistry(s string) (string, bool) {
	v, ok := folded(s)
	if !ok {
		return "", false
	}
	v = strings.TrimPrefix(strings.TrimRight(v, `\`), `computer\`)
	for _, h := range hives {
		if rest, cut := strings.CutPrefix(v, h.short); cut {
			v = h.long + rest
			break
		}
	}
	for _, h := range hives {
		if rest, cut := strings.CutPrefix(v, h.long); cut && rest != "" {
			return v, len(v) <= maxValue
		}
	}
	return "", false
}

func canonicalMAC(s string) (string, bool) {
	v := strings.ToLower(strings.NewReplacer(":", "", "-", "", ".", "").Replace(s))
	if _, ok := hexadecimal(v, 12); !ok {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < 12; i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(v[i : i+2])
	}
	return b.String(), true
}

// The widest networks that are taken.
const (
	widest4 = 8
	widest6 = 16
)

// shapeOf refuses values that cannot be matched as m says.
func shapeOf(k kind, m Match, v string) error {
	switch m {
	case Exact:
		return nil
	case Tree, Below:
		if k != kindDomain {
			break
		}
		if s, icann := publicsuffix.PublicSuffix(v); s == v && icann {
			return refuse(
				i18n.T(
					"{0} is a domain under which anybody registers: all below it would match",
					"{0} は誰でも登録できるドメインです。その下のすべてが一致してしまいます",
				).With(v),
			)
		}
		return nil
	case Prefix:
		if k != kindURL {
			break
		}
		if depth(k, m, v) > maxCuts {
			return refuse(
				i18n.T(
					"{0} has more than {1} parts and cannot match as a prefix",
					"{0} は区切りが {1} 個を超えるため、前方一致では照合できません",
				).With(quoted(v), maxCuts),
			)
		}
		return nil
	case Network:
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return refuse(i18n.T("{0} is no network", "{0} はネットワークではありません").With(quoted(v)))
		}
		if w := map[bool]int{true: widest4, false: widest6}[p.Addr().Is4()]; p.Bits() < w {
			return refuse(
				i18n.T(
					"the network {0} is wider than /{1}: too much would match",
					"ネットワーク {0} は /{1} より広く、一致しすぎます",
				).With(v, w),
			)
		}
		return nil
	}
	return refuse(
		i18n.T(
			"a value of type {0} cannot match as {1}", "型 {0} の値は {1} としては照合できません",
		).With(kindTypes[k], m),
	)
}
