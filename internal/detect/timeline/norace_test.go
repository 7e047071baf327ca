//go:build !race

package timeline

const raced = false
