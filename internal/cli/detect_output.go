package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// result is where a timeline goes: standard output, or a file that takes the
// place of an older one only when it is whole.
type result struct {
	to   io.Writer
	file *os.File // nil for standard output
	name string   // what the file is to be called; "" if it has its name
}

func openResult(out io.Writer, name string) (*result, error) {
	if name == "" || name == "-" {
		return &result{to: out}, nil
	}
	failed := func(err error) error {
		return fault.Wrap(fault.Storage, i18n.T("{0} cannot be written", "{0} に書き込めません").With(name), err).
			WithHint(i18n.T("choose a folder that exists and that you may write to", "存在し、書き込み権限のあるフォルダーを指定してください"))
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, fault.New(fault.Invalid, i18n.T("{0} is a folder", "{0} はフォルダーです").With(name)).WithHint(
			i18n.T("name a file in it", "その中のファイル名を指定してください"),
		)
	case err == nil && !info.Mode().IsRegular(): // a device or a pipe
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, failed(err)
		}
		return &result{to: f, file: f}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".meneki-*.part")
	if err != nil {
		return nil, failed(err)
	}
	return &result{to: f, file: f, name: name}, nil
}

// Write implements io.Writer.
func (r *result) Write(b []byte) (int, error) { return r.to.Write(b) }

// keep ends the file and gives it its name.
func (r *result) keep() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	if err == nil && r.name != "" {
		err = os.Rename(r.file.Name(), r.name)
	}
	if err != nil {
		return fault.Wrap(fault.Storage, i18n.T("{0} cannot be written", "{0} に書き込めません").With(r.name), err)
	}
	r.file = nil
	return nil
}

// abandon removes a file that was not kept.
func (r *result) abandon() {
	if r.file != nil {
		r.file.Close()
		if r.name != "" {
			_ = os.Remove(r.file.Name())
		}
	}
}

// terminal reports whether w is one.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}

// tell prints a line on standard error in the session's language.
func (s *session) tell(t i18n.Text) { fmt.Fprintln(s.err, t.In(s.lang)) }
