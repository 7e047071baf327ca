package object

import (
	"cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
)

// Replace is Put for a copy of another store, which decides what the latest version of an
// object is, and how it is handled: what is given now is that, also where it is older than
// what is here, differs from it in the same version, or is handled in another way.
func (s *Store) Replace(tx *store.Tx, items []Item) ([]Outcome, error) {
	out, err := s.Put(tx, items)
	if err != nil {
		return nil, err
	}
	for i, o := range out {
		it := items[i]
		realm, id, owner := cmp.Or(it.Realm, event.Live), it.Object.ID(), it.Handling.Owner
		switch {
		case o.Err != nil || !o.Latest:
			if _, err := own(tx, realm, id, owner); err != nil {
				continue // somebody else's, which is not replaced
			}
			if err := s.Delete(tx, realm, id, owner); err != nil {
				return nil, err
			}
			again, err := s.Put(tx, items[i:i+1])
			if err != nil {
				return nil, err
			}
			out[i] = again[0]
		case !o.New && (o.handling.TLP != it.Handling.TLP ||
			o.handling.Audience.Column() != it.Handling.Audience.Column()):
			if err := s.SetHandling(tx, realm, id, owner, it.Handling); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
