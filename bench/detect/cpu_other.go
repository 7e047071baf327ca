//go:build !unix

package main

import "time"

var began = time.Now()

// cpu is the clock's time where the time of a core is not to be had.
func cpu() time.Duration { return time.Since(began) }
