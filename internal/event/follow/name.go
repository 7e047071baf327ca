package follow

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// entry is a file that can be followed.
type entry struct {
	path  string
	info  os.FileInfo
	named bool   // by a pattern, not found in a folder
	log   string // what it is a generation of, if it no longer has the name
}

// name returns the path that is named as the source of the events of the file.
func (e entry) name() string { return cmp.Or(e.log, e.path) }

// open opens the file; it is an error if another file has its path by now.
func (e entry) open() (*os.File, error) {
	h, err := os.Open(e.path)
	if err != nil {
		return nil, err
	}
	info, err := h.Stat()
	if err != nil || !os.SameFile(info, e.info) {
		h.Close()
		return nil, os.ErrNotExist
	}
	return h, nil
}

// list returns the regular files that the patterns name: files, folders
// recursively, and globs. missing are the patterns that name nothing.
func list(patterns []string) (found []entry, missing []string) {
	seen := map[string]bool{}
	add := func(p string, info os.FileInfo, named bool) {
		if info.Mode().IsRegular() && !seen[p] {
			seen[p] = true
			found = append(found, entry{path: p, info: info, named: named})
		}
	}
	for _, pattern := range patterns {
		paths := []string{pattern}
		if _, err := os.Stat(pattern); err != nil {
			paths, _ = filepath.Glob(pattern)
		}
		if len(paths) == 0 {
			missing = append(missing, pattern)
		}
		for _, p := range paths {
			info, err := os.Stat(p)
			if err != nil {
				continue
			}
			if !info.IsDir() {
				add(p, info, true)
				continue
			}
			_ = filepath.WalkDir(p, func(name string, e fs.DirEntry, err error) error {
				if err != nil {
					return nil // gone meanwhile, or not ours to read
				}
				if name != p && strings.HasPrefix(e.Name(), ".") {
					if e.IsDir() {
						return fs.SkipDir
					}
					return nil
				}
				if !e.IsDir() {
					if info, err := os.Stat(name); err == nil {
						add(name, info, false)
					}
				}
				return nil
			})
		}
	}
	slices.SortFunc(found, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return found, missing
}

var packed = regexp.MustCompile(`(?i)\.(gz|zst|bz2|xz|zip|Z)$`)

// rotation is what rotating a log adds after its name or before its extension.
var rotation = regexp.MustCompile(`^(?:[.-]?(?:\d{1,4}|\d{8,14}|\d{4}-\d\d-\d\d[-T_0-9:.]*|old|bak|[0-9]{10}))+$`)

// rotatedOf reports whether name is what a rotation makes of base: base.1,
// base-20260102, stem-20260102.ext, packed or not.
func rotatedOf(name, base string) bool {
	name = packed.ReplaceAllString(name, "")
	if rest, ok := strings.CutPrefix(name, base); ok {
		return rest == "" || rotation.MatchString(rest)
	}
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	if ext == "" || stem == "" || !strings.HasPrefix(name, stem) || !strings.HasSuffix(name, ext) ||
		len(name) <= len(base) {
		return false
	}
	return rotation.MatchString(name[len(stem) : len(name)-len(ext)])
}

// rotatedLog reports whether the packed file at p is an older state of a log
// that is beside it: that log is followed, and its past was read.
func rotatedLog(p string, logs map[string]bool) bool {
	if !packed.MatchString(p) {
		return false
	}
	dir, name := filepath.Split(p)
	for l := range logs {
		d, base := filepath.Split(l)
		if d == dir && base != name && rotatedOf(name, base) {
			return true
		}
	}
	return false
}
