//go:build race

package demo

// underRace reports whether the race detector is on, which makes SQLite some
// twenty times slower. What runs in one goroutine need not be watched in full.
const underRace = true
