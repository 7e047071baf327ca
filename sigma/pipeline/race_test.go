//go:build race

package pipeline

// raced says that the race detector, which is slow, looks on.
const raced = true
