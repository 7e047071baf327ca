package timeline

import (
	"fmt"
	"io"
	"testing"
	"time"
)

// What is found in a line that came through a pipe is given out while nothing more
// comes, with one goroutine and with several, whatever is read.
func TestLivePipe(t *testing.T) {
	shell := func(n int) string {
		return fmt.Sprintf(`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"EventRecordID":%d,"Image":"C:\\x\\sh.exe","UtcTime":"2026-11-22 01:02:03.000"}`, n) + "\n"
	}
	for _, jobs := range []int{1, 4} {
		t.Run(fmt.Sprint(jobs, " jobs"), func(t *testing.T) {
			r, w := io.Pipe()
			found, flushed := make(chan *Match, 8), make(chan struct{}, 64)
			ended := make(chan error, 1)
			go func() {
				_, err := Run(t.Context(), Config{Rules: rules(t, ruleA), Inputs: []Input{{Path: Stdin}}, Stdin: r, Jobs: jobs, Idle: func() error {
					select {
					case flushed <- struct{}{}:
					default:
					}
					return nil
				}}, func(m *Match) error { found <- m; return nil })
				ended <- err
			}()
			for n := 1; n <= 3; n++ {
				if _, err := io.WriteString(w, shell(n)); err != nil {
					t.Fatal(err)
				}
				select {
				case m := <-found:
					if m.Record != int64(n) {
						t.Errorf("record %d, want %d", m.Record, n)
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
