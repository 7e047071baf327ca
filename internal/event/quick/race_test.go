//go:build race

package quick_test

const raceDetector = true
