//go:build !unix

// Package cputime measures by the time of a core, as far as the system tells it.
package cputime

import "time"

var began = time.Now()

// Spent is the clock's time where the time of a core is not to be had.
func Spent() time.Duration { return time.Since(began) }
