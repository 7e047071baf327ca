package backup

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/fault"
)

// A backup that is cut short is said to be that, wherever it is cut, and leaves
// nothing that a hub could be started with.
func TestCutBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	data, dir := t.TempDir(), t.TempDir()
	key := make([]byte, 300_000)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(data, "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "tls", "key.pem"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(dir, "b.tar.zst")
	if _, err := Write(t.Context(), data, whole); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []int{0, 1, 50, 99} {
		cut, into := filepath.Join(dir, "cut"), filepath.Join(dir, "into")
		if err := os.WriteFile(cut, b[:len(b)*part/100], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), cut, into); !fault.Is(err, fault.Invalid) {
			t.Errorf("%d %%: %v", part, err)
		}
		if list, err := os.ReadDir(into); err != nil || len(list) > 0 {
			t.Errorf("%d %%: %v is left, %v", part, list, err)
		}
	}
	if n, err := Restore(t.Context(), whole, filepath.Join(dir, "into")); err != nil || n != 1 {
		t.Errorf("the whole one: %d files, %v", n, err)
	}
}

func TestBackupSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	to := filepath.Join(t.TempDir(), "b.tar.zst")
	if _, err := Write(t.Context(), data, to); !fault.Is(err, fault.NotFound) {
		t.Errorf("a folder that is no hub's and no node's: %v", err)
	}
	if err := os.Mkdir(filepath.Join(data, "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), data, filepath.Join(data, "tls", "b.tar.zst")); !fault.Is(err, fault.Invalid) {
		t.Errorf("into the data folder itself: %v", err)
	}
	if _, err := Write(t.Context(), data, filepath.Join(data+"-away", "b.tar.zst")); !fault.Is(err, fault.NotFound) {
		t.Errorf("into a folder that is not there: %v", err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("a backup of nothing was written")
	}
}
