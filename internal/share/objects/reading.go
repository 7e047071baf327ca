package objects

import (
	"regexp"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/extract"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/stix"
)

// Line is one thing that a text names, as its reader may correct it.
type Line struct {
	Type  string `json:"type"` // of an observable, or of a STIX object that is named
	Value string `json:"value"`
	Where string `json:"where,omitempty"` // the line of the text
	Take  bool   `json:"take,omitempty"`
	Why   string `json:"why,omitempty"` // why it is not taken without being asked
}

// Why a line is not taken, beside the reasons of package extract.
const (
	whyNone    = "unknown"  // nothing is recognised in it
	whyName    = "name"     // an ordinary word may be meant
	whyNoShape = "shape"    // STIX has no pattern for it
	whyNothing = "nothing:" // and the reason in words follows
)

// maxKept bounds the lines of a draft.
const maxKept = 5000

var cve = regexp.MustCompile(`(?i)\bCVE-[0-9]{4}-[0-9]{4,7}\b`)

// techniqueID is the id of a technique in a text.
var techniqueID = regexp.MustCompile(`\bT[0-9]{4}(?:\.[0-9]{3})?\b`)

// groupName is a name that trackers give to groups by number.
var groupName = regexp.MustCompile(`\b(?:APT|UNC|FIN|TA|TEMP\.|DEV-|Storm-|UAC-|TAG-)[ -]?[0-9]{1,5}\b`)

// recognise finds what a text names: values, techniques, vulnerabilities, and malware, tools and
// groups that are known here or to everybody. known are names and what they are.
func (p *pages) recognise(text string, own exclusion.CommunityAssets, known []entry) []Line {
	var out []Line
	seen := map[string]bool{}
	add := func(l Line) {
		if key := l.Type + "\x00" + l.Value; !seen[key] && len(out) < maxKept {
			seen[key] = true
			out = append(out, l)
		}
	}
	excluded := func(o event.Observable) string { return exclusion.Reason(o, own) }
	for _, f := range extract.Text(text, excluded) {
		l := Line{Type: f.Type, Value: f.Value, Where: lineAt(text, f.From), Take: f.Take, Why: string(f.Why)}
		if why := p.nothing(event.Observable{Type: event.ObservableType(f.Type), Value: f.Value}, own); !why.Zero() {
			l.Take, l.Why = false, whyNothing+why.EN+"\x00"+why.JA
		}
		if l.Take && !shaped(l.Type) {
			l.Take, l.Why = false, whyNoShape
		}
		add(l)
	}
	for _, loc := range cve.FindAllStringIndex(text, maxKept) {
		add(Line{Type: "vulnerability", Value: strings.ToUpper(text[loc[0]:loc[1]]), Where: lineAt(text, loc[0]),
			Take: true})
	}
	for _, loc := range techniqueID.FindAllStringIndex(text, maxKept) {
		t, ok := p.techniques.Find(text[loc[0]:loc[1]])
		l := Line{Type: "attack-pattern", Value: t.ID, Where: lineAt(text, loc[0]), Take: ok}
		if !ok {
			l.Why = whyNone
		}
		add(l)
	}
	for _, loc := range groupName.FindAllStringIndex(text, maxKept) {
		add(Line{Type: "intrusion-set", Value: text[loc[0]:loc[1]], Where: lineAt(text, loc[0]), Take: true})
	}
	folded := store.Fold(text)
	for _, t := range p.techniques.Techniques {
		if !t.Old && strings.Contains(t.Name, " ") {
			if at := wordAt(folded, store.Fold(t.Name)); at >= 0 {
				add(Line{Type: "attack-pattern", Value: t.ID, Where: clip(t.Name, 80), Take: true})
			}
		}
	}
	for _, n := range known {
		if at := wordAt(folded, n.name); at >= 0 {
			l := Line{Type: n.typ, Value: n.is, Where: lineAt(folded, at), Take: !n.plain}
			if exact := strings.Index(text, n.is); exact >= 0 {
				l.Where = lineAt(text, exact)
			}
			if n.plain {
				l.Why = whyName
			}
			add(l)
		}
	}
	return out
}

// wordAt is where a folded name stands in a folded text as words of its own; -1 if nowhere.
func wordAt(text, name string) int {
	if len(name) < 3 {
		return -1
	}
	letter := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '_' }
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(name)
		if (i == 0 || !letter(text[i-1]) || !letter(name[0])) &&
			(end == len(text) || !letter(text[end]) || !letter(name[len(name)-1])) {
			return i
		}
		from = i + 1
	}
}

// lineAt is the line of a text that a place is in, cut to what a table has room for.
func lineAt(text string, at int) string {
	at = min(max(at, 0), len(text))
	from := strings.LastIndexByte(text[:at], '\n') + 1
	to := len(text)
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		to = at + i
	}
	line := text[from:to]
	if at-from > 60 { // what stands before it is cut
		line = text[at-60 : to]
		for len(line) > 0 && line[0]&0xC0 == 0x80 {
			line = line[1:]
		}
		line = "…" + line
	}
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(line, "\ufffd")), " "), 140)
}

// entry is a name that texts are looked through for.
type entry struct {
	name  string // folded
	typ   string
	is    string // as it is written
	plain bool   // it is an ordinary word too
}

