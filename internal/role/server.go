package role

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// TakePort takes a port, or says which one is taken and which flag names another.
func TakePort(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fault.Wrap(fault.Conflict, i18n.T("cannot listen on {0}: the port is in use or not allowed",
			"{0} で待ち受けできません。ポートが使用中か、許可されていません").With(addr), err).
			WithHint(i18n.T("stop the other program or choose another address with {0}",
				"他のプログラムを止めるか、{0} で別のアドレスを指定してください").With(flag))
	}
	return l, nil
}

// Serve runs an HTTP server in g until ctx ends.
func Serve(ctx context.Context, g *errgroup.Group, lis net.Listener, handler http.Handler, log *slog.Logger,
	out **http.Server) {
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	*out = s
	g.Go(func() error {
		if err := s.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return shutdown(s)
	})
}

// shutdown ends a server, letting requests finish that are short.
func shutdown(s *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		return s.Close()
	}
	return nil
}
