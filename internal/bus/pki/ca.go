// Package pki is the hub's own small certificate authority: one CA that signs
// the hub's server certificate and nothing else, and the pin by which a member
// that was invited knows it. It needs no outside authority.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// How long certificates live. Each is renewed when a third of its life is left.
const (
	caLife     = 10 * 365 * 24 * time.Hour
	serverLife = 90 * 24 * time.Hour
	skew       = time.Hour // a member's clock may be behind by this much
)

// EnsureCA loads the CA and the hub's server certificate from dir, making what
// is not there yet. hosts are the names and addresses that members may use.
// The server certificate renews itself in the running program, and at a start
// with other hosts; the CA's key, and with it the pin, stays for ever. Keys are
// ECDSA P-256; all files are for their owner only (0600).
//
// The configuration serves TLS 1.3 and newer. caPEM is the CA's certificate.
func EnsureCA(dir string, hosts []string, now clock.Clock) (conf *tls.Config, caPEM []byte, pin string, err error) {
	if len(hosts) == 0 {
		return nil, nil, "", fault.New(fault.Invalid,
			i18n.T("the hub needs a name or an address for its certificate", "ハブの証明書には名前かアドレスが必要です"))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, "", storage(dir, err)
	}
	a := &authority{dir: dir, hosts: slices.Sorted(slices.Values(hosts)), now: now}
	if err := a.load(); err != nil {
		return nil, nil, "", err
	}
	if _, err := a.certificate(); err != nil {
		return nil, nil, "", err
	}
	conf = &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.certificate() },
	}
	return conf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.ca.Raw}), PinOf(a.ca), nil
}

type authority struct {
	dir   string
	hosts []string // sorted
	now   clock.Clock

	mu     sync.Mutex
	key    crypto.Signer
	ca     *x509.Certificate
	server *tls.Certificate // under mu
	warned bool             // under mu; a failed renewal was logged
}

// load reads or makes the CA. A certificate near its end is renewed with
// the same key.
func (a *authority) load() error {
	keyPath, crtPath := filepath.Join(a.dir, "ca.key"), filepath.Join(a.dir, "ca.crt")
	key, err := readKey(keyPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(crtPath); err == nil {
			return damaged(crtPath, errors.New("the certificate is there and its key is not"))
		}
		if key, err = makeKey(keyPath); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	a.key = key
	crt, err := readCert(crtPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now := a.now()
	if crt != nil && !samePublic(crt.PublicKey, key.Public()) {
		return damaged(crtPath, errors.New("the certificate is not of the key beside it"))
	}
	if crt == nil || old(crt, now) {
		tmpl := &x509.Certificate{
			Subject:   pkix.Name{CommonName: "meneki hub CA"},
			NotBefore: now.Add(-skew), NotAfter: now.Add(caLife),
			IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		}
		if crt, err = sign(tmpl, tmpl, key.Public(), key); err != nil {
			return err
		}
		if err := write(crtPath, "CERTIFICATE", crt.Raw); err != nil {
			return err
		}
	}
	a.ca = crt
	return nil
}

// certificate returns the server's certificate, with the CA's, renewing it when
// it is due. If a renewal fails while the old one is still good, the old one goes on.
func (a *authority) certificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.server == nil {
		if c := a.stored(); c != nil {
			a.server = c
		}
	}
	if a.server != nil && !old(a.server.Leaf, now) {
		return a.server, nil
	}
	c, err := a.issue(now)
	if err != nil {
		if a.server != nil && now.Before(a.server.Leaf.NotAfter) {
			if !a.warned {
				a.warned = true
				slog.Warn("the hub's certificate cannot be renewed; the old one is still good", "until",
					a.server.Leaf.NotAfter, "err", err)
			}
			return a.server, nil
		}
		return nil, err
	}
	a.server, a.warned = c, false
	return c, nil
}

// stored returns the certificate in dir if it is of this CA and for these hosts.
// A damaged one is nothing to complain about: a new one costs nothing.
func (a *authority) stored() *tls.Certificate {
	key, err := readKey(filepath.Join(a.dir, "server.key"))
	if err != nil {
		return nil
	}
	crt, err := readCert(filepath.Join(a.dir, "server.crt"))
	if err != nil || !samePublic(crt.PublicKey, key.Public()) || crt.CheckSignatureFrom(a.ca) != nil {
		return nil
	}
	names, ips := split(a.hosts)
	if !slices.Equal(crt.DNSNames, names) || !slices.EqualFunc(crt.IPAddresses, ips, net.IP.Equal) {
		return nil
	}
	return a.chain(crt, key)
}

func (a *authority) issue(now time.Time) (*tls.Certificate, error) {
	key, err := makeKey(filepath.Join(a.dir, "server.key"))
	if err != nil {
		return nil, err
	}
	names, ips := split(a.hosts)
	tmpl := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "meneki hub"},
		NotBefore: now.Add(-skew), NotAfter: now.Add(serverLife),
		DNSNames: names, IPAddresses: ips,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	crt, err := sign(tmpl, a.ca, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	if err := write(filepath.Join(a.dir, "server.crt"), "CERTIFICATE", crt.Raw); err != nil {
		return nil, err
	}
	return a.chain(crt, key), nil
}

// chain shows the CA as well, because a pinning client has no copy of it.
func (a *authority) chain(crt *x509.Certificate, key crypto.Signer) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{crt.Raw, a.ca.Raw}, PrivateKey: key, Leaf: crt}
}

// old reports whether less than a third of c's life is left.
func old(c *x509.Certificate, now time.Time) bool {
	return c.NotAfter.Sub(now) < c.NotAfter.Sub(c.NotBefore)/3
}

func split(hosts []string) (names []string, ips []net.IP) {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			ips = append(ips, ip)
		} else {
			names = append(names, h)
		}
	}
	return names, ips
}

func sign(tmpl, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("pki: sign: %w", err)
	}
	tmpl.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, pub, key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("cannot make the hub's certificate", "ハブの証明書を作成できません"),
			fmt.Errorf("pki: sign: %w", err)).
			WithHint(i18n.T("check the names and addresses of the hub in the configuration",
				"設定にあるハブの名前とアドレスを確認してください"))
	}
	return x509.ParseCertificate(der)
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(*ecdsa.PublicKey)
	return ok && k.Equal(b)
}

func makeKey(path string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("pki: make key: %w", err)
	}
	return key, write(path, "PRIVATE KEY", der)
}
