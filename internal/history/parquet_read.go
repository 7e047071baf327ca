package history

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
)

// outlineRow are the columns of parquetRow that an outline needs: not those that make
// up nearly the whole of a file. Names and kinds are those of parquetRow.
type outlineRow struct {
	Time     int64 `parquet:"time,delta,timestamp(microsecond)"`
	Metadata struct {
		UID        string `parquet:"uid"`
		LoggedTime int64  `parquet:"logged_time,delta,timestamp(microsecond)"`
		LogName    string `parquet:"log_name,dict"`
		Product    struct {
			Name string `parquet:"name,dict"`
		} `parquet:"product"`
	} `parquet:"metadata"`
	Device      parquetDevice       `parquet:"device"`
	Actor       parquetActor        `parquet:"actor"`
	Observables []parquetObservable `parquet:"observables,list"`
	Meneki      parquetMeneki       `parquet:"meneki"`
}

func (o *outlineRow) row() *row {
	p := parquetRow{Time: o.Time, Device: o.Device, Actor: o.Actor, Observables: o.Observables, Meneki: o.Meneki}
	p.Metadata.UID, p.Metadata.LoggedTime, p.Metadata.LogName, p.Metadata.Product = o.Metadata.UID,
		o.Metadata.LoggedTime, o.Metadata.LogName, o.Metadata.Product
	return p.row()
}

// columns is what is read of each row: a schema, and where its columns lie in a file.
type columns struct {
	schema *parquet.Schema
	at     []int // by column of the schema; nil: each at its own place
	row    func(s *parquet.Schema, values parquet.Row) (*row, error)
}

var wholeColumns = columns{
	schema: parquet.SchemaOf(parquetRow{}),
	row: func(s *parquet.Schema, values parquet.Row) (*row, error) {
		var p parquetRow
		err := s.Reconstruct(&p, values)
		return p.row(), err
	},
}

var outlineColumns = sync.OnceValue(func() columns {
	c := columns{
		schema: parquet.SchemaOf(outlineRow{}),
		row: func(s *parquet.Schema, values parquet.Row) (*row, error) {
			var o outlineRow
			err := s.Reconstruct(&o, values)
			return o.row(), err
		},
	}
	for _, path := range c.schema.Columns() {
		leaf, ok := wholeColumns.schema.Lookup(path...)
		if !ok {
			panic(
				"history: an outline has the column " + strings.Join(path, ".") + ", a row has not",
			) // the types above are wrong
		}
		c.at = append(c.at, leaf.ColumnIndex)
	}
	return c
})

// of returns a row group that has these columns alone.
func (c *columns) of(group parquet.RowGroup) parquet.RowGroup {
	if c.at == nil {
		return group
	}
	all := group.ColumnChunks()
	g := someColumns{RowGroup: group, schema: c.schema}
	for _, at := range c.at {
		g.chunks = append(g.chunks, all[at])
	}
	return &g
}

// number returns values the column numbers of the schema.
func (c *columns) number(values parquet.Row) {
	if c.at == nil {
		return
	}
	column := 0
	for i, v := range values {
		for c.at[column] != v.Column() { // they come in order
			column++
		}
		values[i] = v.Level(v.RepetitionLevel(), v.DefinitionLevel(), column)
	}
}

type someColumns struct {
	parquet.RowGroup
	schema *parquet.Schema
	chunks []parquet.ColumnChunk
}

func (g *someColumns) Schema() *parquet.Schema             { return g.schema }
func (g *someColumns) ColumnChunks() []parquet.ColumnChunk { return g.chunks }

// readParquet calls fn for the rows at the given places, in order, until it
// returns false. Row numbers rise. An outline has no Fields and no Raw.
func readParquet(pf *parquet.File, places []uint32, outline bool, fn func(at uint32, r *row) bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read parquet: %v", p)
		}
	}()
	group := pf.RowGroups()[0]
	if !parquet.EqualNodes(wholeColumns.schema, group.Schema()) {
		return errForeign
	}
	cols := wholeColumns
	if outline {
		cols = outlineColumns()
	}
	rd := parquet.NewRowGroupRowReader(cols.of(group))
	defer rd.Close()
	buf := make([]parquet.Row, parquetBatch)
	pos := uint32(0) // of the next row that rd returns
	for len(places) > 0 {
		// A short way is read through, since a seek reads and unpacks the page again.
		if first := places[0]; first-pos > 2*parquetBatch {
			if err := rd.SeekToRow(int64(first)); err != nil {
				return err
			}
			pos = first
		}
		want := places[min(len(places), parquetBatch)-1] - pos + 1
		n, err := rd.ReadRows(buf[:min(want, parquetBatch)])
		for i := range n {
			if len(places) == 0 || places[0] != pos+uint32(i) {
				continue
			}
			cols.number(buf[i])
			r, err := cols.row(cols.schema, buf[i])
			if err != nil {
				return err
			}
			if !fn(places[0], r) {
				return nil
			}
			places = places[1:]
		}
		pos += uint32(n)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 && len(places) > 0 {
			return fmt.Errorf("row %d: %w", places[0], io.ErrUnexpectedEOF)
		}
	}
	return nil
}
