package read

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// File is one file to be read.
type File struct {
	Path string
	Size int64 // bytes on disk; 0 if that cannot be known
	// Named says that the file itself was named and not a folder around it:
	// it is read if it is text at all, and it is an error if it cannot be opened.
	Named bool
}

// Files lists the files that paths name: files as they are, folders with all
// that is in them, in sorted order. Hidden files, links to folders and what is no
// regular file are left out of folders, and listed in skipped. A path that does
// not exist is a fault of kind NotFound.
func Files(paths []string) (list []File, skipped []SkippedFile, err error) {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return nil, nil, openFault(p, err)
		}
	}
	skip := func(name string, why i18n.Text) { skipped = append(skipped, SkippedFile{name, why}) }
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, nil, openFault(p, err)
		}
		if !info.IsDir() {
			f := File{Path: p, Named: true}
			if info.Mode().IsRegular() {
				f.Size = info.Size()
			}
			list = append(list, f)
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
			default:
				list = append(list, File{Path: name, Size: info.Size()})
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return list, skipped, nil
}

func openFault(p string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(fault.NotFound, i18n.T("{0} does not exist", "{0} がありません").With(p), err).
			WithHint(i18n.T("check the path; a relative path starts from the current folder",
				"パスを確認してください。相対パスは現在のフォルダーから数えます"))
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(fault.Denied, i18n.T("{0} may not be read", "{0} を読む権限がありません").With(p), err).
			WithHint(i18n.T("give the user that runs meneki the right to read it", "meneki を実行する利用者に読み取り権限を与えてください"))
	}
	return fault.Wrap(fault.Unavailable, i18n.T("{0} cannot be read", "{0} を読めません").With(p), err)
}

// file reads a file, or lists why not.
func (r *reader) file(ctx context.Context, in File) error {
	if why := skipName(in.Path, in.Named); !why.Zero() {
		r.report.skip(in.Path, why)
		return nil
	}
	f, err := os.Open(in.Path)
	if err != nil {
		if in.Named {
			return openFault(in.Path, err)
		}
		r.report.skip(in.Path, fault.TextOf(openFault(in.Path, err)))
		return nil
	}
	defer f.Close()
	if r.wrap != nil {
		return r.open(ctx, in, r.wrap(f))
	}
	return r.open(ctx, in, f)
}

// open reads a file that is open.
func (r *reader) open(ctx context.Context, in File, f OnDisk) error {
	r.unpacked, r.wait = r.opts.MaxUnpacked, nil
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return r.stream(ctx, in.Path, r.waitFor(ctx, f), in.Named, 0) // a pipe
	}
	return r.stream(ctx, in.Path, f, in.Named, 0)
}
