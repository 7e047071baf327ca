package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/store"
)

// limits measures what no program on this machine can be faster than: the disk,
// a round trip on the bus, a transaction of the store.
func limits(ctx context.Context, s settings) (table, error) {
	t := table{Title: "Limits of this machine, in the same run", Head: []string{"Operation", "p50 (ms)",
		"p99 (ms)", "samples"}}
	for _, l := range []struct {
		name string
		fn   func(context.Context, string) (series, error)
	}{
		{"append 4 KiB to a file and fsync", syncs},
		{"request and answer over the in-process bus, 1 KB", trips},
		{"SQLite transaction with one insert (WAL, synchronous=FULL)", writes},
	} {
		list, err := l.fn(ctx, filepath.Join(s.dir, "limits"))
		if err != nil {
			return t, err
		}
		t.add(l.name, ms(list.at(0.5)), ms(list.at(0.99)), len(list))
	}
	return t, nil
}

const limitSamples = 500

func syncs(_ context.Context, dir string) (series, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	block := make([]byte, 4096)
	var out series
	for range limitSamples {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		out = append(out, time.Since(began))
	}
	return out, nil
}

func trips(ctx context.Context, dir string) (series, error) {
	log := slog.New(slog.DiscardHandler)
	h, err := bus.StartHub(ctx, bus.HubConfig{Dir: filepath.Join(dir, "trips"), Log: log})
	if err != nil {
		return nil, err
	}
	defer h.Close()
	h.Handle("echo", func(_ context.Context, _ string, body []byte) ([]byte, error) { return body, nil })
	seed, public, err := bus.NewUserKey()
	if err != nil {
		return nil, err
	}
	g, err := h.Admit("bench", public)
	if err != nil {
		return nil, err
	}
	l, err := h.InProcess(ctx, "bench", seed, g.UserJWT)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if err := until(ctx, 10*time.Second, func() (bool, error) { return l.Connected(), nil }); err != nil {
		return nil, err
	}
	body := make([]byte, 1000)
	var out series
	for range limitSamples {
		began := time.Now()
		if _, err := l.Request(ctx, "echo", body); err != nil {
			return nil, err
		}
		out = append(out, time.Since(began))
	}
	return out, nil
}

func writes(ctx context.Context, dir string) (out series, err error) {
	db, err := store.Open(ctx, store.Options{URL: filepath.Join(dir, "writes.db"), Clock: clock.System})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	for i := range limitSamples {
		began := time.Now()
		if err := db.SetSetting(ctx, fmt.Sprint("bench.", i), "a value"); err != nil {
			return nil, err
		}
		out = append(out, time.Since(began))
	}
	return out, nil
}

// until waits for something to become true.
func until(ctx context.Context, limit time.Duration, ok func() (bool, error)) error {
	end := time.Now().Add(limit)
	for {
		done, err := ok()
		if done || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("did not happen within %s", limit)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}
