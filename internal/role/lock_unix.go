//go:build unix

package role

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// LockDir keeps a second hub or node out of a data folder. The lock ends with the
// process, however that ends.
func LockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, StorageFault(dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fault.Wrap(fault.Conflict, i18n.T("another meneki is using the data folder {0}",
			"データフォルダー {0} は別の meneki が使用中です").With(dir), err).
			WithHint(i18n.T("stop it, or choose another folder with --data", "それを停止するか、--data で別のフォルダーを指定してください"))
	}
	return f, nil
}
