package taxii

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// read returns a page of the records that the address asks for, and the next for the
// page behind it.
func (q *request) read(endpoint, place string, known []string, fix func(*Filter),
	withBytes bool) (Page, string, error) {
	if !q.c.CanRead {
		return Page{}, "", ErrForbidden
	}
	asked, err := parseQuery(q.r.URL.Query(), known)
	if err != nil {
		return Page{}, "", err
	}
	if fix != nil {
		fix(&asked.filter)
	}
	at := cursor{Endpoint: endpoint, Place: q.root + "/" + q.c.ID + "/" + place, Filter: asked.filter.key(),
		Added: micros(asked.after)}
	if asked.next != "" {
		if at, err = q.open(asked.next, at); err != nil {
			return Page{}, "", err
		}
	}
	query := Query{Filter: asked.filter, After: at.After, Limit: q.PageSize, Bytes: withBytes}
	if at.Added != 0 {
		query.AddedAfter = timeOf(at.Added)
	}
	if asked.limit == 0 {
		asked.limit = at.Limit
	}
	if asked.limit > 0 {
		query.Limit = min(asked.limit, q.PageSize)
	}
	page, err := q.Backend.Records(q.ctx, q.root, q.c.ID, query)
	if err != nil {
		return Page{}, "", err
	}
	var next string
	if n := len(page.Records); page.More && n > 0 {
		at.After, at.Limit = page.Records[n-1].Position, query.Limit
		next = q.seal(at)
	} else {
		page.More = false
	}
	q.dates(page)
	return page, next, nil
}

// dates sets the headers by which a client goes on later.
func (q *request) dates(p Page) {
	first, last := p.High, p.High
	if n := len(p.Records); n > 0 {
		first, last = p.Records[0].Added, p.Records[n-1].Added
	}
	if last.IsZero() {
		return
	}
	h := q.w.Header()
	h.Set("X-TAXII-Date-Added-First", FormatDate(first))
	h.Set("X-TAXII-Date-Added-Last", FormatDate(last))
}

func (q *request) objects() error {
	page, next, err := q.read("objects", "", matchAll, nil, true)
	if err != nil {
		return err
	}
	return q.envelope(page, next)
}

func (q *request) object(id string) error {
	page, next, err := q.read("objects", id, matchObject, func(f *Filter) { f.IDs = []string{id} }, true)
	if err != nil {
		return err
	}
	if err := q.known(page, id); err != nil {
		return err
	}
	return q.envelope(page, next)
}

// known tells an object that the filter leaves out from one that is not there.
func (q *request) known(page Page, id string) error {
	if len(page.Records) > 0 {
		return nil
	}
	ok, err := q.Backend.Exists(q.ctx, q.root, q.c.ID, id)
	if err == nil && !ok {
		err = ErrNotFound
	}
	return err
}

// envelope writes a page of objects, each as the backend has it.
func (q *request) envelope(page Page, next string) error {
	var b bytes.Buffer
	size := 64 + len(next)
	for _, r := range page.Records {
		size += len(r.Object) + 1
	}
	b.Grow(size)
	b.WriteByte('{')
	if page.More {
		b.WriteString(`"more":true,"next":"` + next + `"`)
		if len(page.Records) > 0 {
			b.WriteByte(',')
		}
	}
	for i, r := range page.Records {
		if i == 0 {
			b.WriteString(`"objects":[`)
		} else {
			b.WriteByte(',')
		}
		b.Write(r.Object)
	}
	if len(page.Records) > 0 {
		b.WriteByte(']')
	}
	b.WriteByte('}')
	write(q.w, http.StatusOK, b.Bytes())
	return nil
}

func (q *request) manifest() error {
	page, next, err := q.read("manifest", "", matchAll, nil, false)
	if err != nil {
		return err
	}
	m := Manifest{More: page.More, Next: next}
	for _, r := range page.Records {
		m.Objects = append(m.Objects, ManifestEntry{ID: r.ID, DateAdded: FormatDate(r.Added), Version: r.Version,
			MediaType: MediaSTIX})
	}
	return answer(q.w, http.StatusOK, m)
}

func (q *request) versions(id string) error {
	page, next, err := q.read("versions", id, matchVersion, func(f *Filter) {
		f.IDs, f.Versions = []string{id}, Versioning{All: true}
	}, false)
	if err != nil {
		return err
	}
	if err := q.known(page, id); err != nil {
		return err
	}
	v := Versions{More: page.More, Next: next}
	for _, r := range page.Records {
		v.Versions = append(v.Versions, r.Version)
	}
	return answer(q.w, http.StatusOK, v)
}

func (q *request) delete(id string) error {
	switch {
	case !q.c.CanRead && !q.c.CanWrite:
		return ErrNotFound
	case !q.c.CanRead || !q.c.CanWrite:
		return ErrForbidden
	}
	asked, err := parseQuery(q.r.URL.Query(), matchObject)
	if err != nil {
		return err
	}
	if asked.filter.Versions.zero() {
		asked.filter.Versions.All = true // an address without versions is of the object as a whole
	}
	asked.filter.IDs = []string{id}
	if err := q.Backend.Delete(q.ctx, q.root, q.c.ID, id, asked.filter); err != nil {
		return err
	}
	return answer(q.w, http.StatusOK, json.RawMessage("{}"))
}
