package demo

import (
	"context"
	"slices"
)

// Pages lists the paths of every page of a hub and of a node, for the tests
// that hold the documents to what exists. It opens a demo to look; where that
// fails there are none.
func Pages() []string {
	d, err := Open(context.Background(), Config{})
	if err != nil {
		return nil
	}
	defer d.Close()
	list := append(d.Hub.Paths(), d.members[0].node.Paths()...)
	slices.Sort(list)
	return slices.Compact(list)
}