// wellKnown are malware, tools and groups that reports name, beside what is known here.
var wellKnown = map[string][]string{
	"malware": {"Emotet", "Qakbot", "QBot", "IcedID", "TrickBot", "Dridex", "Ursnif", "Formbook", "Agent Tesla",
		"AsyncRAT",
		"Remcos", "NjRAT", "RedLine Stealer", "Lumma Stealer", "Vidar", "Raccoon Stealer", "PlugX", "ShadowPad",
		"LODEINFO",
		"ANEL", "NOOPDOOR", "Gh0st RAT", "BumbleBee", "SocGholish", "Gootkit", "LockBit", "BlackCat", "ALPHV", "Akira",
		"Cl0p", "Conti", "Ryuk", "REvil", "WannaCry", "NotPetya", "Mirai", "Black Basta", "8Base", "Phobos",
		"Snake Keylogger"},
	"tool": {"Cobalt Strike", "Metasploit", "Mimikatz", "PsExec", "AnyDesk", "TeamViewer", "Rclone", "Sliver",
		"Brute Ratel",
		"BloodHound", "Impacket", "LaZagne", "ngrok", "Chisel", "AdFind", "SharpHound", "Advanced IP Scanner",
		"WinSCP"},
	"intrusion-set": {"Lazarus Group", "Kimsuky", "Sandworm", "MirrorFace", "Earth Kasha", "Volt Typhoon",
		"Salt Typhoon",
		"Tick", "BlackTech", "Mustang Panda", "Turla", "Fancy Bear", "Cozy Bear", "Scattered Spider", "Andariel",
		"Bluenoroff",
		"Tropic Trooper", "Tonto Team", "Charming Kitten", "MuddyWater", "OilRig", "Gamaredon", "Winnti"},
}

// plainNames are names that are ordinary words too.
var plainNames = []string{"tick", "akira", "conti", "phobos", "chisel", "sliver", "vidar", "turla", "mirai", "winnti"}

// maxCatalogue bounds the objects of each type whose names texts are looked through for.
const maxCatalogue = 2000

// catalogue is the names that texts are looked through for: those of objects that the scope
// may see, and those that everybody knows.
func (p *pages) catalogue(tx *store.Tx) ([]entry, error) {
	var out []entry
	seen := map[string]bool{}
	add := func(typ, name string) {
		n := entry{name: store.Fold(strings.TrimSpace(name)), typ: typ, is: strings.TrimSpace(name)}
		if len(n.name) < 4 || len(n.name) > 80 || seen[n.name] {
			return
		}
		seen[n.name] = true
		n.plain = slices.Contains(plainNames, n.name)
		out = append(out, n)
	}
	for _, typ := range []string{"malware", "tool", "intrusion-set", "threat-actor", "campaign"} {
		for _, name := range wellKnown[typ] {
			add(typ, name)
		}
		found, err := p.Objects.Find(tx, object.Search{Types: []string{typ}, Limit: maxCatalogue})
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			o, err := stix.Parse(x.Body)
			if err != nil || x.Flags&object.Revoked != 0 {
				continue
			}
			add(typ, o.Text("name"))
			for _, a := range o.Strings("aliases") {
				add(typ, a)
			}
		}
	}
	return out, nil
}

// whyText is why a line is not taken without being asked, in words.
func whyText(why string) i18n.Text {
	if rest, ok := strings.CutPrefix(why, whyNothing); ok {
		en, ja, _ := strings.Cut(rest, "\x00")
		return i18n.Text{EN: en, JA: ja}
	}
	switch why {
	case "":
		return i18n.Text{}
	case string(extract.Excluded):
		return i18n.T("says nothing by itself", "この値だけでは意味を持ちません")
	case string(extract.Negated):
		return i18n.T("the text says that it is not meant", "本文で対象外とされています")
	case string(extract.Reference):
		return i18n.T("a link to read on", "参考資料へのリンク")
	case string(extract.Victim):
		return i18n.T("of whom was attacked", "攻撃を受けた側のもの")
	case string(extract.Filename):
		return i18n.T("may be the name of a file", "ファイル名の可能性")
	case string(extract.HostBits):
		return i18n.T("a network whose address is not its first", "ネットワークの先頭アドレスではありません")
	case string(extract.Path):
		return i18n.T("the path of a request", "リクエストのパス")
	case whyNone:
		return i18n.T("not recognised", "認識できません")
	case whyName:
		return i18n.T("may be an ordinary word", "一般の語の可能性")
	case whyNoShape:
		return i18n.T("STIX has no pattern for it; it stays in the text", "STIX に対応する形式がないため、本文にのみ残ります")
	}
	return i18n.Same(why)
}

// lineTypes are the types that a line can have.
func lineTypes() []web.Option {
	var out []web.Option
	for _, t := range []event.ObservableType{event.IPv4, event.IPv6, event.Domain, event.URL, event.Email, event.SHA256,
		event.SHA1, event.MD5} {
		out = append(out, web.Option{Value: string(t), Text: web.KindText(string(t))})
	}
	out = append(out, web.Option{Value: extract.SHA512, Text: i18n.Same("SHA-512")},
		web.Option{Value: extract.FilePath, Text: i18n.T("file path", "ファイルパス")},
		web.Option{Value: extract.Registry, Text: kindOf("windows-registry-key").text},
		web.Option{Value: extract.Mutex, Text: kindOf("mutex").text},
		web.Option{Value: extract.AS, Text: kindOf("autonomous-system").text})
	for _, t := range []string{"attack-pattern", "vulnerability", "malware", "tool", "intrusion-set", "threat-actor",
		"campaign"} {
		out = append(out, web.Option{Value: t, Text: kindOf(t).text})
	}
	return out
}

// shaped reports whether objects can be made of a line of a type.
func shaped(typ string) bool {
	return slices.ContainsFunc(lineTypes(), func(o web.Option) bool { return o.Value == typ })
}
