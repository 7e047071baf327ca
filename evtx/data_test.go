package evtx

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// realFiles gives the event logs of the folder of real data, or skips the test.
func realFiles(t testing.TB, folders ...string) []string {
	t.Helper()
	d := os.Getenv("MENEKI_DATA_DIR")
	if d == "" {
		d = filepath.Join("..", "..", "shared", "data")
	}
	var files []string
	for _, f := range folders {
		err := filepath.WalkDir(filepath.Join(d, f), func(path string, e fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".evtx" {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			missing(t, fmt.Sprintf("real data: %v (set MENEKI_DATA_DIR)", err))
		}
	}
	return files
}

// missing skips the test, which in CI is a failure.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

type one struct {
	id   uint64
	xml  string
	json string
}

// readAll reads a file in all forms, and fails on any error.
func readAll(t *testing.T, path string) []one {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(f, st.Size())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var all []one
	for rec, err := range r.All() {
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		x, err := rec.AppendXML(nil)
		if err != nil {
			t.Error(err)
		}
		j, err := rec.AppendJSON(nil)
		if err != nil {
			t.Error(err)
		}
		all = append(all, one{rec.ID, string(x), string(j)})
	}
	return all
}

// tool gives the program's path, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

// Every record of every file is what evtxexport says it is.
func TestRealExport(t *testing.T) {
	export := tool(t, "evtxexport")
	files := realFiles(t, "evtx", "sigma-golden")
	records, refused := 0, 0
	for _, path := range files {
		var out, bad bytes.Buffer
		cmd := exec.Command(export, "-f", "xml", path)
		cmd.Stdout, cmd.Stderr = &out, &bad
		if err := cmd.Run(); err != nil {
			// Records that are no template it does not read at all.
			if !strings.Contains(bad.String(), "invalid binary XML token - unsupported type: 0x05") {
				t.Errorf("%s: %v: %s", path, err, bad.String())
			}
			refused++
			if len(readAll(t, path)) == 0 {
				t.Errorf("%s: no records", path)
			}
			continue
		}
		theirs := strings.SplitAfter(out.String(), "</Event>")
		theirs = theirs[:len(theirs)-1]
		theirs[0] = theirs[0][strings.Index(theirs[0], "<Event"):]
		mine := readAll(t, path)
		if len(mine) != len(theirs) {
			t.Errorf("%s: %d records, evtxexport has %d", path, len(mine), len(theirs))
			continue
		}
		records += len(mine)
		for i := range mine {
			compare(t, path, mine[i], theirs[i], func(want, got *element) string { return cmp.Diff(want, got) })
		}
	}
	t.Logf("%d records in %d files, of which evtxexport cannot read %d", records, len(files), refused)
	if len(files) != 183 || records < 1348 || refused != 5 {
		t.Errorf("%d files, %d records compared, %d files refused", len(files), records, refused)
	}
}

func compare(t *testing.T, path string, mine one, theirs string, diff func(want, got *element) string) {
	t.Helper()
	want, err := tree(theirs)
	if err != nil {
		t.Errorf("%s record %d: their XML: %v", path, mine.id, err)
		return
	}
	got, err := tree(mine.xml)
	if err != nil {
		t.Errorf("%s record %d: our XML: %v", path, mine.id, err)
		return
	}
	if d := diff(want, got); d != "" {
		t.Errorf("%s record %d (-theirs +ours):\n%s", path, mine.id, d)
	}
}

const pythonScript = `
import sys, json
from Evtx.Evtx import Evtx
for path in sys.argv[1:]:
    n = 0
    try:
        with Evtx(path) as log:
            for r in log.records():
                try:
                    print(json.dumps({"path": path, "id": r.record_num(), "xml": r.xml()}))
                except Exception as e:
                    print(json.dumps({"path": path, "id": r.record_num(), "error": repr(e)}))
    except Exception as e:
        print(json.dumps({"path": path, "error": repr(e)}))
`

// Every record of every file is what python-evtx says it is, and has its number.
func TestRealPython(t *testing.T) {
	python := tool(t, "python3")
	if exec.Command(python, "-c", "import Evtx").Run() != nil {
		python = "/usr/bin/python3" // Debian's package serves Debian's Python
		if exec.Command(python, "-c", "import Evtx").Run() != nil {
			missing(t, "python3 has no module Evtx (python3-evtx)")
		}
	}
	files := realFiles(t, "evtx", "sigma-golden")
	whole := !testing.Short()
	if !whole {
		files = files[len(files)-100:]
	}
	cmd := exec.Command(python, append([]string{"-c", pythonScript}, files...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	records, refused := 0, map[string]int{}
	path, mine := "", map[uint64]one{}
	seen := 0
	done := func() {
		if path != "" && refused[path] == 0 && seen != len(mine) {
			t.Errorf("%s: %d records, python-evtx has %d", path, len(mine), seen)
		}
	}
	d := json.NewDecoder(bufio.NewReader(out))
	for {
		var line struct {
			Path, XML, Error string
			ID               uint64
		}
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if line.Path != path {
			done()
			path, mine, seen = line.Path, map[uint64]one{}, 0
			for _, o := range readAll(t, path) {
				mine[o.id] = o
			}
		}
		if line.Error != "" {
			refused[path]++
			if !strings.Contains(line.Error, "NullTypeNode") && !strings.Contains(line.Error, "OverrunBuffer") {
				t.Errorf("%s record %d: %s", path, line.ID, line.Error)
			}
			continue
		}
		o, ok := mine[line.ID]
		if !ok {
			t.Errorf("%s: record %d is missing", path, line.ID)
			continue
		}
		seen++
		records++
		compare(t, path, o, line.XML, pythonDiff)
	}
	done()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records in %d files, of which python-evtx cannot read %d", records, len(files), len(refused))
	if whole && (records < 1348 || len(refused) != 6) {
		t.Errorf("%d records compared, %d files refused: %v", records, len(refused), refused)
	}
}

// Each golden JSON says the same as ours, and as the fields do.
func TestRealGolden(t *testing.T) {
	files := realFiles(t, "sigma-golden")
	records := 0
	for _, path := range files {
		b, err := os.ReadFile(strings.TrimSuffix(path, ".evtx") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var want []any
		for d := json.NewDecoder(bytes.NewReader(b)); ; {
			var v any
			if err := d.Decode(&v); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if list, ok := v.([]any); ok {
				want = append(want, list...)
			} else {
				want = append(want, v)
			}
		}
		var got []any
		for _, o := range readAll(t, path) {
			var v any
			if err := json.Unmarshal([]byte(o.json), &v); err != nil {
				t.Fatalf("%s: %v: %s", path, err, o.json)
			}
			got = append(got, v)
		}
		records += len(got)
		plain(want)
		plain(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-golden +ours):\n%s", path, d)
		}
	}
	if len(files) != 91 || records < 113 {
		t.Errorf("%d files, %d records", len(files), records)
	}
}

// plain takes away what the tools that made the golden files changed: they cut
// spaces off the end of texts; one wrote times to the nanosecond, and one file
// name in other letters.
func plain(v any) {
	word := func(v any) any {
		s, ok := v.(string)
		if !ok {
			plain(v)
			return v
		}
		if s == `C:\Windows\Explorer.EXE` {
			s = `C:\Windows\Explorer.exe`
		}
		s = strings.TrimRight(s, " ")
		if moment.MatchString(s) && len(s) > 26 {
			s = s[:26] + "Z"
		}
		return s
	}
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = word(v[k])
		}
	case []any:
		for i := range v {
			v[i] = word(v[i])
		}
	}
}

// Of every record, the fields are what the JSON says, in both ways to them.
func TestRealFields(t *testing.T) {
	records := 0
	for _, path := range realFiles(t, "evtx", "sigma-golden") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var inFile, inStream []string
		for r, err := range open(t, b).All() {
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			fields, err := r.Fields()
			if err != nil {
				t.Fatal(err)
			}
			got := toMap(t, fields)
			j, err := r.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(flatten(t, string(j)), got); d != "" {
				t.Errorf("%s record %d (-JSON +fields):\n%s", path, r.ID, d)
			}
			// The forwarder's own event 111 is in no channel.
			id, ok := got["EventID"].(int64)
			if !ok || got["Channel"] == nil && id != 111 || got["Provider_Name"] == nil || got["TimeCreated"] == nil {
				t.Errorf("%s record %d: no EventID, Channel, Provider_Name or TimeCreated in %v", path, r.ID, got)
			}
			sameSlow(t, r)
			records++
			inFile = append(inFile, string(j))
		}
		for r, err := range stream1(t, iotest.HalfReader(bytes.NewReader(b))) {
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			j, err := r.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			inStream = append(inStream, string(j))
		}
		if d := cmp.Diff(inFile, inStream); d != "" {
			t.Errorf("%s (-file +stream):\n%s", path, d)
		}
	}
	if records != 1709 {
		t.Errorf("%d records", records)
	}
}

// Chunk by chunk, each read by a Chunk of its own, a file gives what All gives.
func TestRealChunks(t *testing.T) {
	n := 0
	for _, path := range realFiles(t, "evtx", "sigma-golden") {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := append(bytes.Clone(whole[:len(whole)/2]), whole[len(whole)/2+100:]...)
		for _, b := range [][]byte{whole, damaged} {
			told := func(rec *Record, err error) string {
				if err != nil {
					return err.Error()
				}
				text, err := rec.AppendJSON(nil)
				return fmt.Sprint(rec.ID, rec.Offset, string(text), err)
			}
			for _, open := range []func() (*Reader, error){
				func() (*Reader, error) { return NewReader(bytes.NewReader(b), int64(len(b))) },
				func() (*Reader, error) { return NewStream(bytes.NewReader(b)) },
			} {
				r, err := open()
				if err != nil {
					t.Fatal(err)
				}
				var want, got []string
				for rec, err := range r.All() {
					want = append(want, told(rec, err))
				}
				r, _ = open()
				for raw, err := range r.Chunks() {
					if err != nil {
						got = append(got, told(nil, err))
						continue
					}
					c := new(Chunk)
					if err := c.Reset(raw.Data, raw.Offset, raw.Index); err != nil {
						t.Fatal(err)
					}
					for rec, err := range c.All() {
						got = append(got, told(rec, err))
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("%s: %s", path, d)
				}
				n += len(got)
			}
		}
	}
	if n < 3000 {
		t.Errorf("%d records", n)
	}
}
