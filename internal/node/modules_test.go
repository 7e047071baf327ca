package node

import (
	"testing"

	"github.com/meneki/meneki/internal/role"
)

// To make a node's modules touches neither the database nor the network: here there is
// none, and whatever used it would panic. Commands beside a node make them, too.
func TestComposeTouchesNothing(t *testing.T) {
	cfg := Config{Data: t.TempDir()}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	n := &Node{cfg: cfg}
	list, err := n.compose()
	if err != nil {
		t.Fatal(err)
	}
	if len(role.Migrations(list)) == 0 {
		t.Error("the modules bring no tables")
	}
	for _, err := range role.Close(list) { // none of them was started
		t.Error(err)
	}
}
