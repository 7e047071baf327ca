package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
)

// ticker shows on standard error how far something is, on one line that it takes
// away again. Where that is no terminal it shows nothing.
type ticker struct {
	s  *session
	on bool

	mu   sync.Mutex
	last time.Time
}

func newTicker(s *session) *ticker {
	f, ok := s.err.(*os.File)
	return &ticker{s: s, on: ok && isTerminal(f)}
}

// tell shows a text, five times a second at most.
func (t *ticker) tell(text i18n.Text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := clock.System(); t.on && now.Sub(t.last) > 200*time.Millisecond {
		t.last = now
		fmt.Fprint(t.s.err, "\r\x1b[2K"+fit(text.In(t.s.lang), 79))
	}
}

// stop takes the line away.
func (t *ticker) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.on {
		fmt.Fprint(t.s.err, "\r\x1b[2K")
		t.on = false
	}
}
