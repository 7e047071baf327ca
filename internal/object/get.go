package object

import (
	"slices"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

// Get returns the latest version of an object that the scope may see, or fault.NotFound.
func Get(tx *store.Tx, realm, id string) (Object, error) {
	list, err := Versions(tx, realm, id)
	if err != nil {
		return Object{}, err
	}
	return list[len(list)-1], nil
}

// Versions returns the versions of an object that the scope may see, the earliest first,
// or fault.NotFound if there is none. They are of who gave the object first, of those
// whose version the scope may see.
func Versions(tx *store.Tx, realm, id string) ([]Object, error) {
	var all []Object
	for _, table := range []string{"stix_object", "stix_object_old"} {
		query := `SELECT ` + columns + ` FROM ` + table + ` o WHERE o.realm = $1 AND o.id = $2 AND SCOPE(o)`
		list, err := store.Query[Object](tx, query, realm, id)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
	}
	first := slices.MinFunc(all, func(a, b Object) int { return int(a.N - b.N) }).N
	all = slices.DeleteFunc(all, func(o Object) bool { return o.N != first })
	slices.SortFunc(all, func(a, b Object) int { return a.Modified.Compare(b.Modified) })
	return all, nil
}
