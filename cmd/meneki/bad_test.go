package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
)

// longLine is a JSON record of n bytes.
func longLine(n int) []byte {
	b := []byte(`{"Channel": "Security", "EventID": 1, "Message": "`)
	b = append(b, bytes.Repeat([]byte("x"), n-len(b)-3)...)
	return append(b, '"', '}', '\n')
}

// zipOf packs one file.
func zipOf(t *testing.T, name string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// peak is the most memory that a process has used, in bytes; 0 if the system
// does not tell.
func peak(p *process) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	n, err := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// old gives a sample event with a clock that was never set.
func old(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte("2026-11-22"), []byte("1970-01-01"))
}

// Records that cannot be read are named with their place and the reason. The
// rest of the file, and of the folder, goes on.
func TestBadRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes and reads 50 MB")
	}
	t.Parallel()
	samples := sampleDir(t)
	h := newHub(t)
	n := h.newNode(t, "Power Co", "power", "--share", "open", "--rules", filepath.Join(samples, "rules"))

	attack := wave(t, 0)
	lines := bytes.SplitAfter(attack, []byte("\n"))
	var mixed []byte // record 2 is too long, record 4 broken, record 6 no UTF-8
	mixed = append(mixed, lines[0]...)
	mixed = append(mixed, longLine(50<<20)...)
	mixed = append(mixed, lines[1]...)
	mixed = append(mixed, "{\"Channel\": \"Security\", \"EventID\": \n"...)
	mixed = append(mixed, lines[2]...)
	mixed = append(mixed,
		"{\"Channel\": \"Security\", \"EventID\": 4688, \"NewProcessName\": \"C:\\\\\xff\xfe\\\\a.exe\"}\n"...)
	mixed = append(mixed, bytes.Join(lines[3:], nil)...)
	write(t, filepath.Join(n.watch, "mixed.jsonl"), mixed)
	findings(t, filepath.Join(n.data, "node.db"), attack)
	names := func(what ...string) {
		t.Helper()
		await.Until(t, 20*time.Second, func() string {
			for _, l := range strings.Split(n.err.String(), "\n") {
				all := strings.Contains(l, "level=WARN") || strings.Contains(l, "level=INFO")
				for _, w := range what {
					all = all && strings.Contains(l, w)
				}
				if all {
					return ""
				}
			}
			return fmt.Sprintf("no line of the log has %q:\n%s", what, n.err.String())
		})
	}
	names("a record was refused", "mixed.jsonl", "record=2", fmt.Sprintf("offset=%d", len(lines[0])),
		"the record is larger than 16777216 bytes")
	names("a record was refused", "mixed.jsonl", "record=4")
	names("a record is not UTF-8", "mixed.jsonl", "record=6", "iconv")
	all := append([]byte(nil), attack...)

	// A clock that says 1970: the events are kept, and matched.
	more := old(wave(t, 1))
	write(t, filepath.Join(n.watch, "old.jsonl"), more)
	all = append(all, more...)
	findings(t, filepath.Join(n.data, "node.db"), all)
	atHub(t, h, n)

	// A zip that was cut short: what came before the cut is read.
	more = bytes.Repeat(wave(t, 2), 1)
	pack := zipOf(t, "events.json", append(append([]byte(nil), more...), wave(t, 3)...))
	write(t, filepath.Join(n.watch, "cut.zip"), pack[:len(pack)*9/10])
	names("a record was refused", "cut.zip!events.json", "cut short")
	nd := db(t, filepath.Join(n.data, "node.db"))
	await.Until(t, 10*time.Second, func() string {
		if number(t, nd, `SELECT count(*) FROM findings WHERE host LIKE 'W2-%'`) == 0 {
			return "nothing was found in what is left of the archive"
		}
		return ""
	})

	// Files that hold no log are passed by; what comes after is read.
	write(t, filepath.Join(n.watch, "capture.pcap"), []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00"))
	more = wave(t, 4)
	write(t, filepath.Join(n.watch, "zzz.jsonl"), more)
	await.Until(t, 20*time.Second, func() string {
		if number(t, nd, `SELECT count(*) FROM findings WHERE host LIKE 'W4-%'`) < 5 {
			return "nothing was found behind the bad files"
		}
		return ""
	})
	if m := peak(n.process); m > 400<<20 {
		t.Errorf("the node has used %d MB", m>>20)
	} else {
		t.Logf("the node has used %d MB", m>>20)
	}
}

// The demo says of recordings what it could not read.
func TestDemoBadRecordings(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it plays recordings")
	}
	t.Parallel()
	dir := t.TempDir()
	env := []string{"LANG=C", "LC_ALL=C", "XDG_STATE_HOME=" + dir}
	attack := wave(t, 0)
	at := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, b := range map[string][]byte{
		"long.jsonl": append(longLine(50<<20), attack...),
		"utf8.jsonl": append([]byte("{\"a\": \"\xff\n"), attack...),
		"cut.zip":    func() []byte { z := zipOf(t, "a.json", bytes.Repeat(attack, 3)); return z[:len(z)*9/10] }(),
		"1970.jsonl": old(attack),
	} {
		out, errText, code := run(t, env, "demo", "--once", "--json", "--events", at(name, b))
		if code != 0 || !strings.Contains(out, `"ok": true`) {
			t.Errorf("%s: exit code %d\n%s", name, code, errText)
		}
		if name == "1970.jsonl" {
			if !strings.Contains(out, `"events": 33`) {
				t.Errorf("%s: events were lost", name)
			}
		} else if !strings.Contains(errText, name) || !strings.Contains(errText, "a record was refused") {
			t.Errorf("%s: not named:\n%s", name, errText)
		}
	}
	for name, b := range map[string]string{"capture.pcap": "\xd4\xc3\xb2\xa1\x02\x00\x04\x00",
		"system.evtx": "ElfFile\x00\x00\x00", "table.csv": "a,b,c\n1,2,3\n"} {
		refused(t, env, 65, "error: no event could be read: "+filepath.Join(dir, name)+": ", "give events as EVTX",
			"demo", "--once", "--events", at(name, []byte(b)))
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"folder/a.pcap", "folder/b.pcapng", "folder/c.csv"} {
		at(name, []byte("\xd4\xc3\xb2\xa1\x02\x00"))
	}
	refused(t, env, 65, "files left out: 3", "give events as EVTX", "demo", "--once", "--events", folder)
	at("folder/quiet.jsonl", []byte("{\"a\":1}\n"))
	if out, _, _ := run(t, env, "demo", "--once", "--events", folder); !strings.Contains(out,
		"not read: 0 records, 3 files") {
		t.Errorf("files that were left out beside one that was read are not told of:\n%s", out)
	}
	refused(t, env, 1, "error: nothing was found", "", "demo", "--once", "--events", at("empty.jsonl", nil))
}

// fill writes a file of n zeros, as far as the disk lets it.
func fill(path string, n int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, zeros{}, n)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
