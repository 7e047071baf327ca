package timeline

import (
	"io"
	"os"
	"slices"

	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
)

// Input is one file to be read.
type Input = read.File

// Stdin is the path of standard input.
const Stdin = "-"

// Inputs lists the files that paths name, as read.Files does. Stdin stands for
// standard input. The file except, where the results go, is left out of folders
// and listed in skipped.
func Inputs(paths []string, except string) (list []Input, skipped []read.SkippedFile, err error) {
	for at := 0; at < len(paths); {
		n := slices.Index(paths[at:], Stdin)
		if n < 0 {
			n = len(paths) - at
		}
		files, passed, err := read.Files(paths[at : at+n])
		if err != nil {
			return nil, nil, err
		}
		list, skipped = append(list, files...), append(skipped, passed...)
		if at += n; at < len(paths) {
			list = append(list, Input{Path: Stdin, Named: true})
			at++
		}
	}
	own, err := os.Stat(except)
	if except == "" || err != nil { // it need not be there yet
		return list, skipped, nil
	}
	list = slices.DeleteFunc(list, func(in Input) bool {
		info, err := os.Stat(in.Path)
		if in.Named || err != nil || !os.SameFile(own, info) {
			return false
		}
		skipped = append(skipped, read.SkippedFile{Name: in.Path, Reason: i18n.T("the results are written to it",
			"結果の出力先です")})
		return true
	})
	return list, skipped, nil
}

// countedFile is a file on disk that reports to a meter part how much of it was read.
type countedFile struct {
	read.OnDisk
	p *part
}

func (c countedFile) Read(b []byte) (int, error) {
	n, err := c.OnDisk.Read(b)
	c.p.more(n)
	return n, err
}

func (c countedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.OnDisk.ReadAt(b, at)
	c.p.more(n)
	return n, err
}

// counted is a stream that reports to a meter part how far it is.
type counted struct {
	in io.Reader
	p  *part
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.p.more(n)
	return n, err
}
