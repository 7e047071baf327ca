package watchlist

import (
	"context"
	"fmt"
	"testing"

	"github.com/meneki/meneki/internal/event"
)

// BenchmarkLookup asks for values that are not on the list, one of each kind.
func BenchmarkLookup(b *testing.B) {
	l, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	load, err := l.Load(Scope{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 200_000 {
		for _, e := range []Entry{
			{Type: event.Domain, Value: fmt.Sprintf("d%d.example", i)},
			{Type: event.Domain, Match: Tree, Value: fmt.Sprintf("t%d.example", i)},
			{Type: event.URL, Match: Prefix, Value: fmt.Sprintf("https://u%d.example/a", i)},
			{Type: event.IPv4, Value: fmt.Sprintf("10.%d.%d.0/24", i>>8&255, i&255)},
		} {
			e.Source = "s"
			if err := load.Add(e); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := load.Commit(context.Background()); err != nil {
		b.Fatal(err)
	}
	for _, o := range []event.Observable{
		{Type: event.Domain, Value: "www.something.example"},
		{Type: event.URL, Value: "https://www.something.example/a/b/c?d=e"},
		{Type: event.IPv4, Value: "192.0.2.1"}, {Type: event.SHA256, Value: "aa"},
	} {
		b.Run(string(o.Type), func(b *testing.B) {
			list := []event.Observable{o}
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Lookup(list, func(Hit) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad takes domains and hashes in; an operation is 100,000 entries.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		l, err := Open(b.TempDir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		load, err := l.Load(Scope{})
		if err != nil {
			b.Fatal(err)
		}
		for i := range 50_000 {
			for _, e := range []Entry{
				{Type: event.Domain, Value: fmt.Sprintf("www.d%d.example", i)},
				{Type: event.SHA256, Value: fmt.Sprintf("%064x", i+1)},
			} {
				e.Source, e.ID = "s", "indicator--01234567-89ab-4def-8123-0123456789ab"
				if err := load.Add(e); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := load.Commit(context.Background()); err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}
