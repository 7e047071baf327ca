// Package backup copies the data folder of a hub or a node into one file, also
// while it runs, and restores it.
package backup

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/role/control"
	"github.com/meneki/meneki/internal/store"
)

// left out of a backup: what is rebuilt, and what belongs to a running process.
func leftOut(rel string, d fs.DirEntry) bool {
	name := filepath.Base(rel)
	switch {
	case strings.HasSuffix(name, ".db"), strings.HasSuffix(name, ".db-wal"), strings.HasSuffix(name, ".db-shm"):
		return true // the database is copied through itself
	case name == "lock", rel == control.File, strings.HasSuffix(name, ".new"), strings.HasPrefix(name, ".probe-"):
		return true
	case d.IsDir():
		return name == "tmp" || rel == role.WatchlistFolder // copied as of one moment
	}
	return false
}

// Write writes a consistent copy of a data folder to one file: the database as
// of one moment, the keys, and the history's finished files. It may be called
// while the hub or node runs. It returns the number of files.
func Write(ctx context.Context, data, to string) (n int, err error) {
	if _, err := os.Stat(data); err != nil {
		return 0, fault.Wrap(fault.NotFound, i18n.T("there is no data folder {0}", "データフォルダー {0} がありません").With(data),
			err)
	}
	if err := backsUp(data, to); err != nil {
		return 0, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(to), ".meneki-backup-*")
	if err != nil {
		return 0, role.StorageFault(to, err)
	}
	defer os.RemoveAll(tmp)
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return 0, fault.Wrap(fault.Conflict, i18n.T("{0} is there already", "{0} は既に存在します").With(to),
			err).WithHint(i18n.T("choose another file name", "別のファイル名を指定してください"))
	}
	if err != nil {
		return 0, role.StorageFault(to, err)
	}
	defer func() {
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			err = errors.Join(role.StorageFault(to, err), os.Remove(to))
		}
	}()
	z, err := zstd.NewWriter(f)
	if err != nil {
		return 0, err
	}
	t := tar.NewWriter(z)
	if n, err = addTree(ctx, t, data); err != nil {
		return n, err
	}
	m, err := addDatabases(ctx, t, data, tmp)
	if err != nil {
		return n, errors.Join(err, t.Close(), z.Close())
	}
	k, err := addWatchlist(t, data)
	return n + m + k, errors.Join(err, t.Close(), z.Close())
}

// backsUp reports what speaks against a backup of data to the file to.
func backsUp(data, to string) error {
	// With its state in PostgreSQL, a hub has its keys here and no database.
	if !slices.ContainsFunc([]string{"hub.db", "node.db", "tls"}, func(name string) bool {
		_, err := os.Stat(filepath.Join(data, name))
		return err == nil
	}) {
		return fault.New(fault.NotFound,
			i18n.T("{0} is no data folder of a hub or a node", "{0} はハブやノードのデータフォルダーではありません").With(data)).
			WithHint(i18n.T("name the folder that the hub or node is started with (--data)",
				"ハブやノードの起動時に指定したフォルダー（--data）を指定してください"))
	}
	in, err := os.Stat(filepath.Dir(to))
	if err != nil || !in.IsDir() {
		return fault.Wrap(fault.NotFound, i18n.T("there is no folder {0}", "フォルダー {0} がありません").With(filepath.Dir(to)),
			err).
			WithHint(i18n.T("make it, or choose another place for the backup", "フォルダーを作成するか、別の場所を指定してください"))
	}
	from, err := filepath.EvalSymlinks(data)
	if err != nil {
		return role.StorageFault(data, err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(to))
	if err != nil {
		return role.StorageFault(to, err)
	}
	if rel, err := filepath.Rel(from, dir); err == nil && filepath.IsLocal(rel) {
		return fault.New(fault.Invalid,
			i18n.T("the backup would be part of itself: {0} is in the data folder",
				"{0} はデータフォルダーの中にあるため、バックアップ自身を含むことになります").With(to)).
			WithHint(i18n.T("choose a place elsewhere, best on another disk", "別の場所、できれば別のディスクを指定してください"))
	}
	return nil
}

func addTree(ctx context.Context, t *tar.Writer, data string) (n int, err error) {
	return n, filepath.WalkDir(data, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			return ctx.Err() // gone meanwhile: a segment that was sealed
		}
		rel, rerr := filepath.Rel(data, p)
		if err = errors.Join(err, rerr); err != nil {
			return err
		}
		if rel != "." && leftOut(rel, d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if err := addFile(t, p, rel); !errors.Is(err, fs.ErrNotExist) {
			n++
			return err
		}
		return nil
	})
}

