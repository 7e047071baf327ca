package feed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/meneki/meneki/internal/i18n"
)

// jsonLine is one line of JSON lines. Any other property is refused: it might say
// that the value is not to be used.
type jsonLine struct {
	Type       string `json:"type"`
	Value      string `json:"value"`
	Match      string `json:"match"`
	ValidUntil string `json:"valid_until"`
	TLP        string `json:"tlp"`
	Source     string `json:"source"`
	ID         string `json:"id"`
}

// jsonLineHeader has the properties of jsonLine as columns.
var jsonLineHeader = func() (h header) {
	for c := range h.col {
		if h.col[c] = -1; c <= colID {
			h.col[c] = c
		}
	}
	return h
}()

func (r *reader) jsonl(in *bufio.Reader) error {
	var buf []byte
	for n := 1; ; n++ {
		raw, long, err := nextLine(in, buf, maxLine)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return r.broken(n, err)
		}
		buf = raw
		if !long && len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		if err := r.record(); err != nil {
			return err
		}
		if long {
			r.refuse(n, longLine.With(maxLine))
			continue
		}
		if !r.text(n, raw) {
			continue
		}
		var l jsonLine
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		err = d.Decode(&l)
		if err == nil {
			if _, more := d.Token(); !errors.Is(more, io.EOF) {
				err = errors.New("there is more behind the object")
			}
		}
		if err != nil {
			r.refuse(n, i18n.T("it is not an object of type, value, match, valid_until, tlp, source and id: {0}",
				"type、value、match、valid_until、tlp、source、id からなるオブジェクトではありません: {0}").With(quote(err.Error())))
			continue
		}
		cell := func(at int) string {
			return [...]string{l.Value, l.Type, l.Match, l.ValidUntil, l.TLP, l.Source, l.ID, ""}[min(uint(at),
				colID+1)]
		}
		if err := r.recordOf(record{line: n, h: &jsonLineHeader, cell: cell}); err != nil {
			return err
		}
	}
}
