//go:build race

package flatjson_test

const raceDetector = true
