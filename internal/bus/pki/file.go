package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// readPEM returns the first block of a file. A file that is not there is
// fs.ErrNotExist, unwrapped.
func readPEM(path, kind string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, storage(path, err)
	}
	p, _ := pem.Decode(b)
	if p == nil || p.Type != kind {
		return nil, damaged(path, errors.New("no PEM block of type "+kind))
	}
	return p.Bytes, nil
}

func readKey(path string) (crypto.Signer, error) {
	der, err := readPEM(path, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, damaged(path, err)
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, damaged(path, errors.New("not a signing key"))
	}
	return s, nil
}

func readCert(path string) (*x509.Certificate, error) {
	der, err := readPEM(path, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, damaged(path, err)
	}
	return c, nil
}

// write replaces a file as a whole, for its owner only.
func write(path, kind string, der []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return storage(path, err)
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return storage(path, err)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return storage(path, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return storage(path, err)
	}
	return nil
}

func storage(path string, err error) error {
	return fault.Wrap(fault.Storage, i18n.T("cannot read or write {0}", "{0} を読み書きできません").With(path), err).
		WithHint(i18n.T("check free space and that meneki's user owns the folder",
			"空き容量と、フォルダの所有者が meneki の実行ユーザーであることを確認してください"))
}

func damaged(path string, err error) error {
	return fault.Wrap(fault.Storage, i18n.T("the file {0} is damaged", "ファイル {0} が壊れています").With(path), err).
		WithHint(i18n.T("restore it from a backup; a new CA makes every member enrol again",
			"バックアップから戻してください。認証局を作り直すと全構成員の再登録が必要になります"))
}
