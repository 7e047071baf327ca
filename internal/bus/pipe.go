package bus

import (
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// pipe makes connections to a server in this process. The server's own are
// unbuffered (net.Pipe): when it wants to say why it refuses a client while the
// client is still writing, both wait for the other until a deadline of ten
// seconds. So the client's side gets a buffer.
type pipe struct{ srv *server.Server }

// InProcessConn is what nats.InProcessServer asks for.
func (p pipe) InProcessConn() (net.Conn, error) {
	c, err := p.srv.InProcessConn()
	if err != nil {
		return nil, err
	}
	b := &buffered{Conn: c}
	b.more.L = &b.mu
	go b.pump()
	return b, nil
}

const (
	pipeBuffer = 256 << 10 // Write waits above it
	pipeKeep   = 1 << 20   // a larger buffer is given back after use
)

// buffered is a connection whose Write does not wait for the reader.
type buffered struct {
	net.Conn
	mu   sync.Mutex
	more sync.Cond // on mu: something below has changed
	buf  []byte    // under mu; not yet written
	err  error     // under mu; why no more can be written
}

func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.buf) > pipeBuffer && b.err == nil {
		b.more.Wait()
	}
	if b.err != nil {
		return 0, b.err
	}
	b.buf = append(b.buf, p...)
	b.more.Broadcast()
	return len(p), nil
}

func (b *buffered) pump() {
	var spare []byte
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.err == nil {
		if len(b.buf) == 0 {
			b.more.Wait()
			continue
		}
		out := b.buf
		b.buf = spare[:0]
		b.more.Broadcast()
		b.mu.Unlock()
		_, err := b.Conn.Write(out)
		b.mu.Lock()
		if spare = out; cap(spare) > pipeKeep {
			spare = nil
		}
		if err != nil && b.err == nil {
			b.err = err
			b.more.Broadcast()
		}
	}
}

// Close drops what is not yet written; flush first to keep it.
func (b *buffered) Close() error {
	b.mu.Lock()
	if b.err == nil {
		b.err = net.ErrClosed
	}
	b.more.Broadcast()
	b.mu.Unlock()
	return b.Conn.Close()
}

// SetDeadline sets that of reading; Write is bounded by the server's life.
func (b *buffered) SetDeadline(t time.Time) error { return b.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing, see SetDeadline.
func (b *buffered) SetWriteDeadline(time.Time) error { return nil }
