//go:build race

package demo

// underRace tells that the race detector watches, which makes SQLite some
// twenty times slower. What runs in one goroutine need not be watched in full.
const underRace = true
