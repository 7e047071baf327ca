package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed peer_sqlite.py
var sqliteScript string

// peers measures other engines, those that are installed: rsigma, and a Python
// with pySigma and its backend for SQLite. MENEKI_RSIGMA and MENEKI_PYSIGMA name
// the programs if they are not in the path. Time is that of their cores, without
// what loading the rules takes; it is not divided by how many cores they use.
func (b *bench) peers() error {
	dir, err := os.MkdirTemp("", "meneki-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rules, err := filepath.Abs(b.rules)
	if err != nil {
		return err
	}
	fmt.Fprintln(b.out, "| peer | events | events/s | |")
	fmt.Fprintln(b.out, "|---|---:|---:|---|")
	b.peer("rsigma", "MENEKI_RSIGMA", 20_000, func(program string, lines [][]byte) (time.Duration, string, error) {
		return rsigma(program, dir, rules, lines)
	})
	b.peer("rsigma, rules for Windows only", "MENEKI_RSIGMA", 20_000,
		func(program string, lines [][]byte) (time.Duration, string, error) {
			return rsigma(program, dir, rules, lines, "--logsource-routing", "--event-logsource", "product=windows")
		})
	b.peer("pySigma with SQLite", "MENEKI_PYSIGMA", 2000,
		func(program string, lines [][]byte) (time.Duration, string, error) {
			return pySigma(program, dir, rules, lines)
		})
	fmt.Fprintln(b.out)
	return nil
}

func (b *bench) peer(name, env string, n int, run func(program string, lines [][]byte) (time.Duration, string, error)) {
	program := os.Getenv(env)
	if program == "" {
		var err error
		if program, err = exec.LookPath(map[string]string{"MENEKI_RSIGMA": "rsigma",
			"MENEKI_PYSIGMA": "python3"}[env]); err != nil {
			program = ""
		}
	}
	if env == "MENEKI_PYSIGMA" && program != "" &&
		exec.Command(program, "-c", "import sigma.backends.sqlite").Run() != nil {
		program = ""
	}
	if program == "" {
		fmt.Fprintf(b.out, "| %s | | | not installed (%s) |\n", name, env)
		return
	}
	lines := every(b.lines, min(n, len(b.lines)))
	took, note, err := run(program, lines)
	if err != nil {
		fmt.Fprintf(b.out, "| %s | %d | | failed: %v |\n", name, len(lines), err)
		return
	}
	fmt.Fprintf(b.out, "| %s | %d | %s | %s |\n", name, len(lines), thousands(float64(len(lines))/took.Seconds()), note)
}

func writeLines(dir string, lines [][]byte) (string, error) {
	path := filepath.Join(dir, "events.ndjson")
	return path, os.WriteFile(path, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600)
}

// rsigma takes the time of one event off that of all: it is what loading takes.
func rsigma(program, dir, rules string, lines [][]byte, more ...string) (time.Duration, string, error) {
	run := func(lines [][]byte) (time.Duration, int, error) {
		path, err := writeLines(dir, lines)
		if err != nil {
			return 0, 0, err
		}
		c := exec.Command(program, append([]string{"engine", "eval", "-r", rules, "-e", "@" + path, "--output-format",
			"ndjson"}, more...)...)
		out, err := c.Output()
		if c.ProcessState == nil {
			return 0, 0, err
		}
		// It also says by its exit code that something matched.
		return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), bytes.Count(out, []byte("\n")), nil
	}
	load, _, err := run(lines[:1])
	if err != nil {
		return 0, "", err
	}
	took, matches, err := run(lines)
	if err != nil {
		return 0, "", err
	}
	if took <= load {
		return 0, "", fmt.Errorf("%v for all events, %v for one", took, load)
	}
	version, _ := exec.Command(program, "--version").Output()
	return took - load, fmt.Sprintf("%s; %d matches, as it knows no channels; loading took %.1f s", firstLine(version),
		matches, load.Seconds()), nil
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return string(line)
}

func pySigma(program, dir, rules string, lines [][]byte) (time.Duration, string, error) {
	path, err := writeLines(dir, lines)
	if err != nil {
		return 0, "", err
	}
	out, err := exec.Command(program, "-c", sqliteScript, path, rules).Output()
	if err != nil {
		return 0, "", err
	}
	var got struct {
		Queries, Refused, Matches int
		Seconds                   float64
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return 0, "", err
	}
	return time.Duration(got.Seconds * float64(time.Second)),
		fmt.Sprintf("%d queries, %d refused or failed; %d matches, without log sources; converting not counted",
			got.Queries, got.Refused, got.Matches), nil
}
