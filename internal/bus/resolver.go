package bus

import (
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// resolver returns the JWT of an account to the hub's server. It holds them in
// memory: they are signed again at every start, from the one secret.
type resolver struct {
	mu   sync.RWMutex
	jwts map[string]string // under mu; account's public key -> its JWT
}

var _ server.AccountResolver = (*resolver)(nil)

func (r *resolver) Fetch(name string) (string, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if j, ok := r.jwts[name]; ok {
		return j, nil
	}
	return "", server.ErrMissingAccount
}

func (r *resolver) Store(name, jwt string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jwts[name] = jwt
	return nil
}

func (r *resolver) remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.jwts, name)
}

func (r *resolver) IsReadOnly() bool           { return false }
func (r *resolver) Start(*server.Server) error { return nil }
func (r *resolver) IsTrackingUpdate() bool     { return false }
func (r *resolver) Reload() error              { return nil }
func (r *resolver) Close()                     {}
