package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/store"
)

// program is the real binary, as it is released.
type program struct {
	path string
	dir  string
}

func buildProgram(ctx context.Context, s settings) (*program, error) {
	p := &program{path: filepath.Join(s.dir, "meneki"), dir: s.dir}
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", p.path, "./cmd/meneki")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build meneki: %w: %s", err, out)
	}
	return p, nil
}

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.path, args...)
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(p.dir, "state"))
	return c
}

// process is one running hub or node.
type process struct {
	cmd   *exec.Cmd
	began time.Time
	said  *bytes.Buffer // read after the end only
}

func (p *program) start(ctx context.Context, args ...string) (*process, error) {
	c, said := p.command(ctx, args...), &bytes.Buffer{}
	c.Stdout, c.Stderr = said, said
	began := time.Now()
	if err := c.Start(); err != nil {
		return nil, err
	}
	return &process{c, began, said}, nil
}

// stop ends the process in order.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%s did not end in order: %w: %s", p.cmd.Args[1], err, p.said)
	}
	return nil
}

// kill ends it at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// resident returns the resident memory, and the part of it that is the process's
// own rather than pages of the program file.
func (p *process) resident() (rss, own int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			rss = n * 1024
		case "RssAnon:":
			own = n * 1024
		}
	}
	return rss, own, nil
}

// freePort returns a free address.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// firstPage waits for the first answer of 200 and returns how long that took.
func firstPage(ctx context.Context, p *process, url string) (time.Duration, error) {
	c := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	err := until(ctx, 30*time.Second, func() (bool, error) {
		rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		r, err := c.Do(rq)
		if err != nil {
			return false, ctx.Err() // not there yet
		}
		return r.StatusCode == http.StatusOK, r.Body.Close()
	})
	return time.Since(p.began), err
}

// site is a hub's folder and addresses.
type site struct {
	program     *program
	data        string
	listen, bus string
}

func newSite(p *program, name string) (site, error) {
	s := site{program: p, data: filepath.Join(p.dir, name)}
	var err error
	if s.listen, err = freePort(); err == nil {
		s.bus, err = freePort()
	}
	return s, err
}

func (s site) hub(ctx context.Context) (*process, error) {
	return s.program.start(ctx, "hub", "--data", s.data, "--listen", s.listen, "--bus", s.bus)
}

func (s site) page() string { return "http://" + s.listen + "/openapi.json" }

// invite returns a member and the arguments with which its node joins.
func (s site) invite(ctx context.Context, name string) (member string, join []string, err error) {
	c := s.program.command(ctx, "member", "invite", name, "--sector", "power", "--data", s.data, "--json")
	out, err := c.Output()
	if err != nil {
		return "", nil, fmt.Errorf("invite: %w: %s", err, out)
	}
	var inv struct{ Member, Hub, Token string }
	if err := json.Unmarshal(out, &inv); err != nil {
		return "", nil, fmt.Errorf("invite: %w: %s", err, out)
	}
	return inv.Member, []string{"--join", inv.Hub, "--token", inv.Token}, nil
}

// online asks the hub's state who is connected.
func (s site) online(ctx context.Context, member string, want bool) error {
	db, err := hub.OpenStore(ctx, s.config())
	if err != nil {
		return err
	}
	defer db.Close()
	return until(ctx, 60*time.Second, func() (is bool, err error) {
		err = db.Read(ctx, store.System("bench: online"), func(tx *store.Tx) error {
			is, err = store.One[bool](tx, `SELECT online FROM member WHERE id = $1`, member)
			return err
		})
		return is == want, err
	})
}

func (s site) config() hub.Config {
	cfg := hub.Config{Data: s.data, Log: slog.New(slog.DiscardHandler)}
	_ = cfg.Validate() // fills in the rest; the folder is given
	return cfg
}
