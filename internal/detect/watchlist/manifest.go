package watchlist

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// manifest names the files that are the list. Replacing it is what makes a
// change of files happen; whatever it does not name is left over and removed.
type manifest struct {
	Version  int      `json:"version"`
	Seed     uint64   `json:"seed,string"`
	Segment  string   `json:"segment"`  // "" if there is none yet
	Journals []string `json:"journals"` // newest first
	Next     int      `json:"next"`     // the number of the next file
}

const (
	manifestName    = "manifest"
	manifestVersion = 1
)

// clone lets a change be tried without touching what holds.
func (m manifest) clone() manifest {
	m.Journals = slices.Clone(m.Journals)
	return m
}

// name returns the name for a new file.
func (m *manifest) name(what string) string {
	m.Next++
	return fmt.Sprintf("%s-%08d", what, m.Next)
}

// write replaces the manifest in dir; it holds when this returns without error.
func (m manifest) write(dir string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("watchlist: %w", err)
	}
	text = fmt.Appendf(text, "\n%08x\n", castagnoli(text))
	path := filepath.Join(dir, manifestName)
	f, err := os.Create(path + ".new")
	if err != nil {
		return fmt.Errorf("watchlist: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("watchlist: %w", err)
	}
	return nil
}

// syncDir makes names last. Not every system can sync a folder; where it is
// refused the names are as safe as the system makes them.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// readManifest reads the manifest of dir; ok is false in an empty folder.
func readManifest(dir string) (m manifest, ok bool, err error) {
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		left, err := leftovers(dir, manifest{})
		if err != nil {
			return m, false, err
		}
		if slices.ContainsFunc(left, func(n string) bool { return strings.HasPrefix(n, "segment-") }) {
			return m, false, &DamagedError{File: path, Reason: "it is not there, and segments are"}
		}
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("watchlist: %w", err)
	}
	damaged := func(why string) error { return &DamagedError{File: path, Reason: why} }
	body, sum, found := bytes.Cut(text, []byte("\n"))
	if !found || string(sum) != fmt.Sprintf("%08x\n", castagnoli(body)) {
		return m, false, damaged("its checksum is wrong")
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, false, damaged(err.Error())
	}
	if m.Version != manifestVersion {
		return m, false, fmt.Errorf("watchlist: %s is of version %d; this program reads version %d", path, m.Version,
			manifestVersion)
	}
	for _, n := range append([]string{m.Segment}, m.Journals...) {
		if n != filepath.Base(n) && n != "" {
			return m, false, damaged("it names a file of another folder")
		}
	}
	if len(m.Journals) == 0 {
		return m, false, damaged("it names no journal")
	}
	return m, true, nil
}

// leftovers lists our own files in dir that m does not name.
func leftovers(dir string, m manifest) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("watchlist: %w", err)
	}
	var out []string
	for _, e := range list {
		n := e.Name()
		ours := strings.HasPrefix(n, "segment-") || strings.HasPrefix(n, "journal-") || strings.HasPrefix(n, "load-") ||
			n == manifestName+".new"
		if ours && e.Type().IsRegular() && n != m.Segment && !slices.Contains(m.Journals, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// newSeed makes the seed of a folder. A list's author who knew it could make
// many values of one fingerprint and so slow look-ups down.
func newSeed() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}
