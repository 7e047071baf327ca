//go:build !unix

package history

import (
	"errors"
	"os"
)

// lock holds a folder for one process. After a crash the file must be removed by
// hand where the system has no locks that end with the process.
type lock struct {
	f    *os.File
	path string
}

func takeLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	return &lock{f, path}, nil
}

func (l *lock) release() error { return errors.Join(l.f.Close(), os.Remove(l.path)) }
