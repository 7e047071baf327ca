package node

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/role/control"
)

// The socket for commands beside the running node, in its data folder; see package
// control. A path to a socket may be only about 100 bytes long.
const (
	controlName    = "control"
	maxControlPath = 96
)

// openControlSocket lets commands in until ctx ends.
func (n *Node) openControlSocket(ctx context.Context, g *errgroup.Group) error {
	data, err := filepath.Abs(n.cfg.Data)
	if err != nil {
		return role.StorageFault(n.cfg.Data, err)
	}
	path, made := filepath.Join(data, controlName), ""
	if len(path) > maxControlPath {
		if made, err = os.MkdirTemp("", "meneki-"); err != nil {
			return role.StorageFault(os.TempDir(), err)
		}
		path = filepath.Join(made, controlName)
	}
	_ = os.Remove(path) // one that a killed process left; the data folder is ours
	lis, err := net.Listen("unix", path)
	if err == nil {
		err = errors.Join(os.Chmod(path, 0o600), os.WriteFile(filepath.Join(data, control.File), []byte(path), 0o600))
	}
	if err != nil {
		return role.StorageFault(path, err)
	}
	var server *http.Server
	mux := control.NewMux(data, n.cfg.Clock)
	for _, m := range n.modules {
		if m.Control != nil {
			m.Control(mux)
		}
	}
	role.Serve(ctx, g, lis, mux, n.cfg.Log, &server)
	g.Go(func() error {
		<-ctx.Done()
		_ = os.Remove(filepath.Join(data, control.File))
		if made != "" {
			_ = os.RemoveAll(made)
		}
		return nil
	})
	return nil
}
