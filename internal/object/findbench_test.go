package object_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// How long searches take over many objects of which a member may see one in fifty.
func BenchmarkFind(b *testing.B) {
	db, err := store.Open(context.Background(), store.Options{URL: b.TempDir() + "/x.db"})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(context.Background(), object.Migration()); err != nil {
		b.Fatal(err)
	}
	const many = 100_000
	s := object.New(db)
	words := []string{"電力会社を狙う攻撃", "Emotet campaign", "注意喚起 フィッシング", "loader of pictures", "通信先の一覧"}
	for n := 0; n < many; n += 1000 {
		items := make([]object.Item, 1000)
		for i := range items {
			o, err := stix.Parse(report(n+i+1, 0, fmt.Sprint(words[i%5], " case", n+i),
				"described as "+words[(i+2)%5]).Bytes())
			if err != nil {
				b.Fatal(err)
			}
			h := policy.Handling{TLP: policy.AmberStrict, Owner: "other"}
			if i%50 == 0 {
				h = policy.Handling{TLP: policy.Amber, Owner: "other", Audience: policy.Audience{policy.ToMember("a")}}
			}
			items[i] = object.Item{Object: o, Handling: h}
		}
		if err := db.Write(context.Background(), store.System("bench"), func(tx *store.Tx) error {
			_, err := s.Put(tx, items)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	member := store.As(policy.Viewer{User: "u", Member: "a", Role: policy.RoleReader})
	for name, c := range map[string]struct {
		scope store.Scope
		text  string
	}{
		"hub/common word": {store.System("bench"), "電力"}, "hub/one": {store.System("bench"), "case77777"},
		"hub/two words": {store.System("bench"), "emotet 通信先"}, "hub/none": {store.System("bench"), "nothingatall"},
		"member/common word": {member, "電力"}, "member/no words": {member, ""},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				err := db.Read(context.Background(), c.scope, func(tx *store.Tx) error {
					_, err := s.Find(tx, object.Search{Text: c.text, Limit: 51})
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
