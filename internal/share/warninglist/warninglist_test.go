package warninglist_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/share/warninglist"
)

func list(t *testing.T, kind, applies, entries string) *warninglist.List {
	t.Helper()
	l, err := warninglist.Read(strings.NewReader(`{"name":"n","description":"d","version":3,"type":"` + kind +
		`","matching_attributes":[` + applies + `],"list":[` + entries + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFind(t *testing.T) {
	const addresses, all = `"ip-src","domain|ip"`, ``
	for _, test := range []struct {
		kind, applies, entries string
		typ                    event.ObservableType
		value, entry           string // empty: it meets none
	}{
		{"string", all, `"Example.COM"`, event.Domain, "example.com", "Example.COM"},
		{"string", all, `"example.com"`, event.URL, "http://example.com/x", "example.com"},
		{"string", all, `"example.com"`, event.Domain, "www.example.com", ""},
		{"string", `"md5"`, `"D41D8CD98F00B204E9800998ECF8427E"`, event.MD5, "d41d8cd98f00b204e9800998ecf8427e",
			"D41D8CD98F00B204E9800998ECF8427E"},
		{"string", `"sha1"`, `"D41D8CD98F00B204E9800998ECF8427E"`, event.MD5, "d41d8cd98f00b204e9800998ecf8427e", ""},
		{"hostname", `"domain","url"`, `".example.com"`, event.Domain, "a.b.example.com", ".example.com"},
		{"hostname", `"domain","url"`, `"example.com"`, event.Domain, "notexample.com", ""},
		{"hostname", `"domain","url"`, `"example.com"`, event.URL, "https://www.example.com:8443/", "example.com"},
		{"hostname", `"domain","url"`, `"example.com"`, event.Email, "a@example.com", ""},
		{"hostname", all, `"local"`, event.Domain, "pc1.local", "local"},
		{"cidr", addresses, `"192.0.2.0/24","2001:db8::/32"`, event.IPv4, "192.0.2.77", "192.0.2.0/24"},
		{"cidr", addresses, `"192.0.2.0/24","2001:db8::/32"`, event.IPv4, "192.0.2.0/25", "192.0.2.0/24"},
		{"cidr", addresses, `"192.0.2.0/24","2001:db8::/32"`, event.IPv4, "192.0.0.0/16", ""},
		{"cidr", addresses, `"192.0.2.0/24","2001:db8::/32"`, event.IPv6, "2001:db8::1", "2001:db8::/32"},
		{"cidr", all, `"192.0.2.7"`, event.URL, "http://192.0.2.7/x", "192.0.2.7"},
		{"cidr", all, `"0.0.0.0/8"`, event.Domain, "example.com", ""},
		{"substring", all, `"/Update/"`, event.URL, "http://a.example/update/x", "/update/"},
		{"regex", `"email-src"`, `"/^(soc|noc)\\@.*$/i"`, event.Email, "soc@a.example", `/^(soc|noc)\@.*$/i`},
		{"regex", `"email-src"`, `"/^(soc|noc)\\@.*$/i"`, event.Email, "sox@a.example", ""},
	} {
		l := list(t, test.kind, test.applies, test.entries)
		h, ok := l.Find(event.Observable{Type: test.typ, Value: test.value})
		if ok != (test.entry != "") || ok && (h.Entry != test.entry || h.List != "n") {
			t.Errorf("%+v: %+v, %v", test, h, ok)
		}
	}
}

func TestRead(t *testing.T) {
	l := list(t, "cidr", "", `"192.0.2.0/24","x","300.1.1.1/8"`)
	if l.Entries != 3 || len(l.Unread) != 2 || l.Version != 3 {
		t.Errorf("%+v", l)
	}
	if l := list(t, "regex", "", `"/(?=a)/","no","/a/x"`); len(l.Unread) != 3 {
		t.Errorf("%q", l.Unread)
	}
	for bad, why := range map[string]string{
		``: "unexpected end", `[]`: "cannot unmarshal", `{"type":"string","list":[]}`: "no name",
		`{"name":"n","type":"x","list":[]}`:                    `"x" is not known`,
		`{"name":"n","type":"string","list":{"a":1}}`:          "not one of texts",
		`{"name":"n","type":"string","version":"a","list":[]}`: "",
		`{"name":"n","type":"string"}`:                         "not one of texts",
	} {
		if _, err := warninglist.Read(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// The lists that MISP gives out are read, and hold what they are for.
func TestPublishedLists(t *testing.T) {
	dir := os.Getenv("MENEKI_DATA_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, "misp", "warninglists", "*.json"))
	if err != nil || len(files) == 0 {
		t.Skip("the warninglists are not here: ", dir)
	}
	var set warninglist.Set
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		l, err := warninglist.Read(f)
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		if len(l.Unread) > 0 {
			t.Logf("%s: not read: %q", l.Name, l.Unread)
		}
		set = append(set, l)
	}
	for _, o := range []event.Observable{{Type: event.IPv4, Value: "224.0.0.5"}, {Type: event.IPv4, Value: "127.0.0.1"},
		{Type: event.IPv4, Value: "192.168.1.10"}, {Type: event.MD5, Value: "d41d8cd98f00b204e9800998ecf8427e"}} {
		if len(set.Find(o)) == 0 {
			t.Errorf("%v is on none of %d lists", o, len(set))
		}
	}
	if hits := set.Find(event.Observable{Type: event.SHA256, Value: strings.Repeat("ab", 32)}); hits != nil {
		t.Errorf("a hash of nothing known: %v", hits)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"name":"n","type":"cidr","list":["192.0.2.0/24"]}`, "192.0.2.1")
	f.Add(`{"name":"n","type":"regex","list":["/a/i"]}`, "a")
	f.Fuzz(func(t *testing.T, text, value string) {
		l, err := warninglist.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, typ := range []event.ObservableType{event.IPv4, event.Domain, event.URL, event.Email, event.MD5} {
			if v, ok := event.Canonical(typ, value); ok {
				l.Find(event.Observable{Type: typ, Value: v})
			}
		}
	})
}
