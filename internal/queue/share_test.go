package queue_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// childURL makes a run of the test binary a second hub's queue, until it is killed.
const childURL = "MENEKI_QUEUE_TEST_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := child(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}

func child(url string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{URL: url})
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, handled); err != nil {
		return err
	}
	q, err := queue.New(ctx, db, quiet, workers("child")...)
	if err != nil {
		return err
	}
	return q.Run(ctx)
}

func workers(who string) []queue.Consumer {
	return []queue.Consumer{
		{Name: "one", Topics: map[string]queue.Handler{"a": note("one", who)}},
		{Name: "two", Topics: map[string]queue.Handler{"a": note("two", who)}},
	}
}

// Two processes on one PostgreSQL share the work. Killing one loses nothing, and
// nothing is handled twice.
func TestTwoProcesses(t *testing.T) {
	url := storetest.Postgres(t)
	db := storetest.Open(t, url, storetest.With(handled))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	by := func(who string) (n int64) {
		err := db.Read(t.Context(), sys, func(tx *store.Tx) (err error) {
			n, err = store.One[int64](tx, `SELECT count(*) FROM handled WHERE who = $1`, who)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := map[string][]string{}
	put := func(lane string, n int) {
		list := ids(fmt.Sprintf("%s-%05d-", lane, len(want[lane])), n)
		want[lane] = append(want[lane], list...)
		emit(t, db, "a", lane, list...)
	}
	put("m0", 1)
	until(t, "the other process works", func() bool { return by("child") > 0 })
	q := open(t, db, workers("parent")...)
	run(t, q)
	for i := 0; by("parent") < 100 || by("child") < 100; i++ {
		put(fmt.Sprint("m", i%8), 5)
		if i > 5000 {
			t.Fatalf("of the messages the parent handled %d and the child %d", by("parent"), by("child"))
		}
	}
	for i := range 40 {
		put(fmt.Sprint("m", i%8), 40)
		if i == 10 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd.Wait()
	began := time.Now()
	until(t, "everything is handled", idle(t, q))
	rows := notes(t, db)
	inOrder(t, rows, "one", want)
	inOrder(t, rows, "two", want)
	t.Logf("%d messages by the parent, %d by the child, the rest within %s",
		by("parent"), by("child"), time.Since(began))
}
