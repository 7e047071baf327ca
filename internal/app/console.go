package app

import (
	"net/http"
)

// console is the pages and the API of a hub or a node.
type console struct {
	mux *http.ServeMux
}

func (c *console) handler() http.Handler { return c.mux }

// tell makes open pages show what changed.
func (c *console) tell(topic string) {}

func hubConsole(h *Hub) (*console, error)  { return &console{mux: http.NewServeMux()}, nil }
func nodeConsole(n *Node) (*console, error) { return &console{mux: http.NewServeMux()}, nil }
