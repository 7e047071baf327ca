package principal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// A reduced event teaches what the whole one does, and what does not concern a Resolver teaches
// it nothing but the machine's name.
func TestReduce(t *testing.T) {
	dir := os.Getenv("MENEKI_DATA_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "evtx")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", dir)
	}
	var list []*event.Event
	paths := []string{
		filepath.Join(dir, "evtx"),
		filepath.Join(dir, "sigma-golden"),
		filepath.Join(dir, "events-other"),
		filepath.Join(dir, "events-windows", "datasets", "atomic", "windows", "credential_access"),
	}
	if _, err := read.Paths(t.Context(), paths, read.Options{}, func(ev *event.Event) error {
		list = append(list, ev)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`{"message":"dhcpd: DHCPACK on 10.0.3.17 to 00:11:22:33:44:55 (ws01) via eth0","host":"d"}`,
		`{"userIdentity":{"arn":"arn:aws:iam::1:user/a","principalId":"AIDA1"},"eventName":"ConsoleLogin",` +
			`"eventSource":"signin.amazonaws.com","eventTime":"2026-01-01T00:00:00Z","awsRegion":"x",` +
			`"eventVersion":"1"}`,
	} {
		evs, err := read.Line(event.Source{}, []byte(line), read.Hint{})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, evs...)
	}
	whole, traced := New(Options{}), New(Options{})
	signIns, silent := 0, 0
	for _, ev := range list {
		whole.Learn(ev)
		tr, _ := Reduce(ev)
		if tr != nil {
			traced.Learn(tr)
		}
		if SignIn(ev) {
			signIns++
		}
		id, _ := ev.Fields["EventID"].(int64)
		if ev.Product != "windows" || Concerns(ev.Service, id) {
			continue
		}
		silent++
		if SignIn(ev) {
			t.Fatalf("a sign-in that is said to concern no account: %s", ev.Raw)
		}
		for f := range tr.Fields {
			if f != "Computer" {
				t.Fatalf("%s is learnt from an event that is said to concern no account: %s", f, ev.Raw)
			}
		}
	}
	var a, b bytes.Buffer
	if err := whole.Save(&a); err != nil {
		t.Fatal(err)
	}
	if err := traced.Save(&b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a.String(), b.String()); d != "" {
		t.Error(d)
	}
	s := whole.Stats()
	if s.Accounts == 0 || s.Machines == 0 || s.Leases == 0 || signIns == 0 || silent == 0 {
		t.Errorf(
			"%d events teach too little to show anything: %+v, %d sign-ins, %d that do not concern",
			len(list),
			s,
			signIns,
			silent,
		)
	}
}
