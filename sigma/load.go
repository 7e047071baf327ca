package sigma

import (
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Load reads all files below root whose names end in .yml or .yaml, in any
// number of folders; folders whose names begin with a dot are left out. What
// cannot be read or understood is listed in Refused and the rest goes on; err is
// only for a root that cannot be read at all. Several files are parsed at once.
// The result depends only on what the files hold. Correlation rules and filters
// are loaded and put together with the rules: see [Collection.Set].
func Load(fsys fs.FS, root string, opts ...Option) (*Set, error) {
	c, err := LoadCollection(fsys, root, opts...)
	if err != nil {
		return nil, err
	}
	return c.Set(), nil
}

// LoadCollection is Load without putting the documents together, so that those
// of several places can be: correlation rules and filters then reach rules of
// other places.
func LoadCollection(fsys fs.FS, root string, opts ...Option) (*Collection, error) {
	o := collect(opts)
	var paths []string
	all := &Collection{}
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == root:
			return err
		case err != nil:
			all.refuse(&ParseError{Path: name, Reason: reasons.New("sigma.file.unreadable", err)}, "")
		case d.IsDir():
			if name != root && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		case isRuleFile(name):
			paths = append(paths, name)
		}
		return nil
	})
	if err != nil {
		return nil, reasons.New("sigma.read", root, err)
	}
	results := make([]*Collection, len(paths))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(paths); i = int(next.Add(1)) - 1 {
				results[i] = loadFile(fsys, paths[i], o)
			}
		})
	}
	workers.Wait()
	for _, c := range results {
		all.Add(c)
	}
	return all, nil
}

func isRuleFile(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yml" || ext == ".yaml"
}

// loadFile reads no more of a file than it may hold.
func loadFile(fsys fs.FS, name string, o *options) *Collection {
	data, err := func() ([]byte, error) {
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, int64(o.maxSize)+1))
	}()
	if err != nil {
		return &Collection{Refused: []*ParseError{{Path: name, Reason: reasons.New("sigma.file.unreadable", err)}}}
	}
	return parse(name, data, o, false)
}
