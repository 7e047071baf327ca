package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/meneki/meneki/internal/event"
)

// Preview is what a prefilter sees of a past event: its log source, and its fields as
// they are in the file. It is valid while the prefilter runs.
type Preview struct {
	Product, Service string
	Categories       []string
	Fields           []byte // one JSON object; see appendFields
}

// Event makes an event with the log source and the fields, and nothing else.
func (s *Preview) Event() (*event.Event, error) {
	fields, err := parseFields(string(s.Fields), interner{})
	if err != nil {
		return nil, err
	}
	return &event.Event{Product: s.Product, Service: s.Service, Categories: s.Categories, Fields: fields}, nil
}

// Prefilter reports whether an event may be among those that are searched for; only
// these are read in full.
type Prefilter func(s *Preview) (bool, error)

// prefilter reads one column of the file, the fields, and returns the places that the
// prefilter lets through.
func (f *file) prefilter(ctx context.Context, places []uint32, keep Prefilter) (out []uint32, err error) {
	if len(places) == 0 {
		return nil, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read parquet: %v", p)
		}
	}()
	first := places[0]
	var rows table
	err = f.withIndex(func(r io.ReaderAt) error {
		if int64(places[len(places)-1]) >= f.meta.Events {
			return errIndex
		}
		rows = make(table, rowSize*int64(places[len(places)-1]-first+1))
		_, err := r.ReadAt(rows, f.meta.Rows.Off+rowSize*int64(first))
		return err
	})
	if err != nil {
		return nil, err
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	pf, err := openParquet(r, f.meta.Bytes)
	if err != nil {
		return nil, err
	}
	leaf, ok := pf.Schema().Lookup("unmapped")
	if !ok || leaf.MaxRepetitionLevel > 0 || leaf.MaxDefinitionLevel > 0 {
		return nil, errForeign
	}
	pages := pf.RowGroups()[0].ColumnChunks()[leaf.ColumnIndex].Pages()
	defer pages.Close()
	if err := pages.SeekToRow(int64(first)); err != nil {
		return nil, err
	}
	at := first // of the next row
	var preview Preview
	var values []parquet.Value
	for len(places) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("row %d: %w", places[0], io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, err
		}
		n := page.NumRows()
		if int64(cap(values)) < n {
			values = make([]parquet.Value, n)
		}
		got, err := page.Values().ReadValues(values[:n])
		if int64(got) != n || err != nil && !errors.Is(err, io.EOF) {
			parquet.Release(page)
			return nil, errors.Join(errDamaged, err)
		}
		for len(places) > 0 && int64(places[0]-at) < n {
			place := places[0]
			places = places[1:]
			src := rows.row(place - first).Source
			if int(src) >= len(f.meta.Sources) {
				parquet.Release(page)
				return nil, errIndex
			}
			s := f.meta.Sources[src]
			preview = Preview{s.Product, s.Service, s.Categories, values[place-at].ByteArray()}
			ok, err := keep(&preview)
			if err != nil {
				parquet.Release(page)
				return nil, err
			}
			if ok {
				out = append(out, place)
			}
		}
		at += uint32(n)
		parquet.Release(page)
	}
	return out, nil
}

// prefilter goes on behind a damaged record, which read reports.
func (v *view) prefilter(ctx context.Context, places []uint32, keep Prefilter) (out []uint32, err error) {
	in := interner{}
	for _, at := range places {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := v.row(at, in)
		if damagedRecord(err) {
			out = append(out, at)
			continue
		}
		if err != nil {
			return nil, err
		}
		ok, err := keep(&Preview{r.Product, r.Service, r.Categories, []byte(r.Fields)})
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, at)
		}
	}
	return out, nil
}
