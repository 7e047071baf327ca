package read_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// dataDir finds the folder of real data, or skips the test.
func dataDir(t *testing.T) string {
	t.Helper()
	d := os.Getenv("MENEKI_DATA_DIR")
	if d == "" {
		d = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(d, "events-windows")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", d)
	}
	return d
}

type tally struct {
	events                                int
	noProduct, noTime, noRoute, noChannel int
	noHost, fromSeen                      int
	categories                            map[string]int
	ids                                   map[string]bool
	observables                           map[event.ObservableType]int
}

func count(t *testing.T, path, product string) (tally, read.Report) {
	t.Helper()
	n := tally{categories: map[string]int{}, ids: map[string]bool{}, observables: map[event.ObservableType]int{}}
	rep, err := read.Paths(context.Background(), []string{path}, read.Options{}, func(ev *event.Event) error {
		n.events++
		if ev.Product != product {
			n.noProduct++
		}
		if ev.Time.IsZero() {
			n.noTime++
		}
		if ev.Time.Equal(ev.Seen) {
			n.fromSeen++
		}
		if ev.Service == "" {
			n.noRoute++
			t.Logf("no service: %s %v %v", ev.From.Name, ev.Fields["Channel"], ev.Fields["Provider_Name"])
		}
		if ev.Product == "windows" {
			if _, ok := ev.Fields["Channel"]; !ok {
				n.noChannel++
			}
			if _, ok := ev.Fields["EventID"].(int64); !ok {
				t.Errorf("EventID is %T in %s record %d", ev.Fields["EventID"], ev.From.Name, ev.From.Record)
			}
		}
		if ev.Host == "" {
			n.noHost++
		}
		for _, c := range ev.Categories {
			n.categories[c]++
		}
		if n.ids[ev.ID] {
			t.Errorf("id %s comes twice", ev.ID)
		}
		n.ids[ev.ID] = true
		for _, o := range event.Observables(ev) {
			n.observables[o.Type]++
			if c, ok := event.Canonical(o.Type, o.Value); !ok || c != o.Value {
				t.Errorf("observable %v is not canonical: %q", o, c)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, rep
}

func TestRealWindowsEvents(t *testing.T) {
	dir := dataDir(t)
	zips, _ := filepath.Glob(filepath.Join(dir, "events-windows", "datasets", "*", "*", "*", "*", "*.zip"))
	if len(zips) != 52 {
		t.Errorf("%d zips, want 52", len(zips))
	}
	total := 0
	for _, z := range zips {
		n, rep := count(t, z, "windows")
		t.Logf("%6d events %9d bytes %s %v", n.events, rep.Bytes, filepath.Base(z), n.observables)
		if n.events == 0 || rep.BadN != 0 || n.noProduct+n.noTime+n.noRoute+n.noChannel+n.noHost+n.fromSeen != 0 {
			t.Errorf("%s: %+v bad %v", z, rep, rep.Bad)
			t.Errorf("%d events: without product %d, time %d, service %d, channel %d, host %d, own time %d",
				n.events, n.noProduct, n.noTime, n.noRoute, n.noChannel, n.noHost, n.fromSeen)
		}
		total += n.events
	}
	t.Logf("%d events in %d zips", total, len(zips))
	if total != 50807 {
		t.Errorf("%d events, want 50807", total)
	}
}

func TestRealGolden(t *testing.T) {
	dir := dataDir(t)
	n, rep := count(t, filepath.Join(dir, "sigma-golden"), "windows")
	t.Logf("%d events in %d files, %d skipped, categories %v, observables %v", n.events, rep.Files, rep.SkipN,
		n.categories, n.observables)
	for _, s := range rep.Skipped[:5] {
		t.Log(s.Name, s.Reason.EN)
	}
	// One of the samples is a message of a Cisco device.
	if n.events < 92 || rep.BadN != 0 || n.noProduct != 1 || n.noTime+n.noRoute != 0 {
		t.Errorf("%+v, without product windows %d, time %d, service %d", rep.Bad, n.noProduct, n.noTime, n.noRoute)
	}
}

func TestRealOther(t *testing.T) {
	dir := dataDir(t)
	for file, want := range map[string]string{
		"atomic/aws/collection/ec2_proxy_s3_exfiltration.zip":                                    "aws",
		"atomic/linux/defense_evasion/host/sh_binary_padding_dd.zip":                             "linux",
		"atomic/linux/discovery/host/sh_arp_cache.zip":                                           "linux",
		"compound/Log4Shell/securityauditing_log4shell_cve2021_44228_java_serialized_object.zip": "windows",
		"compound/Log4Shell/sysmon_log4shell_cve2021_44228_java_serialized_object.zip":           "windows",
		"compound/Log4Shell/syslog_auoms_auditd_log4shell_cve2021_44228_jndi_reference.zip":      "linux",
		"compound/Log4Shell/syslog_sysmon_log4shell_cve2021_44228_jndi_reference.zip":            "linux",
	} {
		n, rep := count(t, filepath.Join(dir, "events-other", "datasets", file), want)
		t.Logf("%d events %s: %v %v", n.events, filepath.Base(file), n.categories, n.observables)
		if n.events == 0 || rep.BadN != 0 || n.noProduct+n.noTime+n.noRoute+n.fromSeen != 0 {
			t.Errorf("%s: %d events, %+v, without product %s %d, time %d, service %d", file, n.events, rep.Bad, want,
				n.noProduct, n.noTime, n.noRoute)
		}
	}
	_, rep := count(t, filepath.Join(dir, "events-other"), "")
	for _, s := range rep.Skipped {
		t.Log("skipped", s.Name, s.Reason.EN)
	}
	if rep.SkipN == 0 {
		t.Error("packet captures and CSV are in the folder, and none was listed as skipped")
	}
}

// The short way from a record of an event log to what rules match has the same
// as the way over JSON.
func TestLogFields(t *testing.T) {
	dir := dataDir(t)
	compared := 0
	for _, folder := range []string{"evtx", "sigma-golden"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".evtx" {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			r, err := evtx.NewReader(f, info.Size())
			if err != nil {
				return err
			}
			var d read.Decoder
			source, hint := event.Source{Sensor: "file", Name: path}, read.Hint{Seen: time.Unix(1e9, 0)}
			for rec, err := range r.All() {
				if err != nil {
					continue
				}
				long, err1 := d.Log(source, rec, hint)
				short, err2 := d.LogFields(source, rec, hint)
				if err1 != nil || err2 != nil {
					t.Errorf("%s, record %d: %v, %v", path, rec.ID, err1, err2)
					continue
				}
				compared++
				long.ID, long.Raw = "", nil
				if d := cmp.Diff(long, short); d != "" {
					t.Errorf("%s, record %d (-over JSON +short):\n%s", filepath.Base(path), rec.ID, d)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if compared < 1500 {
		t.Errorf("%d records compared", compared)
	}
}
