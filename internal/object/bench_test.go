package object_test

import (
	"context"
	"testing"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

func BenchmarkPut(b *testing.B) {
	db, err := store.Open(context.Background(), store.Options{URL: b.TempDir() + "/x.db"})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(context.Background(), object.Migration()); err != nil {
		b.Fatal(err)
	}
	s := object.New(db)
	n := 0
	for b.Loop() {
		items := make([]object.Item, 1000)
		for i := range items {
			n++
			o, err := stix.Parse(indicator(n, 1).Bytes())
			if err != nil {
				b.Fatal(err)
			}
			items[i] = object.Item{Object: o, Handling: policy.Handling{TLP: policy.Green, Owner: "a"}}
		}
		if err := db.Write(context.Background(), store.System("bench"), func(tx *store.Tx) error {
			_, err := s.Put(tx, items)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "objects/s")
}
