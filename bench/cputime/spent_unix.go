//go:build unix

// Package cputime measures by the time of a core, as far as the system tells it.
package cputime

import (
	"syscall"
	"time"
)

// Spent is the time that a core has spent on this process, which other work on the
// machine does not stretch as it does the clock's time.
func Spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
