package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// datagrams receives UDP: one message a datagram.
func (s *Syslog) datagrams(ctx context.Context) {
	buf := make([]byte, 64<<10)
	d := new(read.Decoder)
	var number int64
	for {
		n, peer, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier datagram
		}
		if n > s.opts.MaxMessage {
			s.tooLarge.Add(1)
			continue
		}
		number++
		s.put(ctx, d, event.Source{Sensor: "syslog", Name: "udp://" + peer.Addr().Unmap().String(), Record: number},
			buf[:n], false)
	}
}

// accept takes connections until the listener is closed.
func (s *Syslog) accept(ctx context.Context, l net.Listener, config *tls.Config, readers *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, for instance: others go on.
			s.opts.Log.Warn("accepting a syslog connection", "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if s.open.Add(1) > int64(s.opts.MaxConns) {
			s.open.Add(-1)
			s.refused.Add(1)
			c.Close()
			continue
		}
		readers.Go(func() {
			defer s.open.Add(-1)
			s.serve(ctx, c, config)
		})
	}
}

func (s *Syslog) serve(ctx context.Context, c net.Conn, config *tls.Config) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	scheme := "tcp://"
	if config != nil {
		scheme = "tls://"
		t := tls.Server(c, config)
		hello, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := t.HandshakeContext(hello)
		cancel()
		if err != nil {
			s.refused.Add(1)
			return
		}
		c = t
	}
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		host = c.RemoteAddr().String()
	}
	source := event.Source{Sensor: "syslog", Name: scheme + host}
	f := framing{
		in: bufio.NewReaderSize(c, 32<<10), max: s.opts.MaxMessage,
		idle: func() { _ = c.SetReadDeadline(time.Now().Add(s.opts.Idle)) },
		slow: func() { _ = c.SetReadDeadline(time.Now().Add(s.opts.Slow)) },
	}
	d := new(read.Decoder)
	for ctx.Err() == nil {
		message, err := f.next()
		if len(message) > 0 {
			source.Offset = f.start
			source.Record++
			s.put(ctx, d, source, message, true)
		}
		switch {
		case err == nil:
		case errors.Is(err, errTooLarge):
			s.tooLarge.Add(1)
		default:
			if !errors.Is(err, io.EOF) && f.inside && ctx.Err() == nil {
				s.broken.Add(1)
			}
			return
		}
	}
}

var (
	errTooLarge = errors.New("message too large")
	errFraming  = errors.New("framing broken")
)

// framing cuts a stream into messages (RFC 6587 section 3.4): "LEN <PRI>…" by
// octet counting, anything else by line. Both may follow one another.
type framing struct {
	in         *bufio.Reader
	max        int
	idle, slow func() // set the time that the next read may take; may do nothing
	at, start  int64  // bytes read, and where the last message began
	inside     bool   // a message has begun and not ended
	long       []byte
}

// next returns the next message, valid until the call after. errTooLarge leaves
// the stream after the message; other errors end it. io.EOF may come with a last
// line that has no line break.
func (f *framing) next() ([]byte, error) {
	f.inside = false
	f.idle()
	for {
		b, err := f.in.Peek(1)
		if err != nil {
			return nil, err
		}
		if b[0] != '\n' && b[0] != '\r' && b[0] != 0 && b[0] != ' ' {
			break
		}
		f.skip(1)
	}
	f.inside = true
	f.slow()
	f.start = f.at
	if n, head := f.count(); head > 0 {
		f.skip(head)
		f.start = f.at
		return f.counted(n)
	}
	return f.line()
}

func (f *framing) skip(n int) {
	k, _ := f.in.Discard(n)
	f.at += int64(k)
}

// count reads "LEN " if it is before "<"; head is its length.
func (f *framing) count() (n int64, head int) {
	for i := 0; i < 12; i++ {
		b, err := f.in.Peek(i + 1)
		if err != nil {
			return 0, 0
		}
		switch c := b[i]; {
		case c >= '1' && c <= '9' || c == '0' && i > 0:
			n = n*10 + int64(c-'0')
		case c == ' ' && i > 0:
			if b, err := f.in.Peek(i + 2); err == nil && b[i+1] == '<' {
				return n, i + 1
			}
			return 0, 0
		default:
			return 0, 0
		}
	}
	return 0, 0
}

func (f *framing) counted(n int64) ([]byte, error) {
	if n > 1<<30 {
		return nil, errFraming
	}
	if n > int64(f.max) {
		k, err := io.CopyN(io.Discard, f.in, n)
		f.at += k
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, errTooLarge
	}
	f.long = append(f.long[:0], make([]byte, n)...)
	k, err := io.ReadFull(f.in, f.long)
	f.at += int64(k)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return f.long, nil
}

func (f *framing) line() ([]byte, error) {
	f.long = f.long[:0]
	over := false
	for {
		b, err := f.in.ReadSlice('\n')
		f.at += int64(len(b))
		if over = over || len(f.long)+len(b) > f.max+1; !over {
			f.long = append(f.long, b...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case over && err == nil:
			return nil, errTooLarge
		case err == nil:
			return f.long, nil
		case errors.Is(err, io.EOF) && !over:
			return f.long, io.EOF
		}
		return nil, err
	}
}
