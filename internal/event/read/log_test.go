package read_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"

	"github.com/meneki/meneki/internal/event"
)

func sampleLog(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "sample.evtx.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	log, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// A Windows event log by itself, packed, within an archive and under another
// name returns the same events.
func TestEventLog(t *testing.T) {
	dir := t.TempDir()
	log := sampleLog(t)
	packed, err := os.ReadFile(filepath.Join("testdata", "sample.evtx.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w := zip.NewWriter(&zipped)
	f, _ := w.Create("logs/sysmon.evtx")
	f.Write(log)
	w.Close()
	write(t, filepath.Join(dir, "1.evtx"), log)
	write(t, filepath.Join(dir, "2.evtx.gz"), packed)
	write(t, filepath.Join(dir, "3.zip"), zipped.Bytes())
	write(t, filepath.Join(dir, "4.log"), log)
	write(t, filepath.Join(dir, "5.evtx"), log[:len(log)-60000]) // cut
	evs, rep := paths(t, options(), dir)
	if rep.Files != 5 || len(evs) < 12 || len(evs)%3 != 0 || len(rep.Skipped) != 0 {
		t.Fatalf("%d events of %d files, bad %v, skipped %v", len(evs), rep.Files, rep.Bad, rep.Skipped)
	}
	first := evs[0]
	if first.Product != "windows" || first.Service != "sysmon" || first.Host == "" || first.From.Record != 1 ||
		first.Time.IsZero() || !bytes.HasPrefix(first.Raw, []byte(`{"Event":`)) {
		t.Errorf("%+v", first)
	}
	for i := 3; i < 12; i++ {
		if d := cmp.Diff(evs[i%3], evs[i], cmpopts.IgnoreFields(event.Event{}, "ID", "From")); d != "" {
			t.Error(d)
		}
	}
	again, _ := paths(t, options(), filepath.Join(dir, "1.evtx"))
	if again[2].ID != evs[2].ID || again[1].ID == evs[2].ID {
		t.Error("reading again returns other ids")
	}
}

// Of each golden sample the log and the JSON that another tool made of it give
// the same fields to rules.
func TestGoldenLogs(t *testing.T) {
	dir := dataDir(t)
	var logs []string
	filepath.WalkDir(filepath.Join(dir, "sigma-golden"), func(p string, _ os.DirEntry, _ error) error {
		if strings.HasSuffix(p, ".evtx") {
			logs = append(logs, p)
		}
		return nil
	})
	if len(logs) < 90 {
		t.Fatalf("%d logs", len(logs))
	}
	same := 0
	for _, p := range logs {
		evs, rep := paths(t, options(), p)
		want, _ := paths(t, options(), strings.TrimSuffix(p, ".evtx")+".json")
		if len(evs) != len(want) || len(evs) == 0 || rep.BadN > 0 {
			t.Errorf("%s: %d events, the JSON has %d; bad %v", p, len(evs), len(want), rep.Bad)
			continue
		}
		for i := range evs {
			if d := cmp.Diff(trimmed(want[i].Fields), trimmed(evs[i].Fields)); d != "" {
				t.Errorf("%s: %s", filepath.Base(p), d)
				continue
			}
			if evs[i].Product != want[i].Product || evs[i].Service != want[i].Service ||
				!cmp.Equal(evs[i].Categories, want[i].Categories) {
				t.Errorf("%s is routed to %s %s %v, want %s %s %v", p, evs[i].Product, evs[i].Service,
					evs[i].Categories, want[i].Product, want[i].Service, want[i].Categories)
			}
			same++
		}
	}
	t.Logf("%d events are the same", same)
}

// trimmed takes from fields what the JSON of the samples does not state as the
// logs do: spaces at the end of texts, case (one Explorer.EXE), and in one time
// what is less than a microsecond.
func trimmed(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if s, ok := v.(string); ok {
			v = strings.ToLower(strings.TrimRight(s, " \r\n\t"))
			if k == "TimeCreated" && len(s) > 26 {
				v = s[:26]
			}
		}
		out[k] = v
	}
	return out
}
