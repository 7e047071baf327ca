//go:build race

package timeline

// raced says that the race detector makes everything slow.
const raced = true
