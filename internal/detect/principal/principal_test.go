package principal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

const (
	satoSID = "S-1-5-21-1004336348-1177238915-682003330-1104"
	abeSID  = "S-1-5-21-1004336348-1177238915-682003330-1105"
)

func TestForms(t *testing.T) {
	for in, want := range map[string]string{
		satoSID:                                  "sid:" + strings.ToLower(satoSID),
		"S-1-5-18":                               "service:s-1-5-18",
		`NT AUTHORITY\SYSTEM`:                    "service:system",
		"SYSTEM":                                 "service:system",
		`EXAMPLE\Sato`:                           `down:example\sato`,
		`.\sato`:                                 "user:sato",
		"Sato@Example.JP":                        "addr:sato@example.jp",
		"佐藤 太郎 <sato@example.jp>":                "addr:sato@example.jp",
		"ｓａｔｏ":                                   "user:sato",
		"":                                       "",
		"-":                                      "",
		"S-1-0-0":                                "",
		`EXAMPLE\WS01$`:                          "host:ws01",
		"WS01$@EXAMPLE.JP":                       "host:ws01",
		"arn:aws:iam::123456:user/Sato":          "arn:aws:iam::123456:user/sato",
		"{2B2E4AC0-9F3E-4D6B-8E57-0123456789AB}": "id:2b2e4ac0-9f3e-4d6b-8e57-0123456789ab",
		strings.Repeat("x", 600):                 "",
	} {
		if strings.HasPrefix(want, "arn:") {
			want = "id:" + want
		}
		if got := Account(in).String(); got != want {
			t.Errorf("Account(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"WS01": "host:ws01", "ws01.example.jp.": "fqdn:ws01.example.jp", `\\WS01`: "host:ws01",
		"::ffff:10.0.0.1": "ip:10.0.0.1", "10.0.0.1": "ip:10.0.0.1",
		"127.0.0.1": "", "::1": "", "localhost": "", "-": "", "a b": "",
	} {
		if got := Machine(in).String(); got != want {
			t.Errorf("Machine(%q) = %q, want %q", in, got, want)
		}
	}
}

func security(fields ...string) *event.Event {
	f := map[string]any{"EventID": int64(4624), "Computer": "dc1.example.jp"}
	for i := 0; i < len(fields); i += 2 {
		f[fields[i]] = fields[i+1]
	}
	return &event.Event{Product: "windows", Service: "security", Time: noon, Fields: f}
}

// One person, under every name that she has in the logs of six systems.
func TestOnePerson(t *testing.T) {
	b := New(Options{})
	got, err := b.Import(
		strings.NewReader(
			"Domain,sAMAccountName,UserPrincipalName,Mail,Proxy "+
				"Addresses\n"+
				"EXAMPLE,sato,sato@example.jp,taro.sato@example.jp,SMTP:taro.sato@example.jp;smtp:t.sato@example.co.jp;X500:/o=x\nEXAMPLE,abe,abe@example.jp,,\n",
		),
		"",
	)
	if err != nil || got.Accounts != 2 || got.BadN != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	b.Learn(security("TargetUserSid", satoSID, "TargetDomainName", "EXAMPLE", "TargetUserName", "sato"))
	want := b.Resolve(Account(satoSID), noon)
	for field, value := range map[string]string{
		"SubjectUserSid": strings.ToLower(satoSID), "User": `example\SATO`, "userPrincipalName": "Sato@example.jp",
		"recipient": "T.Sato@example.co.jp",
		"user":      "sato", "user.name": "ｓａｔｏ", "TargetUserName": "sato",
	} {
		if got := b.ResolveField(field, value, noon); got != want {
			t.Errorf("%s=%q is %q, want %q", field, value, got, want)
		}
	}
	if got := b.ResolveField("User", `EXAMPLE\abe`, noon); got == want || got == "" {
		t.Errorf("abe is %q", got)
	}
	if got := b.ResolveField("Image", `C:\x`, noon); got != `C:\x` {
		t.Errorf("a field that names no account became %q", got)
	}
	if names, imported := b.Names(Account("sato"), noon); !imported ||
		!slices.Contains(names, "sid:"+strings.ToLower(satoSID)) {
		t.Errorf("%v", names)
	}
}

// A user name that two domains have names no single account.
func TestShortNamesAreNotGuessed(t *testing.T) {
	b := New(Options{})
	b.Learn(security("TargetUserSid", satoSID, "TargetDomainName", "EXAMPLE", "TargetUserName", "sato"))
	one := b.Resolve(Account("sato"), noon)
	if one != b.Resolve(Account(satoSID), noon) {
		t.Errorf("the only sato is %s", one)
	}
	b.Learn(security("TargetUserSid", abeSID, "TargetDomainName", "OTHER", "TargetUserName", "sato"))
	if got := b.Resolve(Account("sato"), noon); got != "user:sato" {
		t.Errorf("one of two satos was chosen: %s", got)
	}
}

// What an attacker writes into a log ties no two accounts together, and takes
// no name from an account of a list.
func TestLogsCannotMerge(t *testing.T) {
	b := New(Options{})
	if _, err := b.Import(strings.NewReader("sid,domain,user\n"+satoSID+",EXAMPLE,sato\n"+abeSID+",EXAMPLE,abe\n"),
		""); err != nil {
		t.Fatal(err)
	}
	sato, abe := b.Resolve(Account(satoSID), noon), b.Resolve(Account(abeSID), noon)
	b.Learn(security("TargetUserSid", satoSID, "TargetDomainName", "EXAMPLE", "TargetUserName", "abe"))
	b.Learn(security("TargetUserSid", abeSID, "TargetDomainName", "EXAMPLE", "TargetUserName", "sato"))
	b.Learn(security("TargetUserSid", satoSID+"9", "TargetDomainName", "EXAMPLE", "TargetUserName", "abe"))
	if b.Resolve(Account(`EXAMPLE\sato`), noon) != sato || b.Resolve(Account(`EXAMPLE\abe`), noon) != abe ||
		sato == abe {
		t.Error("a log changed who is who")
	}
	if n := b.Stats(); n.Conflicts != 3 {
		t.Errorf("%+v", n)
	}
	// Of accounts that are in no list, a name that two claim is neither's.
	b.Learn(security("TargetUserSid", satoSID+"1", "TargetDomainName", "LAB", "TargetUserName", "x"))
	b.Learn(security("TargetUserSid", satoSID+"2", "TargetDomainName", "LAB", "TargetUserName", "x"))
	if got := b.Resolve(Account(`LAB\x`), noon); got != `down:lab\x` {
		t.Errorf("a disputed name is %s", got)
	}
}

func TestSystemIsNoPerson(t *testing.T) {
	b := New(Options{})
	b.Learn(security("SubjectUserSid", "S-1-5-18", "SubjectDomainName", "EXAMPLE", "SubjectUserName", "WS01$"))
	b.Learn(security("SubjectUserSid", "S-1-5-18", "SubjectDomainName", "EXAMPLE", "SubjectUserName", "sato"))
	if n := b.Stats(); n.Accounts != 0 {
		t.Errorf("%+v", n)
	}
}

func TestMachines(t *testing.T) {
	b := New(Options{})
	b.Learn(
		&event.Event{
			Product: "zeek",
			Service: "dhcp",
			Time:    noon,
			Fields: map[string]any{
				"assigned_addr": "10.0.3.17",
				"host_name":     "WS01",
				"domain":        "example.jp",
				"lease_time":    600.0,
			},
		},
	)
	b.Learn(
		&event.Event{
			Product: "linux",
			Time:    noon.Add(20 * time.Minute),
			Fields:  map[string]any{"message": "dhcpd: DHCPACK on 10.0.3.17 to 00:11:22:33:44:55 (ws02) via eth0"},
		},
	)
	b.Learn(security())
	for _, c := range []struct {
		name string
		at   time.Duration
		want string
	}{
		{"10.0.3.17", 5 * time.Minute, "fqdn:ws01.example.jp"},
		{"10.0.3.17", 15 * time.Minute, "ip:10.0.3.17"},
		{"10.0.3.17", 30 * time.Minute, "host:ws02"},
		{"10.0.3.17", -time.Second, "ip:10.0.3.17"},
		{"dc1", 0, "fqdn:dc1.example.jp"},
		{"DC1.example.jp", 0, "fqdn:dc1.example.jp"},
	} {
		if got := b.ResolveField("src_ip", c.name, noon.Add(c.at)); got != c.want {
			t.Errorf("%s after %s is %q, want %q", c.name, c.at, got, c.want)
		}
	}
}

// Leases against the plain word of them: the one that began last holds, or an
// earlier one of the same machine, until its end.
func TestLeases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(Options{})
		type lease struct{ from, until, host int }
		var all []lease
		taken := map[int]bool{}
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			l := lease{from: rapid.IntRange(0, 40).Draw(t, "from"), host: rapid.IntRange(0, 2).Draw(t, "host")}
			l.until = l.from + rapid.IntRange(1, 20).Draw(t, "for")
			if taken[l.from] {
				continue
			}
			taken[l.from] = true
			all = append(all, l)
			b.AddLease(
				Machine("10.0.0.1"),
				Machine(fmt.Sprintf("h%d", l.host)),
				noon.Add(time.Duration(l.from)*time.Minute),
				time.Duration(l.until-l.from)*time.Minute,
			)
		}
		for at := range 70 {
			want := "ip:10.0.0.1"
			slices.SortFunc(all, func(x, y lease) int { return y.from - x.from })
			host := -1
			for _, l := range all {
				if l.from > at {
					continue
				}
				if host >= 0 && host != l.host {
					break
				}
				if host = l.host; at < l.until {
					want = fmt.Sprintf("host:h%d", host)
					break
				}
			}
			if got := b.ResolveField("src_ip", "10.0.0.1", noon.Add(time.Duration(at)*time.Minute)); got != want {
				t.Fatalf("at %d: %s, want %s; %v", at, got, want, all)
			}
		}
	})
}

