package bus

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// secret is the hub's one bus secret, 32 random bytes in DIR/bus/secret. Every
// key of the bus is derived from it (RFC 5869, SHA-256), so that a restart has
// the same operator and the same account for the same member, and there is one
// file to guard and to back up.
type secret [32]byte

func loadSecret(dir string) (secret, error) {
	var s secret
	path := filepath.Join(dir, "secret")
	b, err := os.ReadFile(path)
	switch {
	case err == nil && len(b) == len(s):
		copy(s[:], b)
		return s, nil
	case err == nil:
		return s, fault.New(fault.Storage,
			i18n.T("the hub's bus secret in {0} is damaged", "{0} にあるハブの通信用秘密情報が壊れています").With(path)).
			WithHint(i18n.T("restore the file from a backup; removing it makes every member enrol again",
				"バックアップから戻してください。削除すると全構成員の再登録が必要になります"))
	case !errors.Is(err, fs.ErrNotExist):
		return s, storageFault(path, err)
	}
	if _, err := rand.Read(s[:]); err != nil {
		return s, fmt.Errorf("bus: make secret: %w", err)
	}
	if err := writeNew(path, s[:]); err != nil {
		return s, storageFault(path, err)
	}
	return s, nil
}

// writeNew writes a whole file or none, readable by the owner only.
func writeNew(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// key derives the key of one name, for example "operator" or "member/<id>/<key>".
func (s secret) key(prefix nkeys.PrefixByte, name string) (nkeys.KeyPair, string, error) {
	raw, err := hkdf.Key(sha256.New, s[:], nil, "meneki bus "+name, 32)
	if err != nil {
		return nil, "", fmt.Errorf("bus: derive %s: %w", name, err)
	}
	kp, err := nkeys.FromRawSeed(prefix, raw)
	if err != nil {
		return nil, "", fmt.Errorf("bus: derive %s: %w", name, err)
	}
	pub, err := kp.PublicKey()
	if err != nil {
		return nil, "", fmt.Errorf("bus: derive %s: %w", name, err)
	}
	return kp, pub, nil
}

// NewUserKey makes the key that a member proves itself with. The seed stays
// where it was made; only the public key travels.
func NewUserKey() (seed []byte, publicKey string, err error) {
	kp, err := nkeys.CreateUser()
	if err != nil {
		return nil, "", fmt.Errorf("bus: make user key: %w", err)
	}
	defer kp.Wipe()
	pub, err := kp.PublicKey()
	if err != nil {
		return nil, "", fmt.Errorf("bus: make user key: %w", err)
	}
	sd, err := kp.Seed()
	if err != nil {
		return nil, "", fmt.Errorf("bus: make user key: %w", err)
	}
	return append([]byte(nil), sd...), pub, nil
}

// KeepUserKey returns the key whose seed is in a file, and creates both first if they
// are not there. Who joins asks with the same key again when an answer was lost,
// and is known by it.
func KeepUserKey(path string) (seed []byte, publicKey string, err error) {
	if seed, err = os.ReadFile(path); err == nil {
		if kp, err := nkeys.FromSeed(seed); err == nil {
			defer kp.Wipe()
			if publicKey, err = kp.PublicKey(); err == nil && nkeys.IsValidPublicUserKey(publicKey) {
				return seed, publicKey, nil
			}
		}
		// What a crash left of it joined nobody: the key is made before it is used.
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", storageFault(path, err)
	}
	if seed, publicKey, err = NewUserKey(); err != nil {
		return nil, "", err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = f.Write(seed)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return nil, "", storageFault(path, err)
	}
	return seed, publicKey, nil
}

func storageFault(path string, err error) error {
	return fault.Wrap(fault.Storage, i18n.T("cannot read or write {0}", "{0} を読み書きできません").With(path), err).
		WithHint(i18n.T("check free space and that meneki's user owns the folder",
			"空き容量と、フォルダの所有者が meneki の実行ユーザーであることを確認してください"))
}
