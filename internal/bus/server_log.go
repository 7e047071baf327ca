package bus

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serverLog carries an embedded server's warnings and errors to slog. A server that
// cannot reach its peer says so on every try, so the same line is let through
// once a minute. It also remembers the last error, so that a Link can say why
// it is not connected, and the first fatal one, because a server whose logger
// does not end the process goes on half started.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	seen  map[string]time.Time // under mu; the line without its digits -> when it was last let through
	last  string               // under mu
	fatal string               // under mu
}

var _ server.Logger = (*serverLog)(nil)

const (
	sameLine  = time.Minute
	keptLines = 256 // lines remembered
)

func newServerLog(log *slog.Logger, part string) *serverLog {
	return &serverLog{log: orDiscard(log).With("part", part), seen: map[string]time.Time{}}
}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

func (q *serverLog) Noticef(string, ...any) {}
func (q *serverLog) Debugf(string, ...any)  {}
func (q *serverLog) Tracef(string, ...any)  {}

func (q *serverLog) Warnf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	switch {
	case strings.HasPrefix(line, "Maximum payloads over"): // intended: a body of 8 MiB and its headers
		return
	case strings.Contains(line, "InsecureSkipVerify"),
		strings.Contains(line, "certificate chain and hostname will not be verified"):
		return // pki.PinnedTLS verifies the chain against the pin itself
	// a stranger, or a former member, tried to connect; the auth error follows
	case strings.HasPrefix(line, "Account fetch failed"):
		return
	}
	if q.fresh(line) {
		q.log.Warn(line)
	}
}

func (q *serverLog) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	q.mu.Lock()
	q.last = line
	q.mu.Unlock()
	if q.fresh(line) {
		q.log.Error(line)
	}
}

func (q *serverLog) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	q.mu.Lock()
	if q.fatal == "" {
		q.fatal = line
	}
	q.last = line
	q.mu.Unlock()
	q.log.Error(line)
}

func (q *serverLog) lastError() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}

func (q *serverLog) fatalError() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fatal
}

func (q *serverLog) fresh(line string) bool {
	key := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, line)
	// The wall clock: this bounds noise and decides nothing.
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if at, ok := q.seen[key]; ok && now.Sub(at) < sameLine {
		return false
	}
	if len(q.seen) >= keptLines {
		clear(q.seen)
	}
	q.seen[key] = now
	return true
}
