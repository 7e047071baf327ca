package app

import (
	"context"
	"slices"
)

// Pages lists the paths of every page of a hub and of a node, for the tests
// that hold the documents to what exists. It opens a demo to look; where that
// fails there are none.
func Pages() []string {
	d, err := OpenDemo(context.Background(), DemoConfig{})
	if err != nil {
		return nil
	}
	defer d.Close()
	list := append(d.Hub.console.site.Paths(), d.members[0].node.console.site.Paths()...)
	slices.Sort(list)
	return slices.Compact(list)
}
