package timeline

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Input is one file to be read.
type Input struct {
	Path string // Stdin for standard input
	Size int64  // bytes on disk; 0 if that cannot be known
	// Named says that somebody named the file itself and not a folder around it:
	// it is read if it is text at all, and it is an error if it cannot be opened.
	Named bool
}

// Stdin is the path of standard input.
const Stdin = "-"

// Inputs lists the files that paths name: files as they are, folders with all
// that is in them, in sorted order. Hidden files, links to folders and what is no
// regular file are left out of folders, and listed in skipped, as is the file
// except, where the results go. A path that does not exist is a fault of kind
// NotFound.
func Inputs(paths []string, except string) (list []Input, skipped []read.SkippedFile, err error) {
	var own fs.FileInfo
	if except != "" {
		own, _ = os.Stat(except) // it need not be there yet
	}
	skip := func(name string, why i18n.Text) { skipped = append(skipped, read.SkippedFile{Name: name, Reason: why}) }
	for _, p := range paths {
		if p == Stdin {
			list = append(list, Input{Path: p, Named: true})
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, nil, openFault(p, err)
		}
		if !info.IsDir() {
			list = append(list, Input{Path: p, Size: sizeOf(info), Named: true})
			continue
		}
		err = filepath.WalkDir(p, func(name string, e fs.DirEntry, err error) error {
			switch {
			case err != nil && name == p:
				return openFault(p, err)
			case err != nil:
				skip(name, fault.TextOf(openFault(name, err)))
				return nil
			case name != p && strings.HasPrefix(e.Name(), "."):
				if e.IsDir() {
					return fs.SkipDir
				}
				skip(name, i18n.T("hidden file", "隠しファイル"))
				return nil
			case e.IsDir():
				return nil
			}
			info, err := os.Stat(name) // follows links to files; links to folders may go in circles
			switch {
			case err != nil:
				skip(name, fault.TextOf(openFault(name, err)))
			case info.IsDir():
				skip(name, i18n.T("link to a folder", "フォルダーへのリンク"))
			case !info.Mode().IsRegular():
				skip(name, i18n.T("not a regular file", "通常のファイルではありません"))
			case own != nil && os.SameFile(own, info):
				skip(name, i18n.T("the results are written to it", "結果の出力先です"))
			default:
				list = append(list, Input{Path: name, Size: info.Size()})
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return list, skipped, nil
}

func sizeOf(info fs.FileInfo) int64 {
	if !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

func openFault(p string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(fault.NotFound, i18n.T("{0} does not exist", "{0} がありません").With(p), err).
			WithHint(i18n.T("check the path; a relative path starts from the current folder", "パスを確認してください。相対パスは現在のフォルダーから数えます"))
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(fault.Denied, i18n.T("{0} may not be read", "{0} を読む権限がありません").With(p), err).
			WithHint(i18n.T("run meneki as a user that may read it", "読み取り権限のある利用者で実行してください"))
	}
	return fault.Wrap(fault.Unavailable, i18n.T("{0} cannot be read", "{0} を読めません").With(p), err)
}

// headSize is how much of a file is looked at to tell what it is.
const headSize = 4096

// foreign says why a file that lies in a folder is passed by; the zero Text if
// it is to be read. head is its beginning.
func foreign(name string, head []byte, all bool, hint read.Hint) i18n.Text {
	form, why := read.Sniff(name, head, all)
	if form == read.Foreign {
		return why
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n\x00")
	if form == read.Whole || form == read.Log || text == "" || text[0] == '{' || text[0] == '[' {
		return i18n.Text{}
	}
	d := new(read.Decoder)
	for i := 0; i < 10 && text != ""; i++ {
		line, rest, _ := strings.Cut(text, "\n")
		list, err := d.Line(event.Source{Name: name}, []byte(strings.TrimSpace(line)), hint)
		if err == nil && len(list) > 0 && known(list[0]) {
			return i18n.Text{}
		}
		text = rest
	}
	return i18n.T("not a log that can be recognised", "認識できるログではありません")
}

// known reports whether a record was more than a line of text.
func known(ev *event.Event) bool {
	return ev.Product != "" || ev.Service != "" || ev.Categories != nil || ev.Host != "" || !ev.Time.Equal(ev.Seen)
}

// headOf reads the beginning of f and goes back to its start.
func headOf(f *os.File) (head []byte, all bool, err error) {
	head = make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		all = true
	case err != nil:
		return nil, false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, false, err
	}
	return head[:n], all, nil
}