func TestImportForms(t *testing.T) {
	const ldif = `version: 1
# people
dn: CN=Sato,DC=example,DC=jp
objectClass: user
sAMAccountName: sato
mail: taro.sato@exam
 ple.jp
objectSid:: AQUAAAAAAAUVAAAAHGPcO4PTKkaCjqYoUAQAAA==

dn: CN=Photo
jpegPhoto:: /9j/4AAQ
`
	const jsonList = `[{"SamAccountName":"sato","SID":{"Value":"` + satoSID +
		`","BinaryLength":28},"mail":["taro.sato@example.jp"],"Enabled":true}]`
	sjis := "\x83\x86\x81[\x83U\x81[\x96\xbc,\x83\x81\x81[\x83\x8b\nsato,taro.sato@example.jp\n"
	const powershell = "#TYPE Microsoft.ActiveDirectory.Management.ADUser\r\n" +
		"\"ObjectClass\",\"SamAccountName\",\"EmailAddress\"\r\n\"user\",\"sato\",\"taro.sato@example.jp\"\r\n"
	const graph = `{"@odata.context":"https://graph.example/users","value":[{"displayName":"Sato",` +
		`"onPremisesSamAccountName":"sato","mail":"taro.sato@example.jp"}]}`
	var wide strings.Builder
	for _, r := range "\ufeffuser,mail\r\nsato,taro.sato@example.jp\r\n" {
		wide.Write([]byte{byte(r), byte(r >> 8)})
	}
	for name, list := range map[string]string{
		"powershell": powershell, "graph": graph, "utf-16": wide.String(),
		"japanese": "ユーザーID,メール アドレス\nsato,taro.sato@example.jp\n",
		"ldif":     ldif, "json": jsonList, "jsonl": strings.Trim(jsonList, "[]") + "\n",
		"semicolons": "\xef\xbb\xbfuser;E-Mail\nsato;taro.sato@example.jp\n", "sjis": sjis,
	} {
		b := New(Options{})
		got, err := b.Import(strings.NewReader(list), "EXAMPLE")
		if err != nil || got.Accounts != 1 {
			t.Errorf("%s: %+v %v", name, got, err)
			continue
		}
		want := b.Resolve(Account(`EXAMPLE\sato`), noon)
		if b.Resolve(Account("taro.sato@example.jp"), noon) != want ||
			want == `down:example\sato` && name == "ldif" && b.Resolve(Account(satoSID), noon) != want {
			t.Errorf("%s: not one account: %+v", name, b.Stats())
		}
	}
	for list, want := range map[string]string{
		"": "empty", "a,b\n1,2\n": "no column", "[{\"user\":\"x\"},{]": "line 1", "\xff\xfe\x00": "neither",
	} {
		if _, err := New(Options{}).Import(strings.NewReader(list), ""); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", list, err, want)
		}
	}
	got, err := New(
		Options{},
	).Import(
		strings.NewReader("user,mail\nsato,x@example.jp\nabe,x@example.jp\n,\nWS01$,\n"),
		"EXAMPLE",
	)
	want := []BadRow{
		{3, "x@example.jp is already the account of line 2"},
		{4, "the row names no account"},
		{5, "the row names a machine or the system itself, and no person"},
	}
	if diff := cmp.Diff(want, got.Bad); diff != "" || err != nil {
		t.Errorf("%s %v", diff, err)
	}
}

