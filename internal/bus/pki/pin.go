package pki

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

const pinPrefix = "sha256:"

// PinOf names a CA's key: "sha256:" and the unpadded base64url of the SHA-256
// of its SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). The key outlives the
// certificate, so a pin does too.
func PinOf(ca *x509.Certificate) string {
	sum := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.RawURLEncoding.EncodeToString(sum[:])
}

// CheckPin says whether a pin can be one; it fails with Invalid.
func CheckPin(pin string) error {
	_, err := parsePin(pin)
	return err
}

func parsePin(pin string) ([]byte, error) {
	rest, ok := strings.CutPrefix(pin, pinPrefix)
	// The decoder steps over line breaks, so the length is looked at first.
	if ok && len(rest) == base64.RawURLEncoding.EncodedLen(sha256.Size) {
		if b, err := base64.RawURLEncoding.Strict().DecodeString(rest); err == nil && len(b) == sha256.Size {
			return b, nil
		}
	}
	return nil, fault.New(fault.Invalid, i18n.T("the hub's pin is not valid", "ハブのピンの値が正しくありません")).
		WithHint(i18n.T("copy the whole invitation again", "招待状の全体をもう一度コピーしてください"))
}

// PinnedTLS returns a client configuration that trusts exactly the certificates
// of the CA that pin names, and none if pin is not valid. The host name is not
// compared: the hub's CA signs for the hub alone, and a member may reach it by
// an address that the hub does not know of. TLS 1.3 or newer. The handshake's
// error begins with "pki:" when it is the pin that does not fit.
func PinnedTLS(pin string) *tls.Config {
	want, perr := parsePin(pin)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The standard verification knows roots and names, not pins; the whole
		// verification is in VerifyConnection, which runs on resumption too.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if perr != nil {
				return fmt.Errorf("pki: %w", perr)
			}
			return verify(cs.PeerCertificates, want)
		},
	}
}

// WrongClock is in the text of an error that comes of a certificate of the pinned
// CA that does not hold now: what carries the error has its text only.
const WrongClock = "this machine's clock says"

func verify(chain []*x509.Certificate, want []byte) error {
	if len(chain) == 0 {
		return errors.New("pki: the hub showed no certificate")
	}
	roots := x509.NewCertPool()
	found := false
	for _, c := range chain[1:] {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		if c.IsCA && subtle.ConstantTimeCompare(sum[:], want) == 1 {
			roots.AddCert(c)
			found = true
		}
	}
	if !found {
		return errors.New("pki: the hub's certificate is not of the pinned CA")
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	// The pinned CA is there, so it is no stranger; a machine that starts with
	// its clock in 1970 must be told about the clock, not about an attack.
	if bad := (x509.CertificateInvalidError{}); errors.As(err, &bad) && bad.Reason == x509.Expired {
		return fmt.Errorf("pki: %s %s, and the certificate that the hub shows holds from %s to %s: %w", WrongClock,
			clock.System().UTC().Format(time.RFC3339), bad.Cert.NotBefore.UTC().Format(time.RFC3339),
			bad.Cert.NotAfter.UTC().Format(time.RFC3339), err)
	}
	if err != nil {
		return fmt.Errorf("pki: the hub's certificate does not verify: %w", err)
	}
	return nil
}
