package history

import (
	"errors"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// errLocked says that another process holds the lock.
var errLocked = errors.New("locked")

func lockFault(dir string, err error) error {
	if !errors.Is(err, errLocked) {
		return storageFault(err)
	}
	return fault.Wrap(fault.Conflict, i18n.T("another process uses the event history in {0}",
		"別のプロセスが {0} の事象の履歴を使用しています").With(dir), err).
		WithHint(i18n.T("stop the other meneki, or give this one its own folder with --data",
			"もう一方の meneki を停止するか、--data で別のフォルダーを指定してください"))
}
