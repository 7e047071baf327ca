package pki_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
)

var hosts = []string{"hub.example.org", "127.0.0.1", "::1"}

func ensure(t *testing.T, dir string, hosts []string, now clock.Clock) (*tls.Config, []byte, string) {
	t.Helper()
	conf, ca, pin, err := pki.EnsureCA(dir, hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return conf, ca, pin
}

// shake does a handshake in memory and gives the client's error and what it saw.
func shake(t *testing.T, server, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	srv := tls.Server(a, server)
	go func() { _ = srv.Handshake(); _, _ = srv.Write([]byte("x")) }()
	c := tls.Client(b, client)
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

func TestHandshakes(t *testing.T) {
	conf, ca, pin := ensure(t, t.TempDir(), hosts, clock.System)
	_, _, otherPin := ensure(t, t.TempDir(), hosts, clock.System)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("the CA is not PEM")
	}
	if _, err := shake(t, conf, pki.PinnedTLS(pin)); err != nil {
		t.Errorf("the right pin: %v", err)
	}
	for _, h := range hosts {
		if _, err := shake(t, conf, &tls.Config{RootCAs: roots, ServerName: h}); err != nil {
			t.Errorf("host %s: %v", h, err)
		}
	}
	for name, c := range map[string]*tls.Config{
		"another pin": pki.PinnedTLS(otherPin),
		"no pin":      pki.PinnedTLS(""),
		"half a pin":  pki.PinnedTLS(pin[:20]),
	} {
		if _, err := shake(t, conf, c); err == nil || !strings.Contains(err.Error(), "pki:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A clock that is wrong is told apart from a hub that is another.
	for name, off := range map[string]time.Duration{"behind": 365 * 24 * time.Hour, "ahead": -365 * 24 * time.Hour} {
		there, _ := clock.Fixed(time.Now().Add(off))
		later, _, itsPin := ensure(t, t.TempDir(), hosts, there)
		if _, err := shake(t, later, pki.PinnedTLS(itsPin)); err == nil ||
			!strings.Contains(err.Error(), pki.WrongClock) {
			t.Errorf("a clock that is %s: %v", name, err)
		}
		if _, err := shake(t, later, pki.PinnedTLS(otherPin)); err == nil ||
			strings.Contains(err.Error(), pki.WrongClock) {
			t.Errorf("another hub, and a clock that is %s: %v", name, err)
		}
	}
	if _, err := shake(t, conf, &tls.Config{RootCAs: roots, ServerName: "elsewhere.example.org"}); err == nil {
		t.Error("another host is accepted")
	}
	if _, err := shake(t, conf, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is served")
	}
}

// A server that shows the true CA beside a certificate of its own must not pass.
func TestPinIsOfTheSigner(t *testing.T) {
	dir := t.TempDir()
	_, ca, pin := ensure(t, dir, hosts, clock.System)
	evil, _, _ := ensure(t, t.TempDir(), hosts, clock.System)
	cert, err := evil.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(ca)
	posing := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Certificate[0], block.Bytes},
		PrivateKey: cert.PrivateKey}}}
	if _, err := shake(t, posing, pki.PinnedTLS(pin)); err == nil {
		t.Error("a foreign certificate beside the true CA is accepted")
	}
}

func TestStaysAndRenews(t *testing.T) {
	dir := t.TempDir()
	now, hand := clock.Fixed(time.Now())
	conf, ca, pin := ensure(t, dir, hosts, now)
	first, err := conf.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	conf2, ca2, pin2 := ensure(t, dir, hosts, now)
	second, err := conf2.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if pin2 != pin || !bytes.Equal(ca, ca2) || !first.Leaf.Equal(second.Leaf) {
		t.Error("a restart made something new")
	}
	// Running, the certificate renews itself in time.
	hand.Add(59 * 24 * time.Hour)
	if c, err := conf.GetCertificate(nil); err != nil || !c.Leaf.Equal(first.Leaf) {
		t.Errorf("renewed too early: %v", err)
	}
	hand.Add(3 * 24 * time.Hour)
	c, err := conf.GetCertificate(nil)
	if err != nil || c.Leaf.Equal(first.Leaf) || c.Leaf.NotAfter.Before(now().Add(80*24*time.Hour)) {
		t.Errorf("not renewed: %v", err)
	}
	// Other hosts need another certificate, and the pin stays.
	conf3, _, pin3 := ensure(t, dir, []string{"new.example.org"}, now)
	third, err := conf3.GetCertificate(nil)
	if err != nil || pin3 != pin || third.Leaf.VerifyHostname("new.example.org") != nil {
		t.Errorf("other hosts: %v, %v", third.Leaf.DNSNames, err)
	}
	// The CA's certificate is signed anew with the same key.
	hand.Add(7 * 365 * 24 * time.Hour)
	_, ca4, pin4 := ensure(t, dir, hosts, now)
	if pin4 != pin || bytes.Equal(ca4, ca) {
		t.Error("the CA is not renewed under the same pin")
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	ensure(t, dir, hosts, clock.System)
	for _, f := range []string{"ca.key", "ca.crt", "server.key", "server.crt"} {
		fi, err := os.Stat(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, fi.Mode())
		}
	}
	// A damaged server certificate is made again; a damaged CA is said, never replaced.
	for _, f := range []string{"server.key", "server.crt"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		ensure(t, dir, hosts, clock.System)
	}
	for _, f := range []string{"ca.key", "ca.crt"} {
		path := filepath.Join(dir, f)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, good[:len(good)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := pki.EnsureCA(dir, hosts, clock.System); !fault.Is(err, fault.Storage) {
			t.Errorf("damaged %s: %v", f, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := pki.EnsureCA(dir, hosts, clock.System); !fault.Is(err, fault.Storage) {
		t.Errorf("lost ca.key: %v", err)
	}
	if _, _, _, err := pki.EnsureCA(t.TempDir(), nil, clock.System); !fault.Is(err, fault.Invalid) {
		t.Errorf("no hosts: %v", err)
	}
	if _, _, _, err := pki.EnsureCA(t.TempDir(), []string{"名前"}, clock.System); !fault.Is(err, fault.Invalid) {
		t.Errorf("bad host: %v", err)
	}
	if _, _, _, err := pki.EnsureCA(filepath.Join(dir, "server.crt", "x"), hosts, clock.System); !fault.Is(err,
		fault.Storage) {
		t.Errorf("no folder: %v", err)
	}
}

func FuzzCheckPin(f *testing.F) {
	for _, s := range []string{"", "sha256:", "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
		"sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV", "SHA256:x",
		"sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3\rhSuFU", "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pin string) {
		err := pki.CheckPin(pin)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		if err == nil && len(pin) != len("sha256:")+43 {
			t.Fatalf("%q is a pin", pin)
		}
		if verr := pki.PinnedTLS(pin).VerifyConnection(tls.ConnectionState{}); verr == nil ||
			!strings.HasPrefix(verr.Error(), "pki:") {
			t.Fatalf("nothing was shown and %v", verr)
		}
	})
}
