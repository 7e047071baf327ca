package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/stix"
)

type shareValidate struct {
	Files []string `arg:"" name:"file" jaholder:"ファイル" help:"Bundles, TAXII envelopes, lists of objects or single objects; .gz and .zst too; - is standard input." ja:"バンドル、TAXII のエンベロープ、オブジェクトの一覧、単独のオブジェクト。.gz と .zst も可。- は標準入力"`
	JSON  bool     `help:"Print JSON." ja:"JSON で表示"`
}

// stixFlaw is one thing that is wrong with a STIX document.
type stixFlaw struct {
	File     string `json:"file"`
	Line     int    `json:"line"` // where the object begins
	Object   string `json:"object,omitempty"`
	Property string `json:"property,omitempty"`
	Reason   string `json:"reason"`
}

// maxFlaws bounds the flaws that are printed one by one.
const maxFlaws = 1000

// Run checks every object of every file. It returns a fault if one is wrong.
func (c *shareValidate) Run(s *session) error {
	objects, total := 0, 0
	flaws := []stixFlaw{}
	add := func(f stixFlaw) {
		if total++; len(flaws) < maxFlaws {
			flaws = append(flaws, f)
		}
	}
	for _, name := range c.Files {
		open, err := input(name)
		if err != nil {
			return err
		}
		err = feed.Objects(s.ctx, name, open, feed.Options{MaxBytes: maxInput}, func(line int, raw []byte) error {
			objects++
			for _, f := range c.object(s, raw) {
				f.File, f.Line = name, line
				add(f)
			}
			return nil
		})
		if e, ok := errors.AsType[*feed.Error](err); ok {
			if errors.Is(err, os.ErrNotExist) {
				return fileFault(err)
			}
			add(stixFlaw{File: e.File, Line: e.Line, Reason: e.Reason.In(s.lang)})
		} else if err != nil {
			return err
		}
	}
	if c.JSON {
		found := map[string]any{"objects": objects, "wrong": total, "flaws": flaws}
		if err := (adminFlags{}).print(s, found); err != nil {
			return err
		}
	} else {
		for _, f := range flaws {
			at := f.Object
			if f.Property != "" {
				at += " " + f.Property
			}
			if at != "" {
				at += ": "
			}
			fmt.Fprintf(s.out, "%s:%d: %s%s\n", clean(f.File), f.Line, clean(at), clean(f.Reason))
		}
	}
	if total > 0 {
		return fault.New(fault.Unsupported, i18n.T("{0} {0:flaw|flaws} in {1} {1:object|objects}",
			"オブジェクト {1} 件に誤り {0} 件").With(total, objects)).
			WithHint(i18n.T("each line above names the file, the line, the object and the property",
				"上の各行にファイル、行、オブジェクト、プロパティーを示しています"))
	}
	if !c.JSON {
		s.say(i18n.T("{0} {0:object|objects}, nothing wrong", "オブジェクト {0} 件、誤りなし").With(objects))
	}
	return nil
}

// object checks one object.
func (c *shareValidate) object(s *session, raw []byte) (list []stixFlaw) {
	if raw == nil {
		return []stixFlaw{{Reason: i18n.T("the object is longer than 16 MB", "オブジェクトが 16 MB を超えています").In(s.lang)}}
	}
	flaw := func(err error) {
		f := stixFlaw{Reason: reason.Of(err).In(s.lang)}
		if e, ok := errors.AsType[*stix.Error](err); ok {
			f.Object, f.Property, f.Reason = e.Object, e.Property, reason.Of(e.Reason).In(s.lang)
		}
		list = append(list, f)
	}
	o, err := stix.Parse(raw)
	if err != nil {
		flaw(err)
		return list
	}
	for _, e := range stix.Validate(o) {
		flaw(e)
	}
	return list
}

// maxInput bounds what is read of one file, unpacked.
const maxInput = 1 << 30

// input returns how to open a file, more than once; - is standard input, which is read first.
func input(name string) (func() (io.ReadCloser, error), error) {
	if name != "-" {
		return func() (io.ReadCloser, error) { return os.Open(name) }, nil
	}
	b, err := io.ReadAll(io.LimitReader(os.Stdin, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(b) > maxInput {
		return nil, fault.New(fault.Invalid, i18n.T("standard input has more than {0} bytes",
			"標準入力が {0} バイトを超えています").With(maxInput))
	}
	return opener(b), nil
}

// opener opens bytes.
func opener(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}