// addDatabases copies each SQLite file as of one moment.
func addDatabases(ctx context.Context, t *tar.Writer, data, tmp string) (n int, err error) {
	for _, name := range []string{"hub.db", "node.db"} {
		src := filepath.Join(data, name)
		if _, err := os.Stat(src); err != nil {
			continue
		}
		db, err := store.Open(ctx, store.Options{URL: src, Clock: clock.System})
		if err != nil {
			return n, err
		}
		err = errors.Join(db.Backup(ctx, filepath.Join(tmp, name)), db.Close())
		if err == nil {
			err = addFile(t, filepath.Join(tmp, name), name)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// addWatchlist copies the files of a node's watchlist as of one moment.
func addWatchlist(t *tar.Writer, data string) (n int, err error) {
	list, err := watchlist.Snapshot(filepath.Join(data, role.WatchlistFolder))
	for _, f := range list {
		if err == nil {
			err = addOpen(t, f, filepath.Join(role.WatchlistFolder, filepath.Base(f.Name())))
			n++
		}
		_ = f.Close()
	}
	return n, err
}

func addFile(t *tar.Writer, path, rel string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return addOpen(t, f, rel)
}

func addOpen(t *tar.Writer, f *os.File, rel string) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: filepath.ToSlash(rel), Mode: 0o600, Size: st.Size(),
		ModTime: st.ModTime()}); err != nil {
		return err
	}
	// A log that grows meanwhile is cut where it was; its reader cuts a torn end.
	_, err = io.CopyN(t, f, st.Size())
	return err
}

// Restore makes a data folder out of a backup. It returns the number of files. If
// the backup is not whole, nothing of it is left, so that it cannot be started by mistake.
func Restore(ctx context.Context, from, data string) (n int, err error) {
	if list, err := os.ReadDir(data); err == nil && len(list) > 0 {
		return 0, fault.New(fault.Conflict, i18n.T("the folder {0} is not empty", "フォルダー {0} は空ではありません").With(data)).
			WithHint(i18n.T("restore into a new folder, then start with it", "新しいフォルダーに復元し、それを指定して起動してください"))
	}
	f, err := os.Open(from)
	if err != nil {
		return 0, fault.Wrap(fault.NotFound, i18n.T("there is no backup {0}", "バックアップ {0} がありません").With(from), err).
			WithHint(i18n.T("check the path", "パスを確認してください"))
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return 0, err
	}
	defer z.Close()
	if err := role.EnsureDir(data); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(data)
	if err != nil {
		return 0, role.StorageFault(data, err)
	}
	defer root.Close()
	if n, err = restoreAll(ctx, root, data, from, tar.NewReader(z)); err != nil {
		return n, errors.Join(err, empty(root, data))
	}
	return n, nil
}

func restoreAll(ctx context.Context, root *os.Root, data, from string, t *tar.Reader) (n int, err error) {
	broken := func(err error) error {
		return fault.Wrap(fault.Invalid, i18n.T("{0} is not a whole backup", "{0} は完全なバックアップではありません").With(from), err).
			WithHint(i18n.T("nothing was restored; take another copy of it, or the backup before it",
				"何も復元していません。別の複製か、一つ前のバックアップを使ってください"))
	}
	for ; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			if _, err := root.Stat("node.db"); err == nil {
				return n, nil
			}
			return n, restoreFile(root, role.RestoredFile,
				strings.NewReader("The hub counts its deliveries anew when it starts, and removes this file.\n"))
		}
		if err != nil || ctx.Err() != nil {
			return n, broken(errors.Join(err, ctx.Err()))
		}
		in := &source{r: t}
		if err := restoreFile(root, filepath.FromSlash(h.Name), in); in.err != nil {
			return n, broken(in.err)
		} else if err != nil {
			return n, role.StorageFault(data, err)
		}
	}
}

// source keeps why it could not be read, which is no fault of the disk that is
// written to.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// empty removes what a restore has written into its folder.
func empty(root *os.Root, data string) error {
	list, err := os.ReadDir(data)
	for _, e := range list {
		err = errors.Join(err, root.RemoveAll(e.Name()))
	}
	return err
}

func restoreFile(root *os.Root, name string, r io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}
