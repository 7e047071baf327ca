package evtx_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/meneki/meneki/evtx"
)

// Read a file, and say which program each process event is about.
func Example() {
	f, err := os.Open("Security.evtx")
	if err != nil {
		slog.Error("cannot be read", "error", err)
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		slog.Error("cannot be read", "error", err)
		return
	}
	r, err := evtx.NewReader(f, st.Size())
	if err != nil {
		slog.Error("cannot be read", "error", err)
		return
	}
	for rec, err := range r.All() {
		if err != nil {
			slog.Warn("damage", "error", err) // and where it is
			continue
		}
		fields, err := rec.Fields()
		if err != nil {
			slog.Warn("damage", "error", err)
			continue
		}
		for i := range fields {
			if fields[i].Name == "NewProcessName" {
				fmt.Println(rec.ID, fields[i].Value.Text)
			}
		}
	}
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
			slog.Warn("damage", "error", err)
			continue
		}
		if line, err = rec.AppendJSON(line[:0]); err == nil {
			fmt.Printf("%s\n", line)
		}
	}
}
