package objects

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

const pasted = `標的型メールに関する注意喚起
Emotet を用いた攻撃を確認しました（T1566.001、CVE-2026-12345）。
通信先: hxxps://evil[.]example[.]net/a 、 198[.]51[.]100[.]23
ハッシュ: ` + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" + `
社内端末 10.0.0.5 が感染。
SHA-256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
`

// action posts a form and returns where it leads, or the page that it shows again.
func (d desk) action(who, path string, form url.Values) (to, body string) {
	d.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("As", who)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code >= 500 {
		d.Fatalf("%s %s: %d %s", who, path, w.Code, w.Body)
	}
	return w.Header().Get("Location"), w.Body.String()
}

var (
	rowOf = regexp.MustCompile(`<input type="checkbox" name="t(\d+)" value="1"( checked)?[^>]*></td>` +
		`\s*<td><input type="text"[^>]*value="([^"]*)"`)
	optionX = regexp.MustCompile(`(?s)<select name="k(\d+)".*?<option value="([^"]*)" selected>`)
)

// formOf is the form of a draft as a browser would send it.
func formOf(page string) url.Values {
	form := url.Values{"title": {"T"}, "summary": {"S"}, "confidence": {"70"}, "days": {"30"}, "tlp": {"amber"},
		"pap": {""}}
	for _, m := range rowOf.FindAllStringSubmatch(page, -1) {
		if m[2] != "" {
			form.Set("t"+m[1], "1")
		}
		form.Set("v"+m[1], m[3])
	}
	for _, m := range optionX.FindAllStringSubmatch(page, -1) {
		form.Set("k"+m[1], m[2])
	}
	return form
}

