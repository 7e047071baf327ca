package history

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/meneki/meneki/internal/event"
)

// parquetRow is the schema of a sealed file: the attributes of the OCSF base
// event (schema.ocsf.io 1.x) that every record has, the record's own fields as
// JSON under unmapped, and what OCSF has no name for under meneki.
type parquetRow struct {
	ActivityID  int32 `parquet:"activity_id,dict"`
	CategoryUID int32 `parquet:"category_uid,dict"`
	ClassUID    int32 `parquet:"class_uid,dict"`
	SeverityID  int32 `parquet:"severity_id,dict"`
	TypeUID     int64 `parquet:"type_uid,dict"`
	Time        int64 `parquet:"time,delta,timestamp(microsecond)"`
	Metadata    struct {
		UID        string `parquet:"uid"`
		LoggedTime int64  `parquet:"logged_time,delta,timestamp(microsecond)"`
		EventCode  string `parquet:"event_code,dict"`
		LogName    string `parquet:"log_name,dict"`
		Product    struct {
			Name string `parquet:"name,dict"`
		} `parquet:"product"`
	} `parquet:"metadata"`
	Device      parquetDevice       `parquet:"device"`
	Actor       parquetActor        `parquet:"actor"`
	Observables []parquetObservable `parquet:"observables,list"`
	Unmapped    string              `parquet:"unmapped,json"`
	RawData     []byte              `parquet:"raw_data"`
	Meneki      parquetMeneki       `parquet:"meneki"`
}

type parquetDevice struct {
	Hostname string `parquet:"hostname,dict"`
}

type parquetActor struct {
	User struct {
		Name string `parquet:"name,dict"`
	} `parquet:"user"`
}

type parquetMeneki struct {
	Categories  []string `parquet:"categories,list,dict"`
	Sensor      string   `parquet:"sensor,dict"`
	Name        string   `parquet:"name,dict"`
	Offset      int64    `parquet:"offset,delta"`
	Record      int64    `parquet:"record,delta"`
	TimeAssumed bool     `parquet:"time_assumed"`
}

type parquetObservable struct {
	Type  string `parquet:"type,dict"`
	Value string `parquet:"value"`
}

// Keys of the Parquet file's own metadata. A file without them is not ours.
const (
	metaFormat  = "meneki.history"
	metaSegment = "meneki.segment"
)

// bloomPath is the column with a split-block bloom filter.
var bloomPath = [...]string{"observables", "list", "element", "value"}

// bloomBits is the size of the bloom filter in bits for each value: at 12 about
// one probe in 200 for a value that is not there has to be looked up.
const bloomBits = 12

func (p *parquetRow) set(r *row) {
	*p = parquetRow{
		CategoryUID: categoryOf(r.Class), ClassUID: r.Class, TypeUID: int64(r.Class) * 100,
		Time: r.Time, Unmapped: r.Fields, RawData: r.Raw,
	}
	p.Metadata.UID, p.Metadata.LoggedTime = r.ID, r.Seen
	if r.Number < oddNumber {
		p.Metadata.EventCode = strconv.FormatUint(uint64(r.Number), 10)
	}
	p.Metadata.LogName, p.Metadata.Product.Name = r.Service, r.Product
	p.Device.Hostname, p.Actor.User.Name = r.Host, r.User
	p.Observables = make([]parquetObservable, len(r.Observables))
	for i, o := range r.Observables {
		p.Observables[i] = parquetObservable{string(o.Type), o.Value}
	}
	p.Meneki.Categories, p.Meneki.TimeAssumed = r.Categories, r.Assumed
	p.Meneki.Sensor, p.Meneki.Name = r.From.Sensor, r.From.Name
	p.Meneki.Offset, p.Meneki.Record = r.From.Offset, r.From.Record
}

func (p *parquetRow) row() *row {
	r := &row{
		ID: p.Metadata.UID, Time: p.Time, Assumed: p.Meneki.TimeAssumed, Seen: p.Metadata.LoggedTime,
		Product: p.Metadata.Product.Name, Service: p.Metadata.LogName,
		Host: p.Device.Hostname, User: p.Actor.User.Name,
		From: event.Source{
			Sensor: p.Meneki.Sensor,
			Name:   p.Meneki.Name,
			Offset: p.Meneki.Offset,
			Record: p.Meneki.Record,
		},
		Fields: p.Unmapped, Class: p.ClassUID, Number: noNumber,
	}
	if len(p.Meneki.Categories) > 0 {
		r.Categories = p.Meneki.Categories
	}
	if len(p.RawData) > 0 {
		r.Raw = p.RawData
	}
	for _, o := range p.Observables {
		r.Observables = append(r.Observables, event.Observable{Type: event.ObservableType(o.Type), Value: o.Value})
	}
	return r
}

const parquetBatch = 64

// writeParquet writes the rows that next returns (nil for the end) as one file of
// one row group.
func writeParquet(w io.Writer, segment string, next func() (*row, error)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write parquet: %v", p)
		}
	}()
	pw := parquet.NewGenericWriter[parquetRow](w,
		parquet.Compression(&parquet.Zstd),
		parquet.BloomFilters(parquet.SplitBlockFilter(bloomBits, bloomPath[:]...)),
		parquet.DictionaryMaxBytes(1<<20),
		parquet.SkipPageBounds("unmapped"), parquet.SkipPageBounds("raw_data"),
		parquet.KeyValueMetadata(metaFormat, strconv.Itoa(formatVersion)),
		parquet.KeyValueMetadata(metaSegment, segment),
	)
	batch := make([]parquetRow, 0, parquetBatch)
	for {
		r, err := next()
		if err != nil {
			return err
		}
		if r != nil {
			batch = batch[:len(batch)+1]
			batch[len(batch)-1].set(r)
		}
		if len(batch) == cap(batch) || r == nil {
			if _, err := pw.Write(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		if r == nil {
			return pw.Close()
		}
	}
}

var errForeign = errors.New("not a file of this history")

// openParquet opens one of our files for reading.
func openParquet(r io.ReaderAt, size int64) (pf *parquet.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("open parquet: %v", p)
		}
	}()
	pf, err = parquet.OpenFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	if _, ours := pf.Lookup(metaFormat); !ours || len(pf.RowGroups()) != 1 {
		return nil, errForeign
	}
	return pf, nil
}

// findBloom returns where the bloom filter of the values is.
func findBloom(pf *parquet.File) (s section, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read bloom filter: %v", p)
		}
	}()
	leaf, ok := pf.Schema().Lookup(bloomPath[:]...)
	if !ok {
		return s, errForeign
	}
	chunk, ok := pf.RowGroups()[0].ColumnChunks()[leaf.ColumnIndex].(*parquet.FileColumnChunk)
	if !ok {
		return s, errForeign
	}
	bf, err := chunk.BloomFilterFrom(pf)
	if errors.Is(err, parquet.ErrMissingBloomFilter) || err == nil && bf.Size() == 0 {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	_, off, n := bf.Outer()
	b := make([]byte, n)
	if _, err := pf.ReadAt(b, off); err != nil {
		return s, err
	}
	return section{off, n, crc32.Checksum(b, castagnoli)}, nil
}