// A list that is imported again changes what changed, and nothing else.
func TestImportAgain(t *testing.T) {
	b := New(Options{})
	for _, list := range []string{"upn,mail\na@x.jp,b@x.jp\n", "upn,mail\na@x.jp,b@x.jp\n",
		"upn,mail\na@x.jp,c@x.jp\n"} {
		if got, err := b.Import(strings.NewReader(list), ""); err != nil || got.Accounts != 1 {
			t.Fatalf("%+v %v", got, err)
		}
	}
	if n := b.Stats(); n.Accounts != 1 || n.Names != 3 {
		t.Errorf("%+v", n)
	}
}

func TestSaveAndLoad(t *testing.T) {
	b := New(Options{})
	b.Import(strings.NewReader("sid,domain,user\n"+satoSID+",EXAMPLE,sato\n"), "")
	b.Learn(security("TargetUserSid", satoSID+"1", "TargetDomainName", "LAB", "TargetUserName", "x"))
	b.Learn(security("TargetUserSid", satoSID+"2", "TargetDomainName", "LAB", "TargetUserName", "x"))
	b.AddLease(Machine("10.0.0.1"), Machine("ws01"), noon, time.Hour)
	var f bytes.Buffer
	if err := b.Save(&f); err != nil {
		t.Fatal(err)
	}
	c := New(Options{})
	if err := c.Load(bytes.NewReader(f.Bytes())); err != nil {
		t.Fatal(err)
	}
	for _, n := range []Name{Account("sato"), Account(satoSID), Account(`LAB\x`), Account(satoSID + "2"),
		Machine("10.0.0.1"), Account("new@x.jp")} {
		if x, y := b.Resolve(n, noon), c.Resolve(n, noon); x != y {
			t.Errorf("%s: %s before, %s after", n, x, y)
		}
	}
	if err := c.Load(strings.NewReader(`{"version":2}`)); err == nil || c.Stats().Accounts != 3 {
		t.Errorf("%v %+v", err, c.Stats())
	}
}

