package watchlist

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Snapshot opens the files that are the list in dir as of one moment, the
// manifest first; nil if there is no list. It may be called while another process
// works on the list: what is merged away meanwhile stays readable through what it
// gives, and what is added meanwhile may be in it or not. The caller closes them.
func Snapshot(dir string) (list []*os.File, err error) {
	for range 10 {
		again := false
		list, again, err = snapshotOnce(dir)
		if !again {
			return list, err
		}
	}
	return nil, fmt.Errorf("watchlist: %s changes faster than it can be copied", dir)
}

func snapshotOnce(dir string) (list []*os.File, again bool, err error) {
	give := func(again bool, err error) ([]*os.File, bool, error) {
		for _, f := range list {
			f.Close()
		}
		return nil, again, err
	}
	// Opened before it is read: replacing it makes another file.
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("watchlist: %w", err)
	}
	list = append(list, f)
	m, ok, err := readManifest(dir)
	if err != nil || !ok {
		return give(err == nil, err)
	}
	mine, err1 := f.Stat()
	now, err2 := os.Stat(f.Name())
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(mine, now) {
		return give(errors.Is(err, fs.ErrNotExist) || err == nil, err)
	}
	for _, n := range append([]string{m.Segment}, m.Journals...) {
		if n == "" {
			continue
		}
		f, err := os.Open(filepath.Join(dir, n))
		if errors.Is(err, fs.ErrNotExist) {
			return give(true, nil) // merged away since
		}
		if err != nil {
			return give(false, fmt.Errorf("watchlist: %w", err))
		}
		list = append(list, f)
	}
	return list, false, nil
}
