package read_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
)

const iisHeader = "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2026-11-29 " +
	"10:00:00\r\n" + iisFields
const iisFields = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) " +
	"cs(Referer) sc-status sc-substatus sc-win32-status time-taken\r\n"

const iisShort = "2026-11-29 10:00:00 192.0.2.7 GET /*~1*a.aspx - 80 - 203.0.113.5 Mozilla/5.0+(Nikto) - 200 0 0 15\r\n"
const iisSQL = "2026-11-29 10:00:01 192.0.2.7 GET /list.aspx id=1%20UNION%20SELECT%20null 443 EX\\sato 203.0.113.5 " +
	"Mozilla/5.0 http://evil.example.com/x 200 0 0 15\r\n"

// An IIS log has the names that rules for web servers use.
func TestIIS(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "u_ex261129.log"), []byte(iisHeader+iisShort+
		"#Fields: date time cs-method cs-uri-stem sc-status sc-win32-status\r\n2026-11-29 10:00:02 POST /other "+
		"500 0\r\n"+iisFields+iisSQL))
	evs, rep := paths(t, options(), filepath.Dir(file))
	if len(evs) != 3 || rep.BadN+rep.SkipN > 0 {
		t.Fatalf("%d events, %v %v", len(evs), rep.Bad, rep.Skipped)
	}
	for i, e := range evs {
		if e.Product != "windows" || e.Service != "iis" || !slices.Contains(e.Categories, "webserver") ||
			!e.Time.Equal(time.Date(2026, 11, 29, 10, 0, []int{0, 2, 1}[i], 0, time.UTC)) {
			t.Errorf("%d: %s/%s %v at %s", i, e.Product, e.Service, e.Categories, e.Time)
		}
	}
	fields(t, evs[0], map[string]any{"cs-method": "GET", "cs-uri-query": "/*~1*a.aspx", "cs-uri-stem": "/*~1*a.aspx",
		"c-ip": "203.0.113.5", "sc-status": int64(200),
		"cs-user-agent": []any{"Mozilla/5.0+(Nikto)", "Mozilla/5.0 (Nikto)"}, "cs-username": nil,
		"time-taken": int64(15)})
	fields(t, evs[1], map[string]any{"cs-method": "POST", "cs-uri-stem": "/other", "sc-status": int64(500),
		"c-ip": nil})
	fields(t, evs[2], map[string]any{"cs-uri-query": "/list.aspx?id=1%20UNION%20SELECT%20null",
		"cs-referer": "http://evil.example.com/x", "cs-username": `EX\sato`})
	if evs[2].User != `EX\sato` {
		t.Error(evs[2].User)
	}
	want := []event.Observable{{Type: event.Domain, Value: "evil.example.com"}, ip("203.0.113.5"),
		{Type: event.URL, Value: "http://evil.example.com/x"}}
	if d := cmp.Diff(want, event.Observables(evs[2])); d != "" {
		t.Error(d)
	}
	if dir := os.Getenv("MENEKI_DATA_DIR"); dir != "" {
		set, err := sigma.Load(os.DirFS(filepath.Join(dir, "sigma")), "rules/web")
		if err != nil {
			t.Fatal(err)
		}
		for i, rule := range map[int]string{0: "web_iis_tilt_shortname_scan.yml",
			2: "web_sql_injection_in_access_logs.yml"} {
			if got := matching(set, evs[i]); !slices.Contains(got, rule) {
				t.Errorf("%s does not match; %v do", rule, got)
			}
		}
	}
}

// As JSON, too; other logs of this format are not taken for IIS's, and broken lines are
// reported with their place.
func TestNotIIS(t *testing.T) {
	if e := one(t, `{"date":"2026-11-29","time":"10:00:00","cs-method":"GET","cs-uri-stem":"/a","sc-status":"200",`+
		`"sc-win32-status":"0"}`); e.Service != "iis" {
		t.Error(e.Service)
	}
	if e := one(t, `{"date":"2026-11-29","time":"10:00:00","cs-method":"GET","cs-uri-stem":"/a",`+
		`"sc-status":"200"}`); e.Product != "" {
		t.Error(e.Product)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"),
		[]byte(iisHeader+iisShort+"2026-11-29 10:00:00 too few\r\n"+iisSQL+strings.Repeat("x", 3000)+"\n"+iisSQL))
	opts := options()
	opts.MaxRecord = 2000
	evs, rep := paths(t, opts, dir)
	if len(evs) != 3 || rep.BadN == 0 || rep.Bad[0].Record != 2 {
		t.Errorf("%d events, %v", len(evs), rep.Bad)
	}
	write(t, filepath.Join(dir, "a.log"),
		[]byte("#Software: Microsoft Exchange Server\r\n#Version: 15.0\r\n#Fields: "+
			"date-time,client-ip\r\n2026-11-29,1\r\n"))
	if evs, _ := paths(t, options(), filepath.Join(dir, "a.log")); len(evs) == 0 || evs[len(evs)-1].Product != "" {
		t.Errorf("%d events", len(evs))
	}
}

// Only a file says what the columns of its lines are, and only one that began so.
func TestColumnsAreAFiles(t *testing.T) {
	read1 := func(d *read.Decoder, at int64, line string) (n int, service string) {
		evs, err := d.Line(event.Source{Offset: at}, []byte(strings.TrimSpace(line)), read.Hint{Seen: seen})
		if err != nil {
			t.Fatal(err)
		}
		if len(evs) == 1 {
			service = evs[0].Service
		}
		return len(evs), service
	}
	stranger := new(read.Decoder)
	if n, _ := read1(stranger, 0, iisFields); n != 1 {
		t.Error("a datagram is lost")
	}
	if _, s := read1(stranger, 9, iisShort); s != "" {
		t.Error("a datagram says what others hold")
	}
	late := new(read.Decoder)
	late.Header("")
	if n, _ := read1(late, 100, iisFields); n != 1 || late.Columns() != "" {
		t.Error("a line in the middle of a log says what others hold")
	}
	d := new(read.Decoder)
	d.Header("")
	at := int64(0)
	for line := range strings.Lines(iisHeader) {
		if n, _ := read1(d, at, line); n != 0 {
			t.Errorf("%q is an event", line)
		}
		at += int64(len(line))
		again := new(read.Decoder) // as after a restart
		again.Header(d.Columns())
		d = again
	}
	if _, s := read1(d, at, iisShort); s != "iis" {
		t.Errorf("%q with columns %q", s, d.Columns())
	}
}