func TestBounds(t *testing.T) {
	b := New(Options{MaxEntries: 100})
	b.Import(strings.NewReader("sid,domain,user\n"+satoSID+",EXAMPLE,sato\n"), "")
	for i := range 1000 {
		b.Learn(
			security(
				"TargetUserSid",
				fmt.Sprintf("%s%d", satoSID, i),
				"TargetDomainName",
				"LAB",
				"TargetUserName",
				fmt.Sprint("u", i),
			),
		)
		b.AddLease(
			Machine(fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250)),
			Machine("ws01"),
			noon.Add(time.Duration(i)*time.Minute),
			time.Hour,
		)
	}
	n := b.Stats()
	if n.Accounts > 100 || n.Leases > 100 || n.Imported != 1 || n.Forgotten == 0 {
		t.Errorf("%+v", n)
	}
	if got := b.Resolve(Account("sato"), noon); got == "user:sato" {
		t.Error("an imported account was forgotten")
	}
}

// Whatever comes in, one name is one entry's, and the index is that of the names.
func TestInvariants(t *testing.T) {
	sid := rapid.Map(rapid.IntRange(1, 4), func(n int) string { return fmt.Sprintf("S-1-5-21-1-2-3-%d", n) })
	user := rapid.SampledFrom(
		[]string{"a", "b", `D\a`, `D\b`, `E\a`, "a@x.jp", "b@x.jp", "ws1", "ws1.x.jp", "ws1.y.jp", "-"},
	)
	rapid.Check(t, func(t *rapid.T) {
		b := New(Options{MaxEntries: 6})
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			names := []Name{Account(sid.Draw(t, "sid")), Account(user.Draw(t, "user"))}
			if rapid.Bool().Draw(t, "machine") {
				names = []Name{Machine(user.Draw(t, "m1")), Machine(user.Draw(t, "m2"))}
			}
			b.Link(rapid.IntRange(0, 4).Draw(t, "imported") == 0, names...)
			owners := map[Name]uint64{}
			for id, e := range b.entries {
				sids := 0
				for _, n := range e.names {
					if n.Kind == SID {
						sids++
					}
					if n.Kind == Short {
						continue
					}
					if o, twice := owners[n]; twice {
						t.Fatalf("%s is of %d and %d", n, o, id)
					}
					owners[n] = id
					if b.byName[n] != id {
						t.Fatalf("%s is of %d and found at %d", n, id, b.byName[n])
					}
				}
				if sids > 1 && !e.imported {
					t.Fatalf("an account with SIDs %v", e.names)
				}
			}
			for n, id := range b.byName {
				if id != 0 && owners[n] != id {
					t.Fatalf("%s leads to %d, which does not have it", n, id)
				}
			}
			for key, list := range b.short {
				for _, id := range list {
					if b.entries[id] == nil {
						t.Fatalf("%s leads to no account", key)
					}
				}
			}
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("user,mail\nsato,x@example.jp\n"))
	f.Add([]byte("dn: x\nobjectSid:: AQUAAAAAAAUVAAAA\n x\n"))
	f.Add([]byte(`[{"user":"x","SID":{"Value":"S-1-5-21-1"}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := New(Options{MaxEntries: 50})
		got, err := b.Import(bytes.NewReader(data), "D")
		if err == nil && got.Accounts+got.BadN != got.Rows {
			t.Errorf("%+v", got)
		}
		var s bytes.Buffer
		if err := b.Save(&s); err != nil {
			t.Fatal(err)
		}
		if err := New(Options{MaxEntries: 50}).Load(&s); err != nil {
			t.Fatal(err)
		}
	})
}
