package feeds

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/fetch"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/taxii"
)

// collection reads what a TAXII collection has since the last time. How far it came is kept with each
// page, so that an interruption loses and repeats nothing.
func (s *Service) collection(ctx context.Context, f Feed) (o outcome, err error) {
	root, id, err := f.taxii()
	if err != nil {
		return o, err
	}
	c, err := s.client(ctx, maxRun)
	if err != nil {
		return o, err
	}
	t, err := f.taxiiClient(c)
	if err != nil {
		return o, err
	}
	var at taxii.Progress
	if f.Place != "" {
		if err := json.Unmarshal([]byte(f.Place), &at); err != nil {
			return o, fmt.Errorf("read how far the collection was read: %w", err)
		}
	}
	o.told, o.place, o.notes = "taxii", f.Place, []noteLine{}
	p := s.progressOf(f.ID)
	err = t.Read(ctx, root, id, taxii.Filter{}, at, func(objects []json.RawMessage, to taxii.Progress) error {
		r := convert.Objects(f.Name, objects)
		o.records += int64(len(objects))
		o.refused += r.Counts[convert.Refused]
		if room := maxNotes - len(o.notes); room > 0 {
			notes := keep(r.Notes)
			o.notes = append(o.notes, notes[:min(room, len(notes))]...)
		}
		for some := range slices.Chunk(r.Things, batch) {
			if err := s.put(ctx, f, some, nil, &o); err != nil {
				return err
			}
		}
		p.set(writing, o.records)
		o.place = asJSON(to)
		return s.DB.Write(ctx, system(), func(tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE share_feed SET place = $1 WHERE id = $2`, o.place, f.ID)
			return err
		})
	})
	if err != nil {
		return o, c.Fault(root, err)
	}
	return o, nil
}

// taxii returns the API root and the collection.
func (f Feed) taxii() (root, collection string, err error) {
	root, collection = f.Address, f.Collection
	if before, after, ok := strings.Cut(f.Address, "/collections/"); ok {
		root = before + "/"
		if collection == "" {
			collection, _, _ = strings.Cut(after, "/")
		}
	}
	if collection == "" {
		return "", "", fault.New(fault.Invalid, i18n.T("the id of the collection is needed", "コレクションの ID が必要です"))
	}
	return root, collection, nil
}

// taxiiClient returns a client that signs in as the source wants it.
func (f Feed) taxiiClient(c *fetch.Client) (*taxii.Client, error) {
	user, password, name, value := f.authorization()
	if name != "" && !strings.EqualFold(name, "Authorization") {
		return nil, fault.New(fault.Invalid, i18n.T("TAXII wants a token or a name with a password",
			"TAXII にはトークンか、名前とパスワードを指定してください"))
	}
	return &taxii.Client{HTTP: c.HTTP(), User: user, Password: password, Authorization: value, UserAgent: "meneki"}, nil
}