// all reads the live objects as a viewer.
func (d desk) all(v policy.Viewer) (list []object.Object) {
	d.Helper()
	err := d.p.DB.Read(d.Context(), store.As(v), func(tx *store.Tx) (err error) {
		list, err = d.p.Objects.Find(tx, object.Search{Limit: 1000})
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return list
}

func typesOf(list []object.Object) map[string]int {
	out := map[string]int{}
	for _, o := range list {
		out[o.Type()]++
	}
	return out
}

// From pasted text to objects that the right members see, and back.
func TestCompose(t *testing.T) {
	d := openDesk(t)
	for _, who := range []string{"desk", "power"} {
		to, _ := d.action(who, "/share/new", url.Values{"text": {pasted}})
		if !strings.HasPrefix(to, "/share/drafts/") {
			t.Fatalf("%s: %q", who, to)
		}
		page := sharetest.Page(t, d, who, to)["en"]
		form := formOf(page)
		var ticked, left []string
		for i := 0; form.Has("v" + strconv.Itoa(i)); i++ {
			if form.Get("t"+strconv.Itoa(i)) != "" {
				ticked = append(ticked, form.Get("v"+strconv.Itoa(i)))
			} else {
				left = append(left, form.Get("v"+strconv.Itoa(i)))
			}
		}
		for _, want := range []string{"https://evil.example.net/a", "198.51.100.23", "CVE-2026-12345", "T1566.001",
			"Emotet",
			"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"} {
			if !slices.Contains(ticked, want) {
				t.Errorf("%q is not ticked: %q, left %q", want, ticked, left)
			}
		}
		for _, want := range []string{"10.0.0.5", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} {
			if !slices.Contains(left, want) {
				t.Errorf("%q, which says nothing, is ticked: %q", want, ticked)
			}
		}
		if !strings.Contains(page, "private or reserved address") || !strings.Contains(page, "TLP:RED") {
			t.Error("no reason beside what is not ticked, or the default is not the most restrictive marking")
		}
		// A first try that contradicts itself shares nothing.
		form.Set("do", "share")
		form.Set("tlp", "green")
		form.Set("summary", "ＴＬＰ：ＡＭＢＥＲ の情報です")
		if to, body := d.action(who, to, form); to != "" || !strings.Contains(body, "TLP:AMBER") ||
			len(d.all(policy.Viewer{Hub: true,
				User: "x", Coordinator: true})) != 0 && who == "desk" {
			t.Errorf("%s shares against the words of the text: %q", who, to)
		}
		form.Set("summary", "Block the addresses.")
		form.Set("tlp", "amber")
		form["to"] = []string{"community", "member:gas"}
		report, body := d.action(who, to, form)
		if !strings.HasPrefix(report, "/objects/report--") {
			t.Fatalf("%s: not shared: %q %s", who, report, body)
		}
		if again, _ := d.action(who, to, form); again != to {
			t.Errorf("a form that is sent twice shares twice: %q", again)
		}
		for _, reader := range []string{"gas", "desk", "power"} {
			shown := sharetest.Page(t, d, reader, report)["en"]
			if !strings.Contains(shown, "Block the addresses.") || !strings.Contains(shown, "198[.]51[.]100[.]23") {
				t.Errorf("%s does not see the report of %s", reader, who)
			}
		}
		gas := sharetest.Viewers["gas"]
		seen := typesOf(d.all(gas))
		if seen["indicator"] < 3 || seen["report"] < 1 || seen["ipv4-addr"] != 1 || seen["malware"] < 1 ||
			seen["relationship"] < 6 {
			t.Errorf("%v", seen)
		}
		for _, o := range d.all(gas) {
			so, err := stix.Parse(o.Body)
			if err != nil || len(stix.Validate(so)) > 0 {
				t.Errorf("%s is not valid: %v", o.ID, stix.Validate(so))
			}
			if strings.Contains(string(o.Body), "power") || !strings.Contains(string(o.Body), "marking-definition--") {
				t.Errorf("an object shows who gave it, or not how it is marked: %s", o.Body)
			}
		}
		if _, body := sharetest.Get(t, d, who, to); !strings.Contains(body, "withdraw") {
			t.Error("a draft that was shared cannot be withdrawn")
		}
		if who == "power" {
			for _, other := range []string{"gas", "desk"} {
				if code, _ := sharetest.Get(t, d, other, to); code != http.StatusNotFound {
					t.Errorf("%s reads the draft of %s: %d", other, who, code)
				}
			}
			d.action(who, to, url.Values{"do": {"withdraw"}})
			if code, _ := sharetest.Get(t, d, "gas", report); code != http.StatusNotFound {
				t.Errorf("what was withdrawn is there for others: %d", code)
			}
			if code, _ := sharetest.Get(t, d, who, report); code != http.StatusOK {
				t.Errorf("what was withdrawn is not there for its giver: %d", code)
			}
		}
	}
	// An address that the hub shared, too, is still there.
	if n := typesOf(d.all(sharetest.Viewers["gas"]))["ipv4-addr"]; n != 1 {
		t.Errorf("%d addresses", n)
	}
}

// What is sent as a file is read as what it is, and what cannot be read says what to do.
func TestIntake(t *testing.T) {
	sjis, err := japanese.ShiftJIS.NewEncoder().String("件名：注意喚起\n通信先は evil.example.net です。")
	if err != nil {
		t.Fatal(err)
	}
	jis, err := japanese.ISO2022JP.NewEncoder().String("通信先は evil.example.net です。")
	if err != nil {
		t.Fatal(err)
	}
	letter := "Received: by x\nMIME-Version: 1.0\nSubject: =?UTF-8?B?5rOo5oSP5Zaa6LW3?=\nFrom: a@example.org\n" +
		"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=iso-2022-jp\n\n" +
		jis +
		"\n--b\nContent-Type: text/html\n\n<p>html only</p>\n--b--\n"
	for name, c := range map[string]struct {
		raw  string
		want []string
		not  string
	}{
		"utf-8":     {"\ufeff通信先は evil.example.net", []string{"通信先は"}, "\ufeff"},
		"shift_jis": {sjis, []string{"注意喚起", "通信先は evil.example.net です"}, ""},
		"jis":       {jis, []string{"通信先は evil.example.net です"}, "\x1b"},
		"utf-16":    {"\xff\xfee\x00v\x00i\x00l\x00", []string{"evil"}, ""},
		"mail":      {letter, []string{"注意喚起", "通信先は evil.example.net です"}, "html only"},
		"html mail": {"Message-ID: <x>\nSubject: a\nContent-Type: text/html\n" +
			"Content-Transfer-Encoding: quoted-printable\n\n" +
			"<p>go to <a href=3D\"http://evil.example.net/x\">this</a></p><script>no</script>",
			[]string{"http://evil.example.net/x", "this"}, "no</"},
	} {
		got, err := textOf([]byte(c.raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q is not in %q", name, w, got)
			}
		}
		if c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s: %q is in %q", name, c.not, got)
		}
	}
	for name, raw := range map[string]string{"pdf": "%PDF-1.7\n…", "zip": "PK\x03\x04…",
		"bytes": strings.Repeat("\x00\x01\x80", 500),
		"large": strings.Repeat("x", maxIntake+1)} {
		if _, err := textOf([]byte(raw)); err == nil {
			t.Errorf("%s is taken for text", name)
		}
	}
}

// A file comes with the form, and what cannot be read keeps what was pasted.
func TestUpload(t *testing.T) {
	d := openDesk(t)
	send := func(text, file string) (string, string) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		_ = m.WriteField("text", text)
		f, _ := m.CreateFormFile("file", "report.txt")
		_, _ = f.Write([]byte(file))
		_ = m.Close()
		r := httptest.NewRequest(http.MethodPost, "/share/new", &b)
		r.Header.Set("As", "desk")
		r.Header.Set("Content-Type", m.FormDataContentType())
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		return w.Header().Get("Location"), w.Body.String()
	}
	to, _ := send("pasted words", "evil.example.net と bad.example.org")
	if !strings.HasPrefix(to, "/share/drafts/") {
		t.Fatal(to)
	}
	page := sharetest.Page(t, d, "desk", to)["en"]
	for _, want := range []string{"pasted words", "evil.example.net", "bad.example.org"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if to, body := send("what I typed", "%PDF-1.4 x"); to != "" || !strings.Contains(body, "what I typed") {
		t.Errorf("what was pasted is lost: %q", to)
	}
	if list := sharetest.Page(t, d, "desk", "/share/drafts")["en"]; !strings.Contains(list, "pasted words") {
		t.Error("the draft is not in the list")
	}
}

// Corrections, what is added by hand, and bulk actions with undo.
func TestCorrectAndUndo(t *testing.T) {
	d := openDesk(t)
	to, _ := d.action("desk", "/share/new", url.Values{"text": {"evil.example.net"}})
	form := formOf(sharetest.Page(t, d, "desk", to)["en"])
	form.Set("v0", "corrected.example.net")
	form.Set("more", "hxxp://added[.]example/x\nno value here")
	form.Set("do", "save")
	d.action("desk", to, form)
	page := sharetest.Page(t, d, "desk", to)["en"]
	for _, want := range []string{"corrected.example.net", "http://added.example/x", "no value here",
		"not recognised"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	form = formOf(page)
	form["to"] = []string{"community"}
	form.Set("do", "share")
	report, body := d.action("desk", to, form)
	if !strings.HasPrefix(report, "/objects/report--") {
		t.Fatal(report, body)
	}
	gas := sharetest.Viewers["gas"]
	var ids []string
	for _, o := range d.all(gas) {
		ids = append(ids, o.ID)
	}
	if len(ids) < 5 {
		t.Fatal(ids)
	}
	act := func(do string, more url.Values) string {
		f := url.Values{"id": ids, "do": {do}}
		for k, v := range more {
			f[k] = v
		}
		to, _ := d.action("desk", "/objects/selected", f)
		return to
	}
	undo := func(to string) {
		u, _ := url.Parse(to)
		if u.Query().Get("undo") == "" {
			t.Fatalf("no way back: %q", to)
		}
		d.action("desk", "/objects/selected", url.Values{"do": {"undo"}, "key": {u.Query().Get("undo")}})
	}
	labelled := func() int {
		list, err := []object.Object(nil), error(nil)
		_ = d.p.DB.Read(t.Context(), store.As(gas), func(tx *store.Tx) error {
			list, err = d.p.Objects.Find(tx, object.Search{Label: "kite", Limit: 100})
			return err
		})
		return len(list)
	}
	way := act("tag", url.Values{"tag": {"Kite"}})
	if n := labelled(); n < 3 {
		t.Errorf("%d have the label", n)
	}
	undo(way)
	if n := labelled(); n != 0 {
		t.Errorf("%d still have the label", n)
	}
	way = act("withdraw", nil)
	if n := len(d.all(gas)); n != 0 {
		t.Errorf("%d are there after they were withdrawn", n)
	}
	undo(way)
	if n := len(d.all(gas)); n != len(ids) {
		t.Errorf("%d are back of %d", n, len(ids))
	}
	way = act("mark", url.Values{"tlp": {"amber+strict"}})
	for _, o := range d.all(gas) {
		if o.Handling.TLP != policy.AmberStrict {
			t.Errorf("%s is %s", o.ID, o.Handling.TLP)
		}
	}
	undo(way)
	for _, o := range d.all(gas) {
		if o.Handling.TLP != policy.Amber {
			t.Errorf("%s is %s", o.ID, o.Handling.TLP)
		}
	}
	// Another organisation changes nothing of it.
	before := d.all(gas)
	d.action("gas", "/objects/selected", url.Values{"id": ids, "do": {"withdraw"}})
	for _, path := range []string{"/edit", "/marking", "/revoke"} {
		d.action("gas", report+path, url.Values{"name": {"x"}, "tlp": {"red"}, "confirm": {"revoke"}})
	}
	if n := len(d.all(gas)); n != len(before) {
		t.Error("another organisation changed what it may not")
	}
	d.action("desk", report+"/edit", url.Values{"name": {"Renamed"}, "description": {"S"}, "labels": {"a, b"},
		"confidence": {"10"}})
	d.action("gas", report+"/note", url.Values{"text": {"we saw this"}, "for": {"all"}})
	d.action("gas", report+"/note", url.Values{"opinion": {"agree"}, "for": {"hub"}})
	shown := sharetest.Page(t, d, "power", report)["en"]
	for _, want := range []string{"Renamed", "we saw this", "changed: "} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(shown, "agrees</bdi></a>") || !strings.Contains(sharetest.Page(t, d, "desk", report)["en"],
		"agrees</bdi></a>") {
		t.Error("a note for the hub is shown to another, or not to the hub")
	}
	d.action("desk", report+"/revoke", url.Values{"confirm": {"revoke"}})
	if !strings.Contains(sharetest.Page(t, d, "power", report)["en"], "revoked") {
		t.Error("it is not revoked")
	}
}

// Whatever a file holds is text or an error, and what is made of it is kept.
func FuzzIntake(f *testing.F) {
	f.Add([]byte("Received: x\nSubject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--"))
	f.Add([]byte("%PDF"))
	f.Add([]byte("\x1b$B"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, err := textOf(raw)
		if err != nil {
			return
		}
		if len(text) > 8*maxIntake || strings.Contains(text, "\x00") {
			t.Errorf("%d bytes of text", len(text))
		}
		if len(text) < 2000 {
			lineAt(text, len(text)/2)
			titleIn(text)
			contradictions(Draft{Text: text, Body: Body{TLP: "green"}}, policy.Viewer{Hub: true})
		}
	})
}
