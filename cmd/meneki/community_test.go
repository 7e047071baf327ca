package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/store"
)

// findings waits until a database holds the matches of recorded events, and no more.
func findings(t *testing.T, path string, b []byte) {
	t.Helper()
	want, _ := matches(t, b)
	var all int64
	for _, n := range want {
		all += n
	}
	d := db(t, path)
	await.Until(t, 30*time.Second, func() string {
		if got := number(t, d, `SELECT count(*) FROM finding_event WHERE rule NOT LIKE 'indicator--%'`); got < all {
			return fmt.Sprintf("%s: %d of %d matches", path, got, all)
		}
		return ""
	})
	if got := number(t, d, `SELECT coalesce(sum(count), 0) FROM findings WHERE rule NOT LIKE 'indicator--%'`); got !=
		all {
		t.Errorf("%s: findings count %d events, %d matched", path, got, all)
	}
}

// atHub waits until the hub has the member's findings as the node has them.
func atHub(t *testing.T, h *hub, n *node) {
	t.Helper()
	hd, nd := db(t, h.state), db(t, filepath.Join(n.data, "node.db"))
	await.Until(t, 30*time.Second, func() string {
		const q = `SELECT id || ' ' || count FROM findings WHERE member = $1 ORDER BY id`
		here, there := ask[string](t, nd, q, n.id), ask[string](t, hd, q, n.id)
		if strings.Join(here, "\n") != strings.Join(there, "\n") {
			return fmt.Sprintf("%d findings at the node, %d at the hub", len(here), len(there))
		}
		return ""
	})
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A community's life: who may join, what a node does without its hub, and what
// a hub still knows after it was started again.
func TestCommunity(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	samples := sampleDir(t)
	h := newHub(t)
	n := h.newNode(t, "Power Co", "power", "--share", "open", "--rules", filepath.Join(samples, "rules"))
	all := wave(t, 0)
	live := filepath.Join(n.watch, "live.jsonl")
	write(t, live, all)
	findings(t, filepath.Join(n.data, "node.db"), all)
	atHub(t, h, n)

	t.Run("a token that was used", func(t *testing.T) {
		refused(t, h.env, 66, "error: this invitation was used already", "ask the hub for a new invitation",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", "http://"+h.listen, "--token", n.token,
			"--listen", "")
	})
	t.Run("a token that was cut", func(t *testing.T) {
		_, token := h.invite(t, "Cut", "medical")
		refused(t, h.env, 2, "error: the token is damaged", "copy it again, whole",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", "http://"+h.listen, "--token",
			token[:len(token)-2]+"!", "--listen", "")
		_, other := h.invite(t, "Other", "medical")
		refused(t, h.env, 77, "error: this invitation is not known here",
			"check that the whole token was copied and that it is for this hub",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", "http://"+h.listen, "--token",
			token[:10]+other[10:20], "--listen", "")
	})
	t.Run("the token of another hub", func(t *testing.T) {
		other := newHub(t)
		_, token := other.invite(t, "Power Co", "power")
		refused(t, h.env, 77, "error: this invitation is not known here",
			"check that the whole token was copied and that it is for this hub",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", "http://"+h.listen, "--token", token,
			"--listen", "")
	})
	t.Run("no hub there to join", func(t *testing.T) {
		nobody := freePort(t)
		refused(t, h.env, 69, "error: the hub at "+nobody+" cannot be reached", "check that the hub runs",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", "http://"+nobody, "--token", n.token,
			"--listen", "")
		refused(t, h.env, 2, "error: a token is never sent in the clear over a network",
			"use the hub's https:// address",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", "http://hub.example:8470", "--token", n.token,
			"--listen", "")
		refused(t, h.env, 2, "is not the URL of a hub", "it looks like https://",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", nobody, "--token", n.token, "--listen", "")
	})
	t.Run("something else there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "<html>hello")
		}), ReadHeaderTimeout: time.Second}
		go func() { _ = s.Serve(l) }()
		defer s.Close()
		refused(t, h.env, 2, "error: "+l.Addr().String()+" does not answer like a meneki hub", "",
			"node", "--data", filepath.Join(t.TempDir(), "n"), "--join", "http://"+l.Addr().String(), "--token",
			n.token, "--listen", "")
	})
	t.Run("a data folder in use", func(t *testing.T) {
		refused(t, h.env, 73, "error: ", "", "hub", "--data", h.data, "--listen", freePort(t), "--bus", freePort(t))
		refused(t, h.env, 73, "error: ", "", n.args()...)
	})

	const identity = `SELECT value FROM setting WHERE key = 'hub.identity'`
	before := ask[string](t, db(t, h.state), identity)
	ca, err := os.ReadFile(filepath.Join(h.data, "tls", "ca.crt"))
	if err != nil {
		list, _ := filepath.Glob(filepath.Join(h.data, "tls", "*"))
		t.Fatal(err, list)
	}
	t.Run("backup while they run", func(t *testing.T) {
		for _, data := range []string{h.data, n.data} {
			dir := t.TempDir()
			if _, errText, code := run(t, h.env, "backup", "--data", data, "--to",
				filepath.Join(dir, "b.tar.zst")); code != 0 {
				t.Fatal(errText)
			}
			if _, errText, code := run(t, h.env, "restore", "--from", filepath.Join(dir, "b.tar.zst"), "--data",
				filepath.Join(dir, "new")); code != 0 {
				t.Fatal(errText)
			}
			name := "hub.db"
			if data == n.data {
				name = "node.db"
				hist, err := history.Open(t.Context(), history.Options{Dir: filepath.Join(dir, "new", "history"),
					Clock: clock.System})
				if err != nil {
					t.Fatal(err)
				}
				if _, events := matches(t, all); hist.Totals().Events != events {
					t.Errorf("%d events in the restored history, %d were read", hist.Totals().Events, events)
				}
				if err := hist.Close(); err != nil {
					t.Error(err)
				}
			}
			const rows = `SELECT id || ' ' || version || ' ' || count FROM findings ORDER BY id`
			was, is := ask[string](t, db(t, filepath.Join(data, name)), rows), ask[string](t,
				db(t, filepath.Join(dir, "new", name)), rows)
			if len(is) == 0 || strings.Join(was, "\n") != strings.Join(is, "\n") {
				t.Errorf("%s: %d findings, %d after the restore", name, len(was), len(is))
			}
			if data == h.data {
				if again := ask[string](t, db(t, filepath.Join(dir, "new", name)),
					identity); strings.Join(again, " ") != strings.Join(before, " ") {
					t.Errorf("the restored hub is %v, was %v", again, before)
				}
			}
		}
	})
	h.stop()

	// Without a hub: a node that runs goes on, and so does one that is started.
	more := wave(t, 1)
	write(t, live, more)
	all = append(all, more...)
	findings(t, filepath.Join(n.data, "node.db"), all)
	n.stop()
	n.up(t)
	more = wave(t, 2)
	write(t, live, more)
	all = append(all, more...)
	findings(t, filepath.Join(n.data, "node.db"), all)
	if x := number(t, db(t, filepath.Join(n.data, "node.db")),
		`SELECT count(*) FROM outgoing WHERE state = 'ready'`); x == 0 {
		t.Error("nothing waits for the hub")
	}
	await.Until(t, 20*time.Second, func() string {
		if !strings.Contains(n.err.String(), "the hub cannot be reached; this node goes on by itself") {
			return "the node does not say that its hub is not there: " + n.err.String()
		}
		return ""
	})

	// The hub comes back as who it was, and the node catches up.
	h.up(t)
	atHub(t, h, n)
	atRest(t, h, all, n)
	if after := ask[string](t, db(t, h.state), identity); strings.Join(after, " ") != strings.Join(before, " ") ||
		len(after) != 1 {
		t.Errorf("the hub was %v and is %v", before, after)
	}
	if again, err := os.ReadFile(filepath.Join(h.data, "tls", "ca.crt")); err != nil || !bytes.Equal(ca, again) {
		t.Errorf("the hub's certificate authority is another one: %v", err)
	}
	out, _, _ := run(t, h.env, "member", "list", "--data", h.data)
	if !strings.Contains(out, n.id) || !strings.Contains(out, "joined") {
		t.Errorf("members after the restart:\n%s", out)
	}

	// Rotation: by renaming, by copying, and while the node is down.
	half := wave(t, 3)
	cut := bytes.IndexByte(half[len(half)/2:], '\n') + len(half)/2 - 40 // within a line
	write(t, live, half[:cut])
	await.Pace(300 * time.Millisecond) // the half of the line is read
	f, err := os.OpenFile(live, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(live, live+".1"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(half[cut:]); err != nil { // the writer still has the old file
		t.Fatal(err)
	}
	f.Close()
	more = wave(t, 4)
	write(t, live, more)
	all = append(append(all, half...), more...)
	findings(t, filepath.Join(n.data, "node.db"), all)
	n.kill()
	if err := os.Rename(live, live+".2"); err != nil {
		t.Fatal(err)
	}
	more = wave(t, 5)
	write(t, live, more)
	all = append(all, more...)
	n.up(t)
	findings(t, filepath.Join(n.data, "node.db"), all)
	b, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	write(t, live+".copy", nil)
	if err := os.WriteFile(live+".3", b, 0o600); err != nil { // copytruncate
		t.Fatal(err)
	}
	if err := os.Truncate(live, 0); err != nil {
		t.Fatal(err)
	}
	more = wave(t, 6)
	write(t, live, more)
	all = append(all, more...)
	findings(t, filepath.Join(n.data, "node.db"), all)
	atHub(t, h, n)

	t.Run("revoked", func(t *testing.T) {
		_, errText, code := run(t, h.env, "member", "revoke", n.id, "--data", h.data)
		if code != 0 {
			t.Fatal(errText)
		}
		await.Pace(5 * time.Second) // the hub looks every two seconds at a list that may be two seconds old
		write(t, live, wave(t, 7))
		all = append(all, wave(t, 7)...)
		findings(t, filepath.Join(n.data, "node.db"), all) // it still defends itself
		await.Stays(t, time.Second, func() string {
			if x := number(t, db(t, h.state), `SELECT count(*) FROM findings WHERE host LIKE 'W7-%'
				AND member = $1`, n.id); x != 0 {
				return fmt.Sprintf("the hub took %d findings of a member that was revoked", x)
			}
			return ""
		})
	})
}

// A data folder of a newer version is left alone.
func TestNewerData(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	h := newHub(t)
	n := h.newNode(t, "Power Co", "power")
	n.stop()
	h.stop()
	for _, path := range []string{filepath.Join(h.data, "hub.db"), filepath.Join(n.data, "node.db")} {
		d := db(t, path)
		err := d.Write(context.Background(), store.System("test"), func(tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO schema_migration (name, version, checksum, at, program)
				VALUES ('detect', 99, 'x', 0, '9.9.9')`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const text, hint = "error: the database has version 99 of detect, written by meneki 9.9.9; this program does not " +
		"know it", "install that version or newer, or restore a backup of this version"
	refused(t, h.env, 78, text, hint, h.args()...)
	refused(t, h.env, 78, text, hint, n.args()...)
	refused(t, h.env, 78, text, hint, "member", "list", "--data", h.data)
}

// A port that another program has is named, before anything else is done.
func TestPortInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	h := newHub(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	refused(t, h.env, 73, "error: cannot listen on "+taken+": the port is in use",
		"stop the other program or choose another", "hub", "--data", t.TempDir(), "--listen", taken, "--bus",
		freePort(t))
	refused(t, h.env, 73, taken, "stop the ", "hub", "--data", t.TempDir(), "--listen", freePort(t), "--bus", taken)
	for _, flag := range []string{"--listen", "--otlp", "--syslog", "--syslog-tls"} {
		_, token := h.invite(t, "Node "+flag, "medical")
		args := []string{"node", "--data", t.TempDir(), "--join", "http://" + h.listen, "--token", token}
		if flag != "--listen" {
			args = append(args, "--listen", "")
		}
		refused(t, h.env, 73, taken, "stop the ", append(args, flag, taken)...)
	}
	refused(t, h.env, 73, taken, "stop the ", "demo", "--listen", taken)
}

// A folder that cannot be used is named.
func TestDataFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it starts processes")
	}
	t.Parallel()
	env := []string{"XDG_STATE_HOME=" + t.TempDir(), "LANG=C", "LC_ALL=C"}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, []byte("x"))
	for _, role := range []string{"hub", "node"} {
		args := []string{role, "--listen", freePort(t)}
		refused(t, env, 74, "error: cannot make the folder "+file, "choose a folder that you may write to",
			append(args, "--data", file)...)
		refused(t, env, 74, "error: cannot make the folder "+file+"/d", "choose a folder that you may write to",
			append(args, "--data", file+"/d")...)
	}
	dir := t.TempDir()
	if os.Getuid() == 0 {
		t.Log("root may write everywhere: a read-only file system is tried by TestFullDisk")
		return
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	refused(t, env, 74, "error: cannot write into the folder "+dir, "", "hub", "--data", dir, "--listen", freePort(t))
}
