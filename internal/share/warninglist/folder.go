package warninglist

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
)

// Folder is the lists of a folder: a checkout of MISP/misp-warninglists, or JSON files of
// that form. A nil Folder and one without a path hold nothing. It is safe for concurrent use.
type Folder struct {
	Path string
	Log  *slog.Logger

	set atomic.Pointer[Set]
}

// maxFiles bounds the lists of a folder.
const maxFiles = 2000

// Lists returns what was read last.
func (f *Folder) Lists() Set {
	if f == nil {
		return nil
	}
	if s := f.set.Load(); s != nil {
		return *s
	}
	return nil
}

// Find returns what of the lists a value meets, one entry a list.
func (f *Folder) Find(o event.Observable) []Hit { return f.Lists().Find(o) }

// Load reads the folder. A list that cannot be read is left out and logged; a folder that
// cannot be, or that holds no list, is an error, and what was read before stays.
func (f *Folder) Load(ctx context.Context) error {
	if f == nil || f.Path == "" {
		return nil
	}
	var set Set
	err := filepath.WalkDir(f.Path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		nested := filepath.Dir(path) != filepath.Clean(f.Path)
		if d.IsDir() || !strings.HasSuffix(path, ".json") || nested && d.Name() != "list.json" {
			return nil
		}
		if len(set) == maxFiles {
			return fmt.Errorf("more than %d lists", maxFiles)
		}
		l, err := readFile(path)
		if err != nil {
			f.Log.Warn("a warninglist is left out", slog.String("file", path), slog.Any("err", err))
			return nil
		}
		set = append(set, l)
		return nil
	})
	if err == nil && len(set) == 0 {
		err = errors.New("no list in it")
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, i18n.T("the warninglists in {0} cannot be read",
			"{0} の警告リストを読み取れません").With(f.Path), err)
	}
	f.set.Store(&set)
	return nil
}

func readFile(path string) (*List, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return Read(r)
}

// Module reads the folder at the start and every hour.
func Module(f *Folder) role.Module {
	return role.Module{
		Name: "warninglists", Load: f.Load,
		Jobs: map[string]func(context.Context) error{"read-warninglists": f.Load},
	}
}
