package feed

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// Bounds of a zip archive.
const (
	maxArchive = 256 << 20 // packed
	maxMembers = 1000
)

// member is a file in an archive.
type member struct {
	name string
	open func() (io.ReadCloser, error)
}

// archive returns the files of a zip archive; nil if it is none. All together unpack to no more
// than Options.MaxBytes, whatever the archive says of their lengths.
func (r *reader) archive(open func() (io.ReadCloser, error)) ([]member, error) {
	f, err := open()
	if err != nil {
		return nil, r.fail(0, i18n.T("it cannot be opened", "開けません"), err)
	}
	defer f.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, r.broken(0, err)
	}
	if string(head[:n]) != "PK\x03\x04" {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(f, maxArchive+1))
	if err != nil {
		return nil, r.broken(0, err)
	}
	if len(body) > maxArchive {
		return nil, r.fail(0, i18n.T("the archive has more than {0} bytes", "書庫が {0} バイトを超えています").With(maxArchive), nil)
	}
	body = append(head, body...)
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, r.fail(1, i18n.T("the zip archive is damaged", "zip 書庫が壊れています"), err)
	}
	list := []member{}
	left := &budget{r: r, left: r.o.MaxBytes}
	for _, f := range z.File {
		base := path.Base(f.Name)
		if f.FileInfo().IsDir() || strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		if f.Flags&1 != 0 {
			return nil, r.fail(1, i18n.T("the zip archive is encrypted: unpack it first",
				"暗号化された zip 書庫です。先に展開してください"), nil)
		}
		if len(list) == maxMembers {
			return nil, r.fail(1, i18n.T("the archive has more than {0} files", "書庫のファイルが {0} 個を超えています").
				With(maxMembers), nil)
		}
		list = append(list, member{base, func() (io.ReadCloser, error) {
			in, err := f.Open()
			if err != nil {
				return nil, err
			}
			return shared{in, left}, nil
		}})
	}
	if len(list) == 0 {
		return nil, r.fail(1, i18n.T("the archive has no files", "書庫にファイルがありません"), nil)
	}
	return list, nil
}

// shared is a file of an archive that reads out of the budget of all.
type shared struct {
	io.ReadCloser
	all *budget
}

func (s shared) Read(p []byte) (int, error) {
	if s.all.left <= 0 {
		return 0, errTooLarge
	}
	n, err := s.ReadCloser.Read(p[:min(int64(len(p)), s.all.left)])
	s.all.left -= int64(n)
	return n, err
}
