package timeline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/await"
)

// What is found in a line that came through a pipe is given out while nothing more
// comes, with one goroutine and with several, whatever is read.
func TestLivePipe(t *testing.T) {
	shell := func(n int) string {
		return fmt.Sprintf(
			`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"EventRecordID":%d,"Image":"C:\\x\\sh.exe","UtcTime":"2026-11-22 01:02:03.000"}`, n,
		) + "\n"
	}
	broken := `{"a":}` + "\n" // which holds up nothing that comes behind it
	for _, jobs := range []int{1, 4} {
		t.Run(fmt.Sprint(jobs, " jobs"), func(t *testing.T) {
			r, w := io.Pipe()
			found, flushed := make(chan *Match, 8), make(chan struct{}, 64)
			ended := make(chan error, 1)
			go func() {
				_, err := Run(t.Context(), Config{Rules: rules(t, ruleA), Inputs: []Input{{Path: Stdin}}, Stdin: r,
					Jobs: jobs, Idle: func() error {
						select {
						case flushed <- struct{}{}:
						default:
						}
						return nil
					}}, func(m *Match) error { found <- m; return nil })
				ended <- err
			}()
			for n := 1; n <= 3; n++ {
				if _, err := io.WriteString(w, broken+shell(n)); err != nil {
					t.Fatal(err)
				}
				select {
				case m := <-found:
					if m.Record != int64(2*n) {
						t.Errorf("record %d, want %d", m.Record, 2*n)
					}
				case err := <-ended:
					t.Fatalf("it ended: %v", err)
				case <-time.After(20 * time.Second):
					t.Fatalf("after 20 s nothing was found in line %d", n)
				}
				<-flushed
			}
			w.Close()
			if err := <-ended; err != nil || len(found) > 0 {
				t.Errorf("%v, %d more", err, len(found))
			}
		})
	}
}

// What waited for another input is to be seen when that ends, and an error of who
// reads it ends the run, though nothing more comes through the pipe.
func TestLivePipeBehindAnother(t *testing.T) {
	first, r := pipe(t), pipe(t)
	lines := `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\x\\sh.exe"}` + "\n"
	gone := errors.New("the reader has gone")
	found, flushed, ended := make(chan *Match, 8), make(chan struct{}, 64), make(chan error, 1)
	fifo := filepath.Join(t.TempDir(), "first")
	if err := mkfifo(fifo); err != nil {
		t.Skip("no named pipes here:", err)
	}
	go func() {
		w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err == nil {
			_, err = io.Copy(w, first.r)
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}()
	left := 2
	go func() {
		_, err := Run(t.Context(), Config{Rules: rules(t, ruleA), Inputs: []Input{{Path: fifo, Named: true},
			{Path: Stdin}}, Stdin: r.r, Jobs: 2, Idle: func() error {
			select {
			case m := <-found:
				found <- m
				flushed <- struct{}{}
			default:
				return nil
			}
			if left--; left == 0 {
				return gone
			}
			return nil
		}}, func(m *Match) error { found <- m; return nil })
		ended <- err
	}()
	wait := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case err := <-ended:
			t.Fatalf("%s: it ended: %v", what, err)
		case <-time.After(20 * time.Second):
			t.Fatalf("after 20 s: %s", what)
		}
	}
	if _, err := io.WriteString(r.w, lines); err != nil {
		t.Fatal(err)
	}
	await.Stays(t, 200*time.Millisecond, func() string { // the second input is idle, and it is not its turn
		if len(flushed) > 0 {
			return "matches came before those of the input in front of them"
		}
		return ""
	})
	first.w.Close()
	wait("what waited is not shown when the input before it ended", flushed)
	if _, err := io.WriteString(r.w, lines); err != nil {
		t.Fatal(err)
	}
	wait("the next line is not shown", flushed)
	select {
	case err := <-ended:
		if !errors.Is(err, gone) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("after 20 s the error has not ended the run")
	}
}

type pipeEnds struct {
	r *io.PipeReader
	w *io.PipeWriter
}

func pipe(t *testing.T) pipeEnds {
	r, w := io.Pipe()
	t.Cleanup(func() { r.Close(); w.Close() })
	return pipeEnds{r, w}
}
