//go:build race

package hunt_test

const raceDetector = true
