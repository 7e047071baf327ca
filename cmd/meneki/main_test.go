package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/meneki/meneki/internal/cli"
	"github.com/meneki/meneki/internal/demo/samples"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
)

func TestMain(m *testing.M) {
	testscript.Main(swept{m}, map[string]func(){
		"meneki": func() { os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// The command line as people use it: each script runs the real program.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:      filepath.Join("testdata", "script"),
		Deadline: time.Now().Add(8 * time.Minute),
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "XDG_STATE_HOME="+filepath.Join(e.WorkDir, "state"), "LANG=C")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"samples": writeSamples, "report": report, "exit": exitCode,
		},
	})
}

// samples DIR writes meneki's own recordings and rules there, and beside the
// attack's recording the same without the events that any rule matches.
func writeSamples(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: samples DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.CopyFS(dir, samples.Files()))
	set, err := sigma.Load(samples.Files(), "rules")
	ts.Check(err)
	var rest bytes.Buffer
	removed := 0
	b, err := fs.ReadFile(samples.Files(), "events/power-live.jsonl")
	ts.Check(err)
	_, err = read.Stream(context.Background(), "power-live.jsonl", bytes.NewReader(b), read.Options{},
		func(ev *event.Event) error {
			matched := false
			for range set.Match(ev) {
				matched = true
				break
			}
			if matched {
				removed++
			} else {
				rest.Write(append(slices.Clone(ev.Raw), '\n'))
			}
			return nil
		})
	ts.Check(err)
	if removed == 0 || rest.Len() == 0 {
		ts.Fatalf("%d events matched, %d bytes left", removed, rest.Len())
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "harmless.jsonl"), rest.Bytes(), 0o600))
}

// exitCode N COMMAND... runs a command and holds its exit code against N.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if (got == want) == neg {
		ts.Fatalf("%v: exit code %d", args[1:], got)
	}
}

// report checks what demo --json printed: "key=value" holds the value of a key
// against a text, the length of a list or its members' names against it; "key>n"
// wants a list or number greater than n.
func report(ts *testscript.TestScript, neg bool, args []string) {
	var r map[string]any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &r); err != nil {
		ts.Fatalf("standard output is not one JSON object: %v", err)
	}
	for _, a := range args {
		key, want, greater := strings.Cut(a, ">")
		if !greater {
			key, want, _ = strings.Cut(a, "=")
		}
		key, of, by := strings.Cut(key, ".")
		v, there := r[key]
		got := fmt.Sprint(v)
		n, number := v.(float64)
		if list, ok := v.([]any); ok {
			got, n, number = strconv.Itoa(len(list)), float64(len(list)), true
			if by {
				got = names(list, of)
			}
		}
		switch {
		case !there:
			got = ""
		case greater:
			least, err := strconv.ParseFloat(want, 64)
			ts.Check(err)
			if number && n > least {
				got = want
			}
		}
		if (got == want) == neg {
			ts.Fatalf("%s: %s is %q", a, key, got)
		}
	}
}

// names joins what the objects of a list hold under key, each once, sorted.
func names(list []any, key string) string {
	var out []string
	for _, x := range list {
		m, _ := x.(map[string]any)
		s := ""
		if m[key] != nil {
			s = fmt.Sprint(m[key])
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}
