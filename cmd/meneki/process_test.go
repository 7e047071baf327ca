package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/store"
)

// buildDir is where the program is built that the tests start as processes.
var buildDir = filepath.Join(os.TempDir(), fmt.Sprintf("meneki-test-%d", os.Getpid()))

var build = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(buildDir, "meneki"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// program builds meneki once and gives its path.
func program(t *testing.T) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(buildDir, "meneki")
}

// swept removes what was built when all tests have run.
type swept struct{ *testing.M }

func (s swept) Run() int {
	code := s.M.Run()
	_ = os.RemoveAll(buildDir)
	return code
}

// output is what a process has written so far; safe for concurrent use.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is meneki running.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err output
	ended    chan struct{}
}

// start starts meneki; it is killed when the test ends.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(t.Context(), program(t), args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if said := p.err.String(); t.Failed() && said != "" {
			t.Logf("%s said, at the end: %s", args[0], said[max(0, len(said)-6000):])
		}
	})
	return p
}

// kill ends the process as a power cut would: it is told nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop ends the process as an operator does.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.kill()
		p.t.Errorf("%v does not end when it is asked to\n%s", p.cmd.Args[1:], p.err.String())
	}
}

// says waits until the process has printed text on standard output.
func (p *process) says(text string) {
	p.t.Helper()
	await.Until(p.t, 30*time.Second, func() string {
		select {
		case <-p.ended:
			p.t.Fatalf("%v ended before it said %q\n%s%s", p.cmd.Args[1:], text, p.out.String(), p.err.String())
		default:
		}
		if !strings.Contains(p.out.String(), text) {
			return fmt.Sprintf("%v does not say %q: %s%s", p.cmd.Args[1:], text, p.out.String(), p.err.String())
		}
		return ""
	})
}

// run runs a command to its end.
func run(t *testing.T, env []string, args ...string) (out, errText string, code int) {
	t.Helper()
	path := program(t) // building it takes a time of its own
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 5 * time.Second
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%v does not end\n%s%s", args, o.String(), e.String())
	}
	if x, ok := errors.AsType[*exec.ExitError](err); ok {
		return o.String(), e.String(), x.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), 0
}

// refused runs a command that must end with an exit code, one error line and a
// hint, and nothing of the program's inside.
func refused(t *testing.T, env []string, code int, text, hint string, args ...string) {
	t.Helper()
	_, got, c := run(t, env, args...)
	if c != code {
		t.Errorf("%v: exit code %d, want %d\n%s", args, c, code, got)
	}
	lines := strings.Split(strings.TrimSpace(got), "\n")
	n := 0
	for _, l := range lines {
		if strings.HasPrefix(l, "error: ") {
			n++
		}
	}
	if n != 1 || !strings.Contains(got, "error: ") || !strings.Contains(got, text) ||
		hint != "" && !strings.Contains(got, "hint: "+hint) {
		t.Errorf("%v: want one error with %q and a hint with %q, got\n%s", args, text, hint, got)
	}
	for _, bad := range []string{"goroutine ", "panic:", "runtime error"} {
		if strings.Contains(got, bad) {
			t.Errorf("%v: %s", args, got)
		}
	}
}

// freePort gives a port of the loopback interface that nobody uses.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// hub is a hub that runs as a process, and can be started again as it was.
type hub struct {
	*process
	data, listen, bus string
	state             string // file or URL of its database
	env               []string
}

func newHub(t *testing.T) *hub {
	t.Helper()
	return newHubOn(t, t.TempDir(), "")
}

// newHubOn starts a hub that has its data in dir, and keeps its state in the
// database at url; "" is a file among its data.
func newHubOn(t *testing.T, dir, url string) *hub {
	t.Helper()
	h := &hub{data: filepath.Join(dir, "hub"), listen: freePort(t), bus: freePort(t),
		env: []string{"XDG_STATE_HOME=" + filepath.Join(t.TempDir(), "state"), "LANG=C", "LC_ALL=C"}}
	if h.state = url; url != "" {
		h.env = append(h.env, "MENEKI_DB="+url)
	} else {
		h.state = filepath.Join(h.data, "hub.db")
	}
	h.up(t)
	return h
}

// up starts the hub, and waits until it serves.
func (h *hub) up(t *testing.T) {
	t.Helper()
	h.process = start(t, h.env, h.args()...)
	h.says("Invite a member")
}

func (h *hub) args() []string {
	return []string{"hub", "--data", h.data, "--listen", h.listen, "--bus", h.bus, "--case-level", "low",
		"--name", "Test Hub"}
}

// invite gives a token for a new member.
func (h *hub) invite(t *testing.T, name, sector string) (id, token string) {
	t.Helper()
	out, errText, code := run(t, h.env, "member", "invite", name, "--sector", sector, "--data", h.data, "--json")
	var v struct{ Member, Token string }
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || v.Token == "" {
		t.Fatalf("invite: exit code %d, %v\n%s%s", code, err, out, errText)
	}
	return v.Member, v.Token
}

// node is a node that runs as a process, and can be started again as it was.
type node struct {
	*process
	hub         *hub
	id, token   string
	data, watch string
	more        []string
}

// newNode invites a member and starts its node, which watches a folder.
func (h *hub) newNode(t *testing.T, name, sector string, more ...string) *node {
	t.Helper()
	dir := t.TempDir()
	n := &node{hub: h, data: filepath.Join(dir, "node"), watch: filepath.Join(dir, "watch"), more: more}
	if err := os.Mkdir(n.watch, 0o700); err != nil {
		t.Fatal(err)
	}
	n.id, n.token = h.invite(t, name, sector)
	n.up(t)
	return n
}

func (n *node) args() []string {
	return append([]string{"node", "--data", n.data, "--join", "http://" + n.hub.listen, "--token", n.token, "--watch",
		n.watch, "--listen", ""}, n.more...)
}

// up starts the node, and waits until it works.
func (n *node) up(t *testing.T) {
	t.Helper()
	n.process = start(t, n.hub.env, n.args()...)
	n.says("rules loaded")
}

// db opens the database of a hub or node beside the process.
func db(t *testing.T, path string) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), store.Options{URL: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// ask reads rows out of a database.
func ask[T any](t *testing.T, d *store.DB, query string, args ...any) []T {
	t.Helper()
	var out []T
	err := d.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		out, err = store.Query[T](tx, query, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// number reads one number out of a database.
func number(t *testing.T, d *store.DB, query string, args ...any) int64 {
	t.Helper()
	return ask[int64](t, d, query, args...)[0]
}
