package evtx_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/meneki/meneki/evtx"
)

// Read a log, and print a line for each event in it.
func Example() {
	if err := printLog(bytes.NewReader(evtx.SampleLog())); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 2026-01-05T00:00:00.123456Z 1 C:\Windows\System32\cmd.exe
	// 2026-01-05T00:00:00.123456Z 1 C:\Windows\System32\cmd.exe
}

func printLog(file io.Reader) error {
	r, err := evtx.NewStream(file) // or NewReader for a file on disk
	if err != nil {
		return err
	}
	for rec, err := range r.All() {
		if err != nil {
			slog.Warn(err.Error()) // damage and its place; reading goes on
			continue
		}
		fields, err := rec.Fields() // named as Sigma rules name them
		if err != nil {
			return err
		}
		fmt.Println(fields.Get("TimeCreated"), fields.Get("EventID"), fields.Get("Image"))
	}
	return nil
}

// Follow a log that Windows is writing, a look a second.
func ExampleTail() {
	const path = `C:\Windows\System32\winevt\Logs\Microsoft-Windows-Sysmon%4Operational.evtx`
	open := func() (evtx.TailFile, error) { return os.Open(path) }
	wait := func(ctx context.Context) error {
		select {
		case <-time.After(time.Second):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var line []byte
	for rec, err := range evtx.NewTail(open, wait, evtx.Position{}).All(context.Background()) {
		if err != nil {
			slog.Warn(err.Error())
			continue
		}
		if line, err = rec.AppendJSON(line[:0]); err == nil {
			fmt.Printf("%s\n", line)
		}
	}
}
